using System.Buffers;
using System.Text.Json;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Scheduling;

/// <summary>The JSON object inside an inbox item; which fields are set depends on the item's kind.</summary>
public sealed record InboxContent
{
    /// <summary>A signal's name.</summary>
    public string Name { get; init; } = "";

    public string By { get; init; } = "";

    public string Reason { get; init; } = "";

    /// <summary>The node visit that a resolution is about.</summary>
    public int Node { get; init; }

    public StepResolution Resolution { get; init; }

    public Payload? Payload { get; init; }

    public ReadOnlyMemory<byte> Write()
    {
        var buffer = new ArrayBufferWriter<byte>(128);
        using var writer = new Utf8JsonWriter(buffer);
        writer.WriteStartObject();
        WriteText(writer, "name", Name);
        WriteText(writer, "by", By);
        WriteText(writer, "reason", Reason);
        writer.WriteNumber("node", Node);
        writer.WriteNumber("resolution", (int)Resolution);
        if (Payload is not null)
        {
            writer.WritePropertyName("payload");
            writer.WriteRawValue(Payload.Utf8.Span, skipInputValidation: true);
        }

        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenMemory;
    }

    public static InboxContent Read(ReadOnlyMemory<byte> data)
    {
        using JsonDocument document = JsonDocument.Parse(data, new JsonDocumentOptions { MaxDepth = 512 });
        JsonElement root = document.RootElement;
        return new InboxContent
        {
            Name = Text(root, "name"),
            By = Text(root, "by"),
            Reason = Text(root, "reason"),
            Node = root.TryGetProperty("node", out JsonElement node) ? node.GetInt32() : 0,
            Resolution = root.TryGetProperty("resolution", out JsonElement resolution) ? (StepResolution)resolution.GetInt32() : StepResolution.Retry,
            Payload = root.TryGetProperty("payload", out JsonElement payload) ? Payload.FromText(payload.GetRawText()) : null,
        };
    }

    private static void WriteText(Utf8JsonWriter writer, string name, string value)
    {
        if (value.Length > 0)
        {
            writer.WriteString(name, value);
        }
    }

    private static string Text(JsonElement root, string name) => root.TryGetProperty(name, out JsonElement value) ? value.GetString() ?? "" : "";
}
