using System.Buffers;
using System.Text.Json;

namespace AgentFlow.Engine.Runs;

internal static class JsonPayload
{
    /// <summary>A JSON string, or null.</summary>
    public static Payload Text(string? value) => value is null ? Payload.Null : new Payload(JsonSerializer.SerializeToUtf8Bytes(value, StringJson.Default.String));

    public static Payload Number(long value) => new(System.Text.Encoding.UTF8.GetBytes(value.ToString(System.Globalization.CultureInfo.InvariantCulture)));

    /// <summary>One JSON array from parts that are JSON already; <see langword="null"/> stands for null.</summary>
    public static Payload Array(IReadOnlyList<Payload?> items)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true });
        writer.WriteStartArray();
        foreach (Payload? item in items)
        {
            writer.WriteRawValue((item ?? Payload.Null).Utf8.Span, skipInputValidation: true);
        }

        writer.WriteEndArray();
        writer.Flush();
        return new Payload(buffer.WrittenMemory);
    }

    /// <summary>One JSON object from parts that are JSON already.</summary>
    public static Payload Object(IEnumerable<(string Name, Payload Value)> properties)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true });
        writer.WriteStartObject();
        foreach ((string name, Payload value) in properties)
        {
            writer.WritePropertyName(name);
            writer.WriteRawValue(value.Utf8.Span, skipInputValidation: true);
        }

        writer.WriteEndObject();
        writer.Flush();
        return new Payload(buffer.WrittenMemory);
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(string))]
[System.Text.Json.Serialization.JsonSerializable(typeof(int))]
internal sealed partial class StringJson : System.Text.Json.Serialization.JsonSerializerContext;
