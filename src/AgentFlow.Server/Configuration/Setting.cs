using System.Globalization;

namespace AgentFlow.Server.Configuration;

/// <summary>What a setting's value looks like.</summary>
public enum SettingKind
{
    Text,

    /// <summary>One of <see cref="Setting.Words"/>.</summary>
    Word,

    /// <summary><c>on</c> or <c>off</c>.</summary>
    Switch,

    /// <summary>A whole number.</summary>
    Count,

    /// <summary>Seconds, such as <c>30</c>, <c>2.5</c> or <c>30s</c>.</summary>
    Seconds,

    /// <summary>Days, such as <c>90</c>, <c>0.5</c> or <c>90d</c>.</summary>
    Days,

    /// <summary>Texts: comma separated in the environment, a list in the file.</summary>
    List,
}

/// <summary>How far down a setting can be overridden.</summary>
public enum SettingScope
{
    /// <summary>By <c>agentflow.yml</c> and the environment only.</summary>
    Deployment,

    /// <summary>By each tenant as well.</summary>
    Tenant,

    /// <summary>By each tenant, and for each of its workflows.</summary>
    Workflow,
}

/// <summary>One setting: what it is called, what it takes, and who may change it when.</summary>
/// <param name="Name">In the environment: <c>AF_…</c>. One that ends with <c>_</c> is a family whose members users name.</param>
/// <param name="Default">As it would be written; empty when there is none.</param>
/// <param name="Summary">What it does, one sentence without a full stop.</param>
public sealed record Setting(string Name, SettingKind Kind, string Default, string Summary)
{
    private const string Prefix = "AF_";

    /// <summary>In <c>agentflow.yml</c>, the API and the command line.</summary>
    public string Key => KeyOf(Name);

    /// <summary>Another name of the environment for it, which systems that are replaced have set already; empty when there is none.</summary>
    public string Alias { get; init; } = "";

    public string Group { get; init; } = "";

    public SettingScope Scope { get; init; }

    /// <summary>Whether a change takes effect without a restart.</summary>
    public bool IsLive { get; init; }

    /// <summary>Whether its value must not be shown.</summary>
    public bool IsSecret { get; init; }

    /// <summary>Whether it is read from the environment alone.</summary>
    public bool IsEnvironmentOnly { get; init; }

    public IReadOnlyList<string> Words { get; init; } = [];

    public double Least { get; init; }

    public double Most { get; init; }

    /// <summary>Says what is wrong with a text that the kind allows, and the remedy; <see langword="null"/> when nothing is.</summary>
    public Func<string, string?>? Check { get; init; }

    public bool IsFamily => Name.EndsWith('_');

    public static string KeyOf(string name) => name[Prefix.Length..].ToLowerInvariant();

    public static string NameOf(string key) => Prefix + key.ToUpperInvariant();

    /// <summary>What is wrong with a value, and the remedy; <see langword="null"/> when it can be used.</summary>
    public string? Problem(string value) => Kind switch
    {
        SettingKind.Word when !Words.Contains(value, StringComparer.OrdinalIgnoreCase) => $"write {(Words.Count > 1 ? string.Join(", ", Words.SkipLast(1)) + " or " : "")}{Words[^1]}",
        SettingKind.Switch when SettingValue.Switch(value) is null => "write on or off",
        SettingKind.Count when SettingValue.Count(value) is not { } count || count < Least || count > Most => string.Create(CultureInfo.InvariantCulture, $"write a whole number from {Least} to {Most}"),
        SettingKind.Seconds when SettingValue.Seconds(value) is not { } time || time.TotalSeconds < Least || time.TotalSeconds > Most =>
            string.Create(CultureInfo.InvariantCulture, $"write seconds from {Least} to {Most}, such as 10 or 2.5s"),
        SettingKind.Days when SettingValue.Days(value) is not { } time || time <= TimeSpan.Zero || time.TotalDays > Most => string.Create(CultureInfo.InvariantCulture, $"write days up to {Most}, such as 90d"),
        _ => Check?.Invoke(value),
    };
}

/// <summary>Reads the texts of settings; <see langword="null"/> for what is none of the kind.</summary>
public static class SettingValue
{
    // More than any setting takes; TimeSpan ends at ten million days.
    private const double MostSeconds = 1e10;

    public static bool? Switch(string text) => text switch { "on" or "true" => true, "off" or "false" => false, _ => null };

    public static int? Count(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : null;

    public static TimeSpan? Seconds(string text) => Number(text, 's') is { } seconds and <= MostSeconds ? TimeSpan.FromSeconds(seconds) : null;

    public static TimeSpan? Days(string text) => Number(text, 'd') is { } days and <= MostSeconds / 86_400 ? TimeSpan.FromDays(days) : null;

    public static string[] List(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static double? Number(string text, char unit) =>
        double.TryParse(text.EndsWith(unit) ? text[..^1] : text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) ? number : null;
}
