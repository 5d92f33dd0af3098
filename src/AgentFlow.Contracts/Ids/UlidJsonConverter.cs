using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentFlow.Contracts.Ids;

/// <summary>A ULID is a JSON string; anything else is a <see cref="JsonException"/> that carries the place.</summary>
internal sealed class UlidJsonConverter : JsonConverter<Ulid>
{
    public override Ulid Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            throw new JsonException($"A ULID is a string of {Ulid.TextLength} characters, not a {reader.TokenType}.");
        }

        return ReadText(ref reader);
    }

    public override void Write(Utf8JsonWriter writer, Ulid value, JsonSerializerOptions options)
    {
        Span<byte> text = stackalloc byte[Ulid.TextLength];
        value.TryFormat(text, out _);
        writer.WriteStringValue(text);
    }

    public override Ulid ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        ReadText(ref reader);

    public override void WriteAsPropertyName(Utf8JsonWriter writer, Ulid value, JsonSerializerOptions options)
    {
        Span<byte> text = stackalloc byte[Ulid.TextLength];
        value.TryFormat(text, out _);
        writer.WritePropertyName(text);
    }

    private static Ulid ReadText(ref Utf8JsonReader reader)
    {
        try
        {
            return Ulid.Parse(reader.GetString()!);
        }
        catch (FormatException e)
        {
            throw new JsonException(e.Message, e);
        }
    }
}
