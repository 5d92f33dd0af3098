using System.Globalization;
using System.Text.RegularExpressions;
using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Definitions.Loading.Keys;

/// <summary>Values by type. Each answers null when the key is absent or its value is wrong; what is wrong is reported.</summary>
internal sealed partial class Fields
{
    public YamlScalar? Text(string key) => this[key] is { } node ? AsText(node) : null;

    public YamlMapping? Mapping(string key, string example) => this[key] is { } node ? AsMapping(node, example) : null;

    public YamlSequence? Sequence(string key, string example)
    {
        if (this[key] is not { } node || node is YamlSequence)
        {
            return this[key] as YamlSequence;
        }

        WrongType(node, "a list", $"Write {example}.");
        return null;
    }

    public YamlMapping? AsMapping(YamlNode node, string example)
    {
        if (node is YamlMapping mapping)
        {
            return mapping;
        }

        WrongType(node, "a mapping", $"Write {example}.");
        return null;
    }

    public YamlScalar? AsText(YamlNode node)
    {
        if (node is YamlScalar { Kind: ScalarKind.Text } text)
        {
            return text;
        }

        string remedy = node is not YamlScalar scalar ? "Write plain text."
            : scalar.Kind == ScalarKind.Null ? "Give it a value, or remove the key."
            : $"Put it in quotes: \"{Excerpt.Of(scalar.Text)}\".";
        WrongType(node, "text", remedy);
        return null;
    }

    /// <summary>A list of texts, each once.</summary>
    public IReadOnlyList<YamlScalar>? Texts(string key, string example)
    {
        if (Sequence(key, example) is not { } list)
        {
            return null;
        }

        var texts = new List<YamlScalar>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (YamlNode item in list.Items)
        {
            if (AsText(item) is not { } text)
            {
                continue;
            }

            if (seen.Add(text.Text))
            {
                texts.Add(text);
            }
            else
            {
                _findings.Error(text, DiagnosticCodes.DuplicateItem, $"'{Excerpt.Of(text.Text)}' stands in '{key}' twice.", "Remove one of them.");
            }
        }

        return texts;
    }

    public int? Integer(string key, int min, int max)
    {
        if (this[key] is not { } node)
        {
            return null;
        }

        if (node is not YamlScalar { Kind: ScalarKind.Integer } scalar)
        {
            WrongType(node, "a whole number", $"Write a number from {min} to {max}, without quotes.");
            return null;
        }

        if (long.TryParse(CoreSchema.ToJsonNumber(scalar.Text), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= min && value <= max)
        {
            return (int)value;
        }

        _findings.Error(node, DiagnosticCodes.OutOfRange, $"'{key}' is {Excerpt.Of(scalar.Text)}.", $"Write a number from {min} to {max}.");
        return null;
    }

    public double? Number(string key, double min, double max)
    {
        if (this[key] is not { } node)
        {
            return null;
        }

        if (node is not YamlScalar { Kind: ScalarKind.Integer or ScalarKind.Float } scalar)
        {
            WrongType(node, "a number", $"Write a number from {min} to {max}, without quotes.");
            return null;
        }

        if (CoreSchema.ToJsonNumber(scalar.Text) is { } text && double.Parse(text, CultureInfo.InvariantCulture) is var value && value >= min && value <= max)
        {
            return value;
        }

        _findings.Error(node, DiagnosticCodes.OutOfRange, $"'{key}' is {Excerpt.Of(scalar.Text)}.", $"Write a number from {min} to {max}.");
        return null;
    }

    /// <param name="min">Least length, inclusive.</param>
    public TimeSpan? Duration(string key, TimeSpan min)
    {
        if (this[key] is not { } node)
        {
            return null;
        }

        const string remedy = "Write a number with a unit: 200ms, 10s, 5m, 2h, 7d, or several as in 1m30s.";
        if (node is not YamlScalar scalar || scalar.Kind is ScalarKind.Null or ScalarKind.Boolean)
        {
            WrongType(node, "a duration", remedy);
            return null;
        }

        if (DurationText.Parse(scalar.Text) is not { } duration)
        {
            string message = scalar.Kind is ScalarKind.Text ? $"'{Excerpt.Of(scalar.Text)}' is not a duration." : $"'{Excerpt.Of(scalar.Text)}' has no unit.";
            _findings.Error(node, DiagnosticCodes.InvalidDuration, message, remedy);
            return null;
        }

        if (duration >= min && duration <= DurationText.Longest)
        {
            return duration;
        }

        _findings.Error(node, DiagnosticCodes.OutOfRange, $"'{key}' is {Excerpt.Of(scalar.Text)}.", $"Write a duration from {min.TotalMilliseconds}ms to {DurationText.Longest.TotalDays}d.");
        return null;
    }

    /// <summary>One of a few words.</summary>
    public T? Word<T>(string key, params ReadOnlySpan<(string Word, T Value)> words)
        where T : struct
    {
        if (this[key] is not { } node || AsText(node) is not { } text)
        {
            return null;
        }

        var known = new List<string>();
        foreach ((string word, T value) in words)
        {
            if (word == text.Text)
            {
                return value;
            }

            known.Add(word);
        }

        _findings.Error(node, DiagnosticCodes.UnknownValue, $"'{Excerpt.Of(text.Text)}' is not a value of '{key}'.", _findings.Suggest(text.Text, known) + $"Known: {string.Join(", ", known)}.");
        return null;
    }

    /// <summary>A text that has to match a pattern.</summary>
    public YamlScalar? Name(string key, Regex pattern, string remedy)
    {
        if (Text(key) is not { } text)
        {
            return null;
        }

        if (pattern.IsMatch(text.Text))
        {
            return text;
        }

        _findings.Error(text, DiagnosticCodes.InvalidName, $"'{Excerpt.Of(text.Text)}' cannot be used as '{key}'.", remedy);
        return null;
    }

    private void WrongType(YamlNode node, string expected, string remedy) =>
        _findings.Error(node, DiagnosticCodes.WrongType, $"Expected {expected}, found {node.Describe()}.", remedy);
}
