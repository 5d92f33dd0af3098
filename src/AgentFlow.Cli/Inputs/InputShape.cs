using System.Text.Json;

namespace AgentFlow.Cli.Inputs;

/// <summary>What a workflow's input schema says about its members, as far as rows need it. The server checks the rest.</summary>
internal sealed class InputShape
{
    private readonly Dictionary<string, string[]> _types = new(StringComparer.Ordinal);

    public InputShape(JsonElement? schema)
    {
        if (schema is not { ValueKind: JsonValueKind.Object } root)
        {
            return;
        }

        if (root.TryGetProperty("properties", out JsonElement properties) && properties.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in properties.EnumerateObject())
            {
                _types.Add(property.Name, Types(property.Value));
            }
        }

        if (root.TryGetProperty("required", out JsonElement required) && required.ValueKind == JsonValueKind.Array)
        {
            Required = [.. required.EnumerateArray().Where(r => r.ValueKind == JsonValueKind.String).Select(r => r.GetString()!)];
        }

        IsClosed = root.TryGetProperty("additionalProperties", out JsonElement additional) && additional.ValueKind == JsonValueKind.False;
        string[] texts = [.. Required.Where(name => Takes(name, "string"))];
        Text = texts.Length == 1 ? texts[0] : null;
    }

    public IReadOnlyList<string> Required { get; } = [];

    /// <summary>No members beside the declared ones are taken.</summary>
    public bool IsClosed { get; }

    /// <summary>The one required text: what a column of messages is for. <see langword="null"/> when there is none, or several.</summary>
    public string? Text { get; }

    public IReadOnlyCollection<string> Names => _types.Keys;

    public bool Declares(string name) => _types.ContainsKey(name);

    /// <summary>Whether the schema names this type for the member. A member without a type takes every type.</summary>
    public bool Takes(string name, string type) => _types.TryGetValue(name, out string[]? types) && (types.Length == 0 || types.Contains(type));

    /// <summary>Whether the schema declares the member and no text fits it.</summary>
    public bool IsTyped(string name) => _types.ContainsKey(name) && !Takes(name, "string");

    public string Types(string name) => string.Join(" or ", _types[name]);

    private static string[] Types(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object || !schema.TryGetProperty("type", out JsonElement type))
        {
            return [];
        }

        return type.ValueKind switch
        {
            JsonValueKind.String => [type.GetString()!],
            JsonValueKind.Array => [.. type.EnumerateArray().Where(t => t.ValueKind == JsonValueKind.String).Select(t => t.GetString()!)],
            _ => [],
        };
    }
}
