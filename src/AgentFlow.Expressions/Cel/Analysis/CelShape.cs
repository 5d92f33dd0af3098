using System.Text.Json;

namespace AgentFlow.Expressions.Cel.Analysis;

/// <summary>Kinds that a value may have. Integers, unsigned integers and doubles are one: JSON does not keep them apart.</summary>
[Flags]
public enum CelKinds
{
    None = 0,
    Null = 1,
    Bool = 2,
    Number = 4,
    String = 8,
    List = 16,
    Map = 32,

    /// <summary>What JSON does not have: bytes, timestamps, durations, types, optionals.</summary>
    Other = 64,

    Any = Null | Bool | Number | String | List | Map | Other,
}

/// <summary>What is known of a value before it is there. Everything that is not known is allowed.</summary>
public sealed record CelShape
{
    private const int DeepestSchema = 16;

    private static readonly Dictionary<string, CelShape> NoFields = [];

    // They can allow or refuse more than 'properties' and the like say.
    private static readonly string[] Applicators =
        ["$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "patternProperties", "unevaluatedProperties", "propertyNames"];

    public static CelShape Any { get; } = new();

    public CelKinds Kinds { get; init; } = CelKinds.Any;

    /// <summary>Of an object, the members that are declared.</summary>
    public IReadOnlyDictionary<string, CelShape> Fields { get; init; } = NoFields;

    /// <summary>An object has no other members.</summary>
    public bool IsClosed { get; init; }

    /// <summary>Whoever declared the fields meant to name them all, although others are not forbidden.</summary>
    public bool IsDeclared { get; init; }

    /// <summary>Of a list, each element.</summary>
    public CelShape? Items { get; init; }

    /// <summary>The only values that it may have; <see langword="null"/>: not known.</summary>
    public IReadOnlyList<CelValue>? Values { get; init; }

    /// <summary>Of a number, the least.</summary>
    public double? Least { get; init; }

    /// <summary>Of a number, the greatest.</summary>
    public double? Most { get; init; }

    public static CelShape Of(CelKinds kinds) => new() { Kinds = kinds };

    /// <summary>The same, or null.</summary>
    public CelShape OrNull() => this with { Kinds = Kinds | CelKinds.Null, Values = Values is null ? null : [.. Values, CelValue.Null] };

    /// <summary>What a valid JSON Schema lets through. A schema that is not understood in full lets through more, never less.</summary>
    public static CelShape FromSchema(JsonElement? schema) => schema is { ValueKind: JsonValueKind.Object } element ? FromSchema(element, 0) : Any;

    /// <summary>The kinds and members of a constant; its values are left open, since somebody may change them.</summary>
    public static CelShape FromValue(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => new CelShape { Kinds = CelKinds.Map, Fields = value.EnumerateObject().DistinctBy(m => m.Name).ToDictionary(m => m.Name, m => FromValue(m.Value), StringComparer.Ordinal) },
        JsonValueKind.Array => Of(CelKinds.List),
        JsonValueKind.String => Of(CelKinds.String),
        JsonValueKind.Number => Of(CelKinds.Number),
        JsonValueKind.True or JsonValueKind.False => Of(CelKinds.Bool),
        _ => Any,
    };

    private static CelShape FromSchema(JsonElement schema, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth > DeepestSchema)
        {
            return Any;
        }

        bool isPlain = !Array.Exists(Applicators, word => schema.TryGetProperty(word, out _));
        var fields = new Dictionary<string, CelShape>(StringComparer.Ordinal);
        if (schema.TryGetProperty("properties", out JsonElement properties) && properties.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in properties.EnumerateObject())
            {
                fields[property.Name] = FromSchema(property.Value, depth + 1);
            }
        }

        bool hasAdditional = schema.TryGetProperty("additionalProperties", out JsonElement additional);
        CelShape shape = new()
        {
            Kinds = KindsOf(schema),
            Fields = fields,
            IsClosed = isPlain && hasAdditional && additional.ValueKind == JsonValueKind.False,
            IsDeclared = isPlain && !hasAdditional && fields.Count > 0,
            Items = schema.TryGetProperty("items", out JsonElement items) && !schema.TryGetProperty("prefixItems", out _) ? FromSchema(items, depth + 1) : null,
            Least = Number(schema, "minimum"),
            Most = Number(schema, "maximum"),
        };
        if (ValuesOf(schema) is { } values)
        {
            shape = shape with { Values = values, Kinds = shape.Kinds & values.Aggregate(CelKinds.None, (kinds, v) => kinds | KindOf(v)) };
        }

        // A schema that lets nothing through says nothing about what comes through.
        return shape.Kinds == CelKinds.None ? Any : shape;
    }

    private static CelKinds KindsOf(JsonElement schema)
    {
        if (!schema.TryGetProperty("type", out JsonElement type))
        {
            // JSON has no others, whatever the schema says.
            return CelKinds.Any & ~CelKinds.Other;
        }

        IEnumerable<JsonElement> names = type.ValueKind == JsonValueKind.Array ? type.EnumerateArray() : [type];
        return names.Aggregate(CelKinds.None, (kinds, name) => kinds | ((name.ValueKind == JsonValueKind.String ? name.GetString() : null) switch
        {
            "null" => CelKinds.Null,
            "boolean" => CelKinds.Bool,
            "string" => CelKinds.String,
            "array" => CelKinds.List,
            "object" => CelKinds.Map,
            "number" or "integer" => CelKinds.Number,
            // No schema: whoever compiles it says so.
            _ => CelKinds.Any & ~CelKinds.Other,
        }));
    }

    private static CelValue[]? ValuesOf(JsonElement schema)
    {
        if (schema.TryGetProperty("const", out JsonElement only))
        {
            return Scalar(only) is { } value ? [value] : null;
        }

        if (!schema.TryGetProperty("enum", out JsonElement choices) || choices.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        CelValue?[] values = [.. choices.EnumerateArray().Select(Scalar)];
        return values.All(v => v is not null) ? [.. values.Select(v => v!.Value)] : null;
    }

    private static CelValue? Scalar(JsonElement value) => value.ValueKind is JsonValueKind.Object or JsonValueKind.Array
        ? null
        : CelValue.FromJson(System.Text.Encoding.UTF8.GetBytes(value.GetRawText()));

    private static double? Number(JsonElement schema, string name) =>
        schema.TryGetProperty(name, out JsonElement limit) && limit.ValueKind == JsonValueKind.Number ? limit.GetDouble() : null;

    internal static CelKinds KindOf(in CelValue value) => value.Kind switch
    {
        CelKind.Null => CelKinds.Null,
        CelKind.Bool => CelKinds.Bool,
        CelKind.Int or CelKind.UInt or CelKind.Double => CelKinds.Number,
        CelKind.String => CelKinds.String,
        CelKind.List => CelKinds.List,
        CelKind.Map => CelKinds.Map,
        _ => CelKinds.Other,
    };
}
