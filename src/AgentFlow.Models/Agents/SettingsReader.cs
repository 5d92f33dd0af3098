using System.Text.Json;
using AgentFlow.Contracts.Text;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Models.Agents;

/// <summary>Reads one JSON object of settings and notes everything that is wrong with it under the setting's full name.</summary>
internal sealed class SettingsReader(JsonElement settings, string prefix, List<AgentProblem> problems)
{
    public List<AgentProblem> Problems { get; } = problems;

    private bool IsObject => settings.ValueKind == JsonValueKind.Object;

    public void Report(string name, string message, string remedy) => Problems.Add(new AgentProblem(prefix + name, message, remedy));

    /// <summary>Notes every key that isn't known.</summary>
    public void AllowOnly(params string[] known)
    {
        foreach (string key in Unknown(known))
            Report(key, $"There is no setting '{prefix}{key}'.", Spelling.OneOf(key, known));
    }

    /// <summary>Notes only keys that look like a slip of a known one: the other keys of an agent belong to the workflow language.</summary>
    public void CatchSlips(params string[] known)
    {
        foreach (string key in Unknown(known))
        {
            if (NearWord.Find(key, known) is { } near)
                Report(key, $"There is no setting '{prefix}{key}'.", $"Did you mean '{near}'?");
        }
    }

    /// <summary>An object to read further; an absent one reads as empty.</summary>
    public SettingsReader Object(string name)
    {
        if (Find(name) is not { } value)
            return new SettingsReader(default, prefix + name + ".", Problems);
        if (value.ValueKind != JsonValueKind.Object)
            Report(name, $"'{prefix}{name}' is {Describe(value)}.", "Write an object of settings.");
        return new SettingsReader(value, prefix + name + ".", Problems);
    }

    public JsonElement? Find(string name) =>
        IsObject && settings.TryGetProperty(name, out var value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined) ? value : null;

    public bool IsExplicitNull(string name) => IsObject && settings.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Null;

    public string? Text(string name, string? remedyWhenMissing = null)
    {
        if (Find(name) is not { } value)
        {
            if (remedyWhenMissing is not null)
                Report(name, $"'{prefix}{name}' is missing.", remedyWhenMissing);
            return null;
        }

        if (value.ValueKind == JsonValueKind.String && !string.IsNullOrWhiteSpace(value.GetString()))
            return value.GetString();
        Report(name, $"'{prefix}{name}' is {Describe(value)}.", "Write a text that isn't empty.");
        return null;
    }

    public int Integer(string name, int fallback, int least, int most)
    {
        if (Find(name) is not { } value)
            return fallback;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= least && number <= most)
            return number;
        Report(name, $"'{prefix}{name}' is {Describe(value)}.", $"Write a whole number from {least} to {most}; without the setting it is {fallback}.");
        return fallback;
    }

    public double Number(string name, double fallback, double least, double most)
    {
        if (Find(name) is not { } value)
            return fallback;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= least && number <= most)
            return number;
        Report(name, $"'{prefix}{name}' is {Describe(value)}.", $"Write a number from {least} to {most}; without the setting it is {fallback}.");
        return fallback;
    }

    private IEnumerable<string> Unknown(string[] known) =>
        IsObject ? settings.EnumerateObject().Select(p => p.Name).Where(name => !known.Contains(name, StringComparer.Ordinal)) : [];

    private static string Describe(JsonElement value)
    {
        string text = value.GetRawText();
        return text.Length > 40 ? text[..40] + "…" : text;
    }
}
