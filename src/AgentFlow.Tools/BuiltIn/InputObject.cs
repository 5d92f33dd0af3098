using System.Text.Json;
using AgentFlow.Contracts.Text;
using AgentFlow.Expressions.JsonPath;

namespace AgentFlow.Tools.BuiltIn;

/// <summary>
/// One JSON object of a call's input. Readers answer with the value, or with nothing after noting the problem under the
/// field's full name. A field that is <c>null</c> counts as absent, except for <see cref="TryGet"/>.
/// </summary>
internal sealed class InputObject
{
    private const int LongestQuote = 60;

    private readonly JsonElement _element;
    private readonly string _path;
    private readonly List<string> _problems;

    public InputObject(JsonElement element, string path, List<string> problems)
    {
        (_element, _path, _problems) = (element, path, problems);
        if (element.ValueKind is not (JsonValueKind.Object or JsonValueKind.Undefined))
            problems.Add($"{path}: must be an object, not {Kind(element)}");
    }

    public void Refuse(string name, string problem) => _problems.Add($"{_path}.{name}: {problem}");

    /// <summary>Notes every field that is not among those named.</summary>
    public void Only(params string[] names)
    {
        foreach (JsonProperty field in Members())
        {
            if (!names.Contains(field.Name, StringComparer.Ordinal))
                Refuse(Cut(field.Name), $"is no field here{NearWord.Hint(field.Name, names)}; known are {string.Join(", ", names)}");
        }
    }

    public bool TryGet(string name, out JsonElement value)
    {
        value = default;
        return _element.ValueKind == JsonValueKind.Object && _element.TryGetProperty(name, out value);
    }

    public JsonElement? Any(string name) => TryGet(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public JsonElement? Required(string name)
    {
        JsonElement? value = Any(name);
        if (value is null && _element.ValueKind == JsonValueKind.Object)
            Refuse(name, "is required");
        return value;
    }

    public string? Text(string name, bool required = false)
    {
        JsonElement? value = required ? Required(name) : Any(name);
        return value is { } given && Is(name, given, JsonValueKind.String, "a string") ? given.GetString() : null;
    }

    /// <summary>One of the given words; the match is exact.</summary>
    public string? Word(string name, IReadOnlyList<string> words)
    {
        string? word = Text(name, required: true);
        if (word is null || words.Contains(word, StringComparer.Ordinal))
            return word;
        Refuse(name, $"'{Cut(word)}' is none of {string.Join(", ", words)}{NearWord.Hint(word, words)}");
        return null;
    }

    /// <summary>A required JSONPath query.</summary>
    public JsonPathQuery? Query(string name)
    {
        if (Text(name, required: true) is not { } text)
            return null;
        if (!JsonPathQuery.TryCompile(text, out JsonPathQuery? query, out JsonPathError? error))
            Refuse(name, error.ToString());
        return query;
    }

    public int? Integer(string name, int least, int most)
    {
        if (Any(name) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= least && number <= most)
            return number;
        Refuse(name, $"must be an integer from {least} to {most}, not {Shown(value)}");
        return null;
    }

    public double? Number(string name, double least, double most)
    {
        if (Any(name) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= least && number <= most)
            return number;
        Refuse(name, $"must be a number from {least} to {most}, not {Shown(value)}");
        return null;
    }

    public JsonElement? Array(string name) =>
        Required(name) is { } value && Is(name, value, JsonValueKind.Array, "an array") ? value : null;

    /// <summary>A nested object; an absent one reads as empty when it is not required.</summary>
    public InputObject Object(string name) => new(Any(name) ?? default, $"{_path}.{name}", _problems);

    /// <summary>The objects of an array, which must hold one at least.</summary>
    public IReadOnlyList<InputObject> Objects(string name)
    {
        if (Array(name) is not { } array)
            return [];
        if (array.GetArrayLength() == 0)
            Refuse(name, "must not be empty");
        return [.. array.EnumerateArray().Select((item, i) => new InputObject(item, $"{_path}.{name}[{i}]", _problems))];
    }

    public IEnumerable<JsonProperty> Members() =>
        _element.ValueKind == JsonValueKind.Object ? _element.EnumerateObject() : Enumerable.Empty<JsonProperty>();

    private bool Is(string name, JsonElement value, JsonValueKind kind, string called)
    {
        if (value.ValueKind == kind)
            return true;
        Refuse(name, $"must be {called}, not {Kind(value)}");
        return false;
    }

    internal static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "a boolean",
    };

    /// <summary>A string's text, and the JSON text of anything else.</summary>
    internal static string Plain(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();

    internal static string Cut(string text) => text.Length <= LongestQuote ? text : text[..LongestQuote] + "…";

    private static string Shown(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number ? Cut(value.GetRawText()) : Kind(value);
}
