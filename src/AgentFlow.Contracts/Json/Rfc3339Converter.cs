using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentFlow.Contracts.Json;

/// <summary>
/// A point in time on the wire is an RFC 3339 text: written in UTC with <c>Z</c> and as many decimals as it has (at most
/// seven), read with any offset. A text without an offset is refused: it names no point in time.
/// </summary>
public sealed class Rfc3339Converter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String && HasOffset(reader.GetString()!) && reader.TryGetDateTimeOffset(out DateTimeOffset value))
        {
            return value;
        }

        throw new JsonException("A time is a text such as 2026-01-31T12:00:00Z (RFC 3339, with an offset).");
    }

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options)
    {
        Span<char> text = stackalloc char[32];
        value.UtcDateTime.TryFormat(text, out int length, "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);
        writer.WriteStringValue(text[..length]);
    }

    private static bool HasOffset(string text) => text.EndsWith('Z') || (text.Length >= 25 && text[^6] is '+' or '-' && text[^3] == ':');
}
