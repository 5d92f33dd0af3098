using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Expressions.JsonSchema.Values;

/// <summary>Words for values and kinds in messages.</summary>
internal static class Describe
{
    private const int Longest = 60;

    public static string Value(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => value.GetPropertyCount() == 0 ? "an empty object" : "an object",
        JsonValueKind.Array => value.GetArrayLength() switch
        {
            0 => "an empty array",
            1 => "an array of 1 item",
            int n => $"an array of {n} items",
        },
        JsonValueKind.String => $"the string {Raw(value)}",
        JsonValueKind.Number => $"the number {Raw(value)}",
        _ => Raw(value),
    };

    /// <summary>A value of a schema as it is written there, shortened.</summary>
    public static string Raw(JsonElement value)
    {
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(value);
        return Short(Encoding.UTF8.GetString(raw.Length <= Longest * 4 ? raw : raw[..(Longest * 4)]));
    }

    public static string Short(string text) => text.Length <= Longest ? text : string.Concat(text.AsSpan(0, Longest), "…");

    public static string List(IEnumerable<string> words)
    {
        string[] all = [.. words];
        const int shown = 10;
        string list = string.Join(", ", all.Take(shown));
        return all.Length <= shown ? list : $"{list} and {all.Length - shown} more";
    }

    public static string Count(int count, string singular, string plural) => count == 1 ? $"1 {singular}" : $"{count} {plural}";
}
