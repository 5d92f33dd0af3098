using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Expressions.JsonSchema.Values;

/// <summary>
/// Reads the texts of a document without its own accessors, which throw for escaped lone surrogates: JSON allows them,
/// and an instance must never make validation throw.
/// </summary>
internal static class JsonText
{
    /// <summary>A JSON string's value. Lone surrogates stay as they are; bytes that are not UTF-8 become U+FFFD.</summary>
    public static string Value(JsonElement text) => Unescape(Content(text));

    /// <summary>A member's name.</summary>
    public static string Name(JsonProperty member) => Unescape(JsonMarshal.GetRawUtf8PropertyName(member));

    /// <summary>A member's name in UTF-8; allocates only when the document escapes it.</summary>
    public static ReadOnlySpan<byte> Utf8Name(JsonProperty member)
    {
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8PropertyName(member);
        return raw.Contains((byte)'\\') ? Encoding.UTF8.GetBytes(Unescape(raw)) : raw;
    }

    /// <summary>The name as a JSON string, for schemas that apply to names.</summary>
    public static JsonElement NameElement(JsonProperty member)
    {
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8PropertyName(member);
        byte[] json = new byte[raw.Length + 2];
        json[0] = json[^1] = (byte)'"';
        raw.CopyTo(json.AsSpan(1));
        return JsonElement.Parse(json);
    }

    /// <summary>Length in Unicode code points, which is how JSON Schema counts.</summary>
    public static int CodePoints(JsonElement text)
    {
        ReadOnlySpan<byte> raw = Content(text);
        if (raw.Contains((byte)'\\'))
        {
            int count = 0;
            foreach (Rune _ in Unescape(raw).EnumerateRunes()) count++;
            return count;
        }

        // Every byte but the continuation bytes (10xxxxxx) begins a code point.
        int begun = 0;
        foreach (byte b in raw) begun += (b & 0xC0) != 0x80 ? 1 : 0;
        return begun;
    }

    private static ReadOnlySpan<byte> Content(JsonElement text) => JsonMarshal.GetRawUtf8Value(text)[1..^1];

    private static string Unescape(ReadOnlySpan<byte> raw)
    {
        if (!raw.Contains((byte)'\\')) return Encoding.UTF8.GetString(raw);

        var text = new StringBuilder(raw.Length);
        while (!raw.IsEmpty)
        {
            int plain = raw.IndexOf((byte)'\\');
            text.Append(Encoding.UTF8.GetString(plain < 0 ? raw : raw[..plain]));
            if (plain < 0) break;
            raw = raw[plain..];
            char c = (char)raw[1];
            int length = 2;
            if (c == 'u')
            {
                c = (char)ushort.Parse(raw[2..6], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
                length = 6;
            }
            else
            {
                c = c switch { 'b' => '\b', 'f' => '\f', 'n' => '\n', 'r' => '\r', 't' => '\t', _ => c };
            }

            text.Append(c);
            raw = raw[length..];
        }

        return text.ToString();
    }
}
