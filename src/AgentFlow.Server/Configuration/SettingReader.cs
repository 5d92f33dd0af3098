namespace AgentFlow.Server.Configuration;

/// <summary>Reads settings against the schema, and collects what is wrong with them, each with its place and its remedy.</summary>
internal sealed class SettingReader(Settings settings, List<string> problems)
{
    /// <summary>A value that the schema takes; <see langword="null"/> when there is none.</summary>
    public string? Text(string name)
    {
        if (settings[name] is not { } text)
        {
            return null;
        }

        Setting setting = SettingSchema.Of(name);
        if (setting.Problem(text) is not { } problem)
        {
            return text;
        }

        problems.Add($"{settings.Source(name)}{(setting.IsSecret ? "" : $" is '{text}'")}: {problem}");
        return null;
    }

    public bool? Switch(string name) => Text(name) is { } text ? SettingValue.Switch(text) : null;

    public int? Count(string name) => Text(name) is { } text ? SettingValue.Count(text) : null;

    public TimeSpan? Seconds(string name) => Text(name) is { } text ? SettingValue.Seconds(text) : null;

    public TimeSpan? Days(string name) => Text(name) is { } text ? SettingValue.Days(text) : null;

    public IReadOnlyList<string>? List(string name) => Text(name) is { } text ? SettingValue.List(text) : null;

    /// <summary>Where a value stands, for messages.</summary>
    public string Source(string name) => settings.Source(name);

    public void Fault(string problem) => problems.Add(problem);
}
