using System.Buffers;
using System.Text.Json;
using AgentFlow.Expressions.Cel.Json;
using AgentFlow.Expressions.Cel.Time;

namespace AgentFlow.Expressions.Cel;

public readonly partial struct CelValue
{
    /// <summary>
    /// Reads JSON. The bytes are checked once and kept: lists, maps and strings are decoded when an expression first
    /// touches them, so the caller may not change the memory afterwards. An integer without fraction or exponent that
    /// fits 64 bits is an int, any other number a double; of a name that occurs twice in an object the last counts.
    /// </summary>
    /// <exception cref="CelJsonException">Not UTF-8, not JSON, nested deeper than 128 levels, or a number beyond a double.</exception>
    public static CelValue FromJson(ReadOnlyMemory<byte> utf8) => JsonSource.Parse(utf8);

    /// <summary>
    /// Writes the value as JSON: bytes as base64, a timestamp as RFC 3339, a duration as <c>"1.5s"</c>, a type as its
    /// name, an empty optional as null, map keys as text. Lists and maps that came from JSON are copied through.
    /// </summary>
    /// <exception cref="CelJsonException">The value holds NaN, an infinity, an error, or two map keys with the same text.</exception>
    public void WriteJson(Utf8JsonWriter writer) => JsonOutput.Write(this, writer);

    /// <inheritdoc cref="WriteJson"/>
    public byte[] ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, JsonOutput.Options))
        {
            WriteJson(writer);
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads RFC 3339, as <c>timestamp()</c> does.</summary>
    public static bool TryParseTimestamp(ReadOnlySpan<char> text, out CelValue value) => CelTime.TryParse(text, out value);

    /// <summary>Reads a duration such as <c>1h30m</c> or <c>1.5s</c>, as <c>duration()</c> does.</summary>
    public static bool TryParseDuration(ReadOnlySpan<char> text, out CelValue value)
    {
        var isDuration = CelDuration.TryParse(text, out var nanoseconds, out _);
        value = isDuration ? Duration(nanoseconds) : default;
        return isDuration;
    }

    /// <summary>A timestamp or duration as protocol buffers write it in JSON, with 0, 3, 6 or 9 digits of fraction.</summary>
    /// <exception cref="InvalidOperationException">Neither of the two.</exception>
    public string ToTimeText() => Kind switch
    {
        CelKind.Timestamp => CelTime.Format(_bits, _nanos, grouped: true),
        _ => CelDuration.Format(AsDurationNanoseconds(), grouped: true),
    };
}
