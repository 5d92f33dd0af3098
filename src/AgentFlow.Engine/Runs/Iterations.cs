using System.Text.Json;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Runs;

/// <summary>What a <c>foreach</c> knows of its iterations, by index. Changed by <see cref="Reducer"/> alone.</summary>
public sealed class Iterations
{
    private readonly ReadOnlyMemory<byte>[] _items;
    private readonly Payload?[] _parsed;

    /// <param name="items">A JSON array.</param>
    internal Iterations(Payload items)
    {
        Items = items;
        _items = [.. Split(items.Utf8)];
        _parsed = new Payload?[_items.Length];
        Outputs = new Payload?[_items.Length];
        Errors = new StepError?[_items.Length];
        Statuses = new NodeStatus?[_items.Length];
    }

    /// <summary>What is iterated over.</summary>
    public Payload Items { get; }

    public int Count => _items.Length;

    public Payload?[] Outputs { get; }

    public StepError?[] Errors { get; }

    /// <summary><see langword="null"/> while the iteration has not ended.</summary>
    public NodeStatus?[] Statuses { get; }

    public int Succeeded { get; private set; }

    /// <summary>Iterations that ended otherwise.</summary>
    public int Failed { get; private set; }

    /// <summary>One item, as it stands in the list.</summary>
    public Payload this[int index] => _parsed[index] ??= new Payload(_items[index]);

    internal void End(int index, NodeStatus status, Payload? output, StepError? error)
    {
        Statuses[index] = status;
        Outputs[index] = status == NodeStatus.Succeeded ? output : null;
        Errors[index] = status == NodeStatus.Succeeded ? null : error;
        Succeeded += status == NodeStatus.Succeeded ? 1 : 0;
        Failed += status == NodeStatus.Succeeded ? 0 : 1;
    }

    /// <summary>How many elements a JSON value has; <see langword="null"/> when it is not an array.</summary>
    internal static int? CountOf(Payload value)
    {
        var reader = new Utf8JsonReader(value.Utf8.Span, Options);
        return reader.Read() && reader.TokenType == JsonTokenType.StartArray ? Split(value.Utf8).Count : null;
    }

    private static JsonReaderOptions Options => new() { MaxDepth = 512 };

    private static List<ReadOnlyMemory<byte>> Split(ReadOnlyMemory<byte> array)
    {
        var parts = new List<ReadOnlyMemory<byte>>();
        var reader = new Utf8JsonReader(array.Span, Options);
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            int start = (int)reader.TokenStartIndex;
            reader.Skip();
            parts.Add(array[start..(int)reader.BytesConsumed]);
        }

        return parts;
    }
}
