using System.Text.Json;

namespace AgentFlow.Models;

/// <summary>
/// Checks an answer against the keywords of JSON Schema that structured output of the providers supports: type, enum, const, required,
/// properties, additionalProperties, items, and the limits of numbers, strings and arrays. Other keywords are not looked at.
/// </summary>
internal static class SchemaCheck
{
    /// <summary>The first thing that is wrong, with its place; <see langword="null"/> when nothing is.</summary>
    public static string? Problem(JsonElement schema, JsonElement value, string at = "$")
    {
        if (schema.ValueKind == JsonValueKind.False)
            return $"{at} is not allowed";
        if (schema.ValueKind != JsonValueKind.Object)
            return null;
        if (schema.TryGetProperty("type", out var type) && !IsType(type, value))
            return $"{at} is {Kind(value)}, not {type}";
        if (schema.TryGetProperty("enum", out var values) && values.ValueKind == JsonValueKind.Array && !values.EnumerateArray().Any(v => JsonElement.DeepEquals(v, value)))
            return $"{at} is none of {values}";
        if (schema.TryGetProperty("const", out var constant) && !JsonElement.DeepEquals(constant, value))
            return $"{at} is not {constant}";
        return value.ValueKind switch
        {
            JsonValueKind.Object => ObjectProblem(schema, value, at),
            JsonValueKind.Array => ArrayProblem(schema, value, at),
            JsonValueKind.Number => LimitProblem(schema, value.GetDouble(), "minimum", "maximum", at, "the value"),
            JsonValueKind.String => LimitProblem(schema, value.GetString()!.EnumerateRunes().Count(), "minLength", "maxLength", at, "the length"),
            _ => null,
        };
    }

    private static string? ObjectProblem(JsonElement schema, JsonElement value, string at)
    {
        if (schema.TryGetProperty("required", out var required) && required.ValueKind == JsonValueKind.Array)
        {
            foreach (var name in required.EnumerateArray())
            {
                if (name.ValueKind == JsonValueKind.String && !value.TryGetProperty(name.GetString()!, out _))
                    return $"{at} has no '{name}'";
            }
        }

        bool hasProperties = schema.TryGetProperty("properties", out var properties) && properties.ValueKind == JsonValueKind.Object;
        bool hasRest = schema.TryGetProperty("additionalProperties", out var rest);
        foreach (var member in value.EnumerateObject())
        {
            JsonElement inner = rest;
            bool known = hasProperties && properties.TryGetProperty(member.Name, out inner);
            if (!known && !hasRest)
                continue;
            if (Problem(known ? inner : rest, member.Value, $"{at}.{member.Name}") is { } problem)
                return problem;
        }

        return null;
    }

    private static string? ArrayProblem(JsonElement schema, JsonElement value, string at)
    {
        if (LimitProblem(schema, value.GetArrayLength(), "minItems", "maxItems", at, "the number of items") is { } tooMany)
            return tooMany;
        if (!schema.TryGetProperty("items", out var items))
            return null;
        int i = 0;
        foreach (var item in value.EnumerateArray())
        {
            if (Problem(items, item, $"{at}[{i++}]") is { } problem)
                return problem;
        }

        return null;
    }

    private static string? LimitProblem(JsonElement schema, double actual, string least, string most, string at, string what) =>
        schema.TryGetProperty(least, out var min) && min.ValueKind == JsonValueKind.Number && actual < min.GetDouble() ? $"{what} of {at} is less than {min}"
        : schema.TryGetProperty(most, out var max) && max.ValueKind == JsonValueKind.Number && actual > max.GetDouble() ? $"{what} of {at} is more than {max}"
        : null;

    private static bool IsType(JsonElement type, JsonElement value) => type.ValueKind switch
    {
        JsonValueKind.String => type.GetString() is { } name && (name == Kind(value) || (name == "number" && Kind(value) == "integer")),
        JsonValueKind.Array => type.EnumerateArray().Any(t => IsType(t, value)),
        _ => true,
    };

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "object",
        JsonValueKind.Array => "array",
        JsonValueKind.String => "string",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        JsonValueKind.Number => value.TryGetDecimal(out decimal number) && decimal.IsInteger(number) ? "integer" : "number",
        _ => "null",
    };
}
