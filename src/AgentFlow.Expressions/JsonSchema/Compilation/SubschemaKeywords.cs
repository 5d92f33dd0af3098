using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Compilation;

/// <summary>Which keywords of draft 2020-12 hold schemas, and how. Elsewhere an <c>$id</c> is just data.</summary>
internal static class SubschemaKeywords
{
    private static readonly HashSet<string> One = new(StringComparer.Ordinal)
    {
        "additionalProperties", "propertyNames", "items", "contains", "unevaluatedItems", "unevaluatedProperties",
        "not", "if", "then", "else", "contentSchema",
    };

    private static readonly HashSet<string> List = new(StringComparer.Ordinal) { "allOf", "anyOf", "oneOf", "prefixItems" };

    // The last two are those of earlier drafts that the metaschema still describes.
    private static readonly HashSet<string> Map = new(StringComparer.Ordinal)
    {
        "properties", "patternProperties", "$defs", "dependentSchemas", "definitions", "dependencies",
    };

    /// <summary>The direct subschemas with their pointers.</summary>
    public static IEnumerable<(string Pointer, JsonElement Schema)> Of(JsonElement schema, string pointer)
    {
        if (schema.ValueKind != JsonValueKind.Object) yield break;
        foreach (JsonProperty keyword in schema.EnumerateObject())
        {
            string name = JsonText.Name(keyword);
            JsonElement value = keyword.Value;
            if (One.Contains(name) && IsSchema(value))
            {
                yield return (JsonPointer.Append(pointer, name), value);
            }
            else if (List.Contains(name) && value.ValueKind == JsonValueKind.Array)
            {
                int index = 0;
                string list = JsonPointer.Append(pointer, name);
                foreach (JsonElement item in value.EnumerateArray()) yield return (JsonPointer.Append(list, index++), item);
            }
            else if (Map.Contains(name) && value.ValueKind == JsonValueKind.Object)
            {
                string map = JsonPointer.Append(pointer, name);
                foreach (JsonProperty entry in value.EnumerateObject())
                {
                    if (IsSchema(entry.Value)) yield return (JsonPointer.Append(map, JsonText.Name(entry)), entry.Value);
                }
            }
        }
    }

    public static bool IsSchema(JsonElement value) => value.ValueKind is JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False;
}
