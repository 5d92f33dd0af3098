using System.Text.Json;
using static AgentFlow.Contracts.Tools.SchemaKeywords;

namespace AgentFlow.Contracts.Tools;

/// <summary>Where references of a JSON Schema lead inside the same schema; those to other documents lead nowhere here.</summary>
internal static class SchemaReferences
{
    private const int MaxReferences = 100;

    /// <summary>Follows references that stand alone, however far they lead.</summary>
    /// <param name="ignores">Tells the keywords that do not count as company.</param>
    /// <param name="reference">The last one followed; empty when there was none.</param>
    public static JsonElement Follow(JsonElement schema, JsonElement root, Func<string, bool> ignores, out string reference)
    {
        reference = "";
        for (int i = 0; i < MaxReferences; i++)
        {
            if (schema.ValueKind != JsonValueKind.Object || Get(schema, "$ref") is not { ValueKind: JsonValueKind.String } text) break;
            bool alone = schema.EnumerateObject().All(m => m.Name == "$ref" || ignores(m.Name));
            if (!alone || !TryFind(root, text.GetString()!, out JsonElement target)) break;
            reference = text.GetString()!;
            schema = target;
        }

        return schema;
    }

    public static bool TryFind(JsonElement root, string reference, out JsonElement target)
    {
        target = root;
        if (reference == "#") return true;
        if (!reference.StartsWith('#')) return false;
        if (reference[1] != '/') return TryFindAnchor(root, reference[1..], out target);
        foreach (string token in Uri.UnescapeDataString(reference[2..]).Split('/'))
        {
            string name = token.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (target.ValueKind == JsonValueKind.Object && target.TryGetProperty(name, out JsonElement member)) target = member;
            else if (target.ValueKind != JsonValueKind.Array || !uint.TryParse(name, out uint index) || index >= target.GetArrayLength()) return false;
            else target = target[(int)index];
        }

        return true;
    }

    private static bool TryFindAnchor(JsonElement schema, string name, out JsonElement target)
    {
        target = schema;
        if (schema.ValueKind == JsonValueKind.Object)
        {
            foreach (string keyword in (string[])["$anchor", "$dynamicAnchor"])
            {
                if (Get(schema, keyword) is { ValueKind: JsonValueKind.String } anchor && anchor.ValueEquals(name)) return true;
            }

            foreach (JsonProperty member in schema.EnumerateObject())
            {
                if (TryFindAnchor(member.Value, name, out target)) return true;
            }
        }
        else if (schema.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in schema.EnumerateArray())
            {
                if (TryFindAnchor(item, name, out target)) return true;
            }
        }

        return false;
    }
}
