using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Json;

namespace AgentFlow.Contracts.Tools;

/// <summary>Reads keywords of a JSON Schema, whatever their values turn out to be.</summary>
internal static class SchemaKeywords
{
    /// <summary>The types with number taken apart, so that integer is a part of it.</summary>
    public static HashSet<string> Types(JsonElement schema)
    {
        IEnumerable<string> names = Get(schema, "type") switch
        {
            { ValueKind: JsonValueKind.String } one => [one.GetString()!],
            { ValueKind: JsonValueKind.Array } many => many.EnumerateArray().Where(t => t.ValueKind == JsonValueKind.String).Select(t => t.GetString()!),
            _ => ["null", "boolean", "object", "array", "number", "string"],
        };
        return [.. names.SelectMany(n => n == "number" ? (string[])["integer", "fraction"] : [n])];
    }

    /// <summary>The values that <c>const</c> and <c>enum</c> leave together; null when there is neither.</summary>
    public static List<JsonElement>? Values(JsonElement schema)
    {
        List<JsonElement>? listed = Get(schema, "enum") is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray()] : null;
        if (Get(schema, "const") is not { } constant) return listed;
        return listed is null || listed.Any(v => IsSame(v, constant)) ? [constant] : [];
    }

    public static HashSet<string> Names(JsonElement schema) =>
        [.. Items(schema, "required").Where(n => n.ValueKind == JsonValueKind.String).Select(n => n.GetString()!)];

    public static List<JsonElement> Items(JsonElement schema, string keyword) =>
        Get(schema, keyword) is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray()] : [];

    public static Dictionary<string, JsonElement> Members(JsonElement schema, string keyword) =>
        Get(schema, keyword) is { ValueKind: JsonValueKind.Object } map
            ? map.EnumerateObject().ToDictionary(m => m.Name, m => m.Value, StringComparer.Ordinal)
            : new(StringComparer.Ordinal);

    public static JsonElement? Get(JsonElement schema, string keyword) =>
        schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty(keyword, out JsonElement value) ? value : null;

    public static bool IsTrue(JsonElement schema, string keyword) => Get(schema, keyword)?.ValueKind == JsonValueKind.True;

    public static bool IsSame(JsonElement? left, JsonElement? right) =>
        left is null || right is null ? left is null && right is null : JsonElement.DeepEquals(left.Value, right.Value);

    public static int CompareNumbers(JsonElement left, JsonElement right) =>
        left.TryGetDecimal(out decimal l) && right.TryGetDecimal(out decimal r) ? l.CompareTo(r) : left.GetDouble().CompareTo(right.GetDouble());

    public static string Raw(JsonElement value)
    {
        string text = Encoding.UTF8.GetString(CanonicalJson.Canonicalize(value));
        return text.Length <= 60 ? text : text[..60] + "…";
    }
}
