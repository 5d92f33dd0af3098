using System.Text.Json;

namespace AgentFlow.Tools.Stubs;

/// <summary>
/// Writes the plainest value of a JSON Schema: const, enum, type, properties, required, items, lower bounds of lengths and
/// numbers, the first of anyOf and oneOf, and local references. Patterns, formats and allOf are beyond a stand-in.
/// </summary>
internal sealed class SchemaSample(JsonElement root, Utf8JsonWriter writer)
{
    private const int MaxDepth = 16;
    private const int MaxLength = 1_000;

    // A schema may refer to itself several times in each level.
    private int _valuesLeft = 1_000;

    public static void Write(JsonElement schema, Utf8JsonWriter writer) => new SchemaSample(schema, writer).Write(schema, 0);

    private void Write(JsonElement schema, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth > MaxDepth || --_valuesLeft < 0)
            writer.WriteNullValue();
        else if (schema.TryGetProperty("$ref", out JsonElement reference) && Resolve(reference) is { } target)
            Write(target, depth + 1);
        else if (schema.TryGetProperty("const", out JsonElement constant))
            constant.WriteTo(writer);
        else if (First(schema, "enum") is { } value)
            value.WriteTo(writer);
        else if ((First(schema, "anyOf") ?? First(schema, "oneOf")) is { } choice)
            Write(choice, depth + 1);
        else
            WriteTyped(schema, depth);
    }

    private void WriteTyped(JsonElement schema, int depth)
    {
        switch (Type(schema))
        {
            case "object":
                writer.WriteStartObject();
                foreach ((string name, JsonElement member) in Members(schema))
                {
                    writer.WritePropertyName(name);
                    Write(member, depth + 1);
                }

                writer.WriteEndObject();
                break;
            case "array":
                writer.WriteStartArray();
                for (int i = 0; i < Length(schema, "minItems"); i++)
                    Write(schema.TryGetProperty("items", out JsonElement items) ? items : default, depth + 1);
                writer.WriteEndArray();
                break;
            case "string":
                writer.WriteStringValue("stub".PadRight(Length(schema, "minLength"), '-')[..Math.Min(Math.Max(4, Length(schema, "minLength")), Most(schema))]);
                break;
            case "integer" or "number":
                WriteNumber(schema);
                break;
            case "boolean":
                writer.WriteBooleanValue(false);
                break;
            default:
                writer.WriteNullValue();
                break;
        }
    }

    private void WriteNumber(JsonElement schema)
    {
        if (schema.TryGetProperty("minimum", out JsonElement least) && least.ValueKind == JsonValueKind.Number)
            least.WriteTo(writer);
        else if (schema.TryGetProperty("exclusiveMinimum", out least) && least.ValueKind == JsonValueKind.Number && least.TryGetDecimal(out decimal above))
            writer.WriteNumberValue(above + 1);
        else if (schema.TryGetProperty("maximum", out JsonElement most) && most.ValueKind == JsonValueKind.Number && most.TryGetDecimal(out decimal bound))
            writer.WriteNumberValue(Math.Min(0, bound));
        else
            writer.WriteNumberValue(0);
    }

    /// <summary>The stated properties, and required names without a statement.</summary>
    private static IEnumerable<(string Name, JsonElement Schema)> Members(JsonElement schema)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        if (schema.TryGetProperty("properties", out JsonElement properties) && properties.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in properties.EnumerateObject())
            {
                seen.Add(property.Name);
                yield return (property.Name, property.Value);
            }
        }

        if (!schema.TryGetProperty("required", out JsonElement required) || required.ValueKind != JsonValueKind.Array)
            yield break;
        foreach (JsonElement name in required.EnumerateArray())
        {
            if (name.ValueKind == JsonValueKind.String && seen.Add(name.GetString()!))
                yield return (name.GetString()!, default);
        }
    }

    private static string Type(JsonElement schema)
    {
        if (First(schema, "type") is { ValueKind: JsonValueKind.String } first)
            return first.GetString()!;
        if (schema.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String)
            return type.GetString()!;
        return schema.TryGetProperty("properties", out _) || schema.TryGetProperty("required", out _) ? "object" : "";
    }

    private static JsonElement? First(JsonElement schema, string keyword) =>
        schema.TryGetProperty(keyword, out JsonElement list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0 ? list[0] : null;

    private static int Length(JsonElement schema, string keyword) =>
        schema.TryGetProperty(keyword, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
            ? Math.Clamp(number, 0, MaxLength)
            : 0;

    private static int Most(JsonElement schema) =>
        schema.TryGetProperty("maxLength", out _) ? Length(schema, "maxLength") : MaxLength;

    private JsonElement? Resolve(JsonElement reference)
    {
        if (reference.ValueKind != JsonValueKind.String || reference.GetString() is not ['#', .. string pointer])
            return null;
        JsonElement target = root;
        foreach (string part in pointer.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            string name = part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (target.ValueKind != JsonValueKind.Object || !target.TryGetProperty(name, out target))
                return null;
        }

        return target;
    }
}
