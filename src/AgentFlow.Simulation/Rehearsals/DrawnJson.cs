using System.Text.Json;
using AgentFlow.Contracts.Randomness;

namespace AgentFlow.Simulation.Rehearsals;

/// <summary>
/// Draws values of a JSON Schema: one of its examples where it has any, labels of an enum and branches alike, numbers evenly between their bounds (0 to 1 where there are
/// none), true as often as false, short texts, for a simple pattern the least one that fits, lists of their least length. Other
/// patterns, formats and references are beyond it.
/// </summary>
public static class DrawnJson
{
    private const int MaxDepth = 16;

    /// <summary>A value as UTF-8 JSON; <c>{}</c> without a schema.</summary>
    public static byte[] Of(JsonElement? schema, IRandomSource random)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            if (schema is { ValueKind: JsonValueKind.Object } known)
            {
                Write(writer, known, random, 0);
            }
            else
            {
                writer.WriteStartObject();
                writer.WriteEndObject();
            }
        }

        return buffer.ToArray();
    }

    private static void Write(Utf8JsonWriter writer, JsonElement schema, IRandomSource random, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth > MaxDepth)
        {
            writer.WriteNullValue();
        }
        else if (schema.TryGetProperty("const", out JsonElement constant))
        {
            constant.WriteTo(writer);
        }
        else if ((OneOf(schema, "examples", random) ?? OneOf(schema, "enum", random)) is { } label)
        {
            label.WriteTo(writer);
        }
        else if ((OneOf(schema, "anyOf", random) ?? OneOf(schema, "oneOf", random)) is { } branch)
        {
            Write(writer, branch, random, depth + 1);
        }
        else
        {
            WriteTyped(writer, schema, random, depth);
        }
    }

    private static void WriteTyped(Utf8JsonWriter writer, JsonElement schema, IRandomSource random, int depth)
    {
        string type = schema.TryGetProperty("type", out JsonElement stated) ? stated.ValueKind == JsonValueKind.String ? stated.GetString()! : OneOf(schema, "type", random)?.GetString() ?? "" : schema.TryGetProperty("properties", out _) ? "object" : "";
        switch (type)
        {
            case "object":
                writer.WriteStartObject();
                foreach (JsonProperty member in schema.TryGetProperty("properties", out JsonElement members) ? [.. members.EnumerateObject()] : Array.Empty<JsonProperty>())
                {
                    writer.WritePropertyName(member.Name);
                    Write(writer, member.Value, random, depth + 1);
                }

                writer.WriteEndObject();
                break;
            case "array":
                writer.WriteStartArray();
                for (int i = 0; i < Math.Min(Number(schema, "minItems", 0), 100); i++)
                {
                    Write(writer, schema.TryGetProperty("items", out JsonElement items) ? items : default, random, depth + 1);
                }

                writer.WriteEndArray();
                break;
            case "string":
                string? fitting = schema.TryGetProperty("pattern", out JsonElement pattern) && pattern.ValueKind == JsonValueKind.String ? DrawnText.Fitting(pattern.GetString()!) : null;
                writer.WriteStringValue(fitting ?? "drawn".PadRight((int)Math.Min(Number(schema, "minLength", 0), 1_000), '-'));
                break;
            case "integer":
                double least = Number(schema, "minimum", 0);
                writer.WriteNumberValue((long)Math.Floor(least + (Unit(random) * (Number(schema, "maximum", least + 10) - least + 1))));
                break;
            case "number":
                double low = Number(schema, "minimum", 0);
                writer.WriteNumberValue(Math.Round(low + (Unit(random) * (Number(schema, "maximum", low + 1) - low)), 6));
                break;
            case "boolean":
                writer.WriteBooleanValue(random.NextUInt64() % 2 == 0);
                break;
            default:
                writer.WriteNullValue();
                break;
        }
    }

    /// <summary>Evenly from 0 to below 1.</summary>
    public static double Unit(IRandomSource random) => (random.NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>From a lognormal distribution.</summary>
    public static double LogNormal(IRandomSource random, double median, double sigma) =>
        median * Math.Exp(sigma * Math.Sqrt(-2 * Math.Log(1 - Unit(random))) * Math.Cos(2 * Math.PI * Unit(random)));

    private static JsonElement? OneOf(JsonElement schema, string keyword, IRandomSource random) =>
        schema.TryGetProperty(keyword, out JsonElement list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0 ? list[(int)(random.NextUInt64() % (ulong)list.GetArrayLength())] : null;

    private static double Number(JsonElement schema, string keyword, double fallback) =>
        schema.TryGetProperty(keyword, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : fallback;
}
