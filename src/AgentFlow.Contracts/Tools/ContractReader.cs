using System.Text.Json;

namespace AgentFlow.Contracts.Tools;

/// <summary>
/// Reads one contract from JSON. By hand, because every fault is to be named with its place, and because the defaults of
/// <see cref="ToolContract"/> would not survive a generated reader. Members that are not known are left alone.
/// </summary>
internal sealed class ContractReader(JsonElement json, string pointer, List<ManifestProblem> problems)
{
    public ToolContract Read()
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            problems.Add(new ManifestProblem(pointer, "A contract is an object with at least 'id' and 'version'."));
            return new ToolContract { Id = "", Version = "" };
        }

        var defaults = new ToolContract { Id = "", Version = "" };
        return new ToolContract
        {
            Id = Text("id", required: true) ?? "",
            Version = Version()?.ToString() ?? "",
            Description = Text("description") ?? defaults.Description,
            InputSchema = Schema("input_schema"),
            OutputSchema = Schema("output_schema"),
            Permissions = Permissions() ?? defaults.Permissions,
            MaxCostNanoDollars = (long)((Number("max_cost_dollars", 9_000_000_000m) ?? 0) * 1_000_000_000m),
            Timeout = Number("timeout_ms", int.MaxValue) is { } milliseconds ? TimeSpan.FromMilliseconds((double)milliseconds) : defaults.Timeout,
            Effects = Word("effects", defaults.Effects, ("none", Effects.None), ("external", Effects.External)),
            Determinism = Word(
                "determinism",
                defaults.Determinism,
                ("NONE", Determinism.None), ("STRUCTURAL", Determinism.Structural), ("FULL", Determinism.Full)),
            Idempotency = Word(
                "idempotency",
                defaults.Idempotency,
                ("unknown", Idempotency.Unknown), ("none", Idempotency.None), ("key", Idempotency.Key), ("natural", Idempotency.Natural)),
            ErrorCodes = ErrorCodes() ?? defaults.ErrorCodes,
        };
    }

    public SemanticVersion? Version()
    {
        string? text = Text("version", required: true);
        if (SemanticVersion.TryParse(text, out SemanticVersion? version)) return version;
        if (text is not null) Fail("version", $"'{text}' is not a semantic version: write MAJOR.MINOR.PATCH, for example 1.2.0.");
        return null;
    }

    private string? Text(string name, bool required = false)
    {
        if (Get(name) is not { } value)
        {
            if (required) Fail(name, $"'{name}' is missing.");
            return null;
        }

        if (TryText(value, out string text) && !(required && text.Length == 0)) return text;
        Fail(name, $"'{name}' is a {(required ? "non-empty " : "")}string.");
        return null;
    }

    private JsonElement? Schema(string name)
    {
        if (Get(name) is not { } value) return null;
        if (value.ValueKind is JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False) return value;
        Fail(name, $"'{name}' is a JSON Schema: an object, true or false.");
        return null;
    }

    private string[]? Permissions()
    {
        if (Get("permissions") is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Array)
        {
            var permissions = new List<string>();
            foreach (JsonElement item in value.EnumerateArray())
            {
                if (TryText(item, out string permission)) permissions.Add(permission);
            }

            if (permissions.Count == value.GetArrayLength()) return [.. permissions];
        }

        Fail("permissions", "'permissions' is an array of strings.");
        return null;
    }

    private Dictionary<string, string>? ErrorCodes()
    {
        if (Get("error_codes") is not { } value) return null;
        var codes = new Dictionary<string, string>(StringComparer.Ordinal);
        if (value.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty code in value.EnumerateObject())
            {
                if (TryText(code.Value, out string meaning)) codes[code.Name] = meaning;
            }

            if (codes.Count == value.GetPropertyCount()) return codes;
        }

        Fail("error_codes", "'error_codes' is an object: each code with its meaning as a string.");
        return null;
    }

    private decimal? Number(string name, decimal maximum)
    {
        if (Get(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out decimal number) && number >= 0 && number <= maximum) return number;
        Fail(name, $"'{name}' is a number from 0 to {maximum}.");
        return null;
    }

    private T Word<T>(string name, T usual, params ReadOnlySpan<(string Word, T Value)> words)
    {
        if (Get(name) is not { } value) return usual;
        var known = new List<string>();
        foreach ((string word, T meaning) in words)
        {
            known.Add(word);
            if (TryText(value, out string text) && string.Equals(text, word, StringComparison.OrdinalIgnoreCase)) return meaning;
        }

        Fail(name, $"'{name}' is one of {string.Join(", ", known)}.");
        return usual;
    }

    /// <summary>A member that is there and not null.</summary>
    private JsonElement? Get(string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static bool TryText(JsonElement value, out string text)
    {
        text = value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        return value.ValueKind == JsonValueKind.String;
    }

    private void Fail(string name, string message) => problems.Add(new ManifestProblem($"{pointer}/{name}", message));
}
