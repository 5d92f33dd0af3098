using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Config;

/// <summary>One setting and the value that holds.</summary>
/// <param name="Key">In the file, the API and the command line.</param>
/// <param name="Variable">In the environment.</param>
/// <param name="Value">Absent when it has none; <c>(set)</c> in place of one that must not be shown.</param>
/// <param name="Source"><c>default</c>, <c>file</c>, <c>environment</c>, <c>tenant</c> or <c>workflow</c>.</param>
/// <param name="Scope">How far down it can be set: <c>deployment</c>, <c>tenant</c> or <c>workflow</c>.</param>
/// <param name="Live">Whether a change takes effect without a restart.</param>
/// <param name="Pending">What the file says now and a restart will take over.</param>
/// <param name="Takes">What values look like.</param>
public sealed record SettingView(string Key, string Variable, string? Value, string Source, string Scope, bool Live, string? Pending, string? Default, string Takes, string Group, string Summary)
{
    private const string Hidden = "(set)";

    internal static SettingView Of(Setting setting, TenantConfig config, string workflow)
    {
        (string value, ConfigSource source) = config.Of(setting, workflow);
        string? Shown(string? text) => string.IsNullOrEmpty(text) ? null : setting.IsSecret && source != ConfigSource.Default ? Hidden : text;
        return new SettingView(
            setting.Key, setting.Name, Shown(value), Word(source), Word(setting.Scope), setting.IsLive, Shown(config.Pending(setting)), setting.Default.Length == 0 ? null : setting.Default, TakesOf(setting), setting.Group, setting.Summary);
    }

    /// <summary>For example <c>seconds, 1 to 3600</c>.</summary>
    internal static string TakesOf(Setting setting) => setting.Kind switch
    {
        SettingKind.Word => string.Join(" | ", setting.Words),
        SettingKind.Switch => "on | off",
        SettingKind.Count => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"whole number, {setting.Least} to {setting.Most}"),
        SettingKind.Seconds => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"seconds, {setting.Least} to {setting.Most}"),
        SettingKind.Days => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"days, up to {setting.Most}"),
        SettingKind.List => "list of texts",
        _ => "text",
    };

    private static string Word(Enum value) => value.ToString().ToLowerInvariant();
}

/// <summary>One change of what a tenant has set.</summary>
/// <param name="By">Who.</param>
/// <param name="RollbackTo">The version whose values hold again, for a rollback.</param>
public sealed record ConfigVersionView(long Version, DateTimeOffset At, string By, long? RollbackTo, IReadOnlyList<ConfigChangeView> Changes)
{
    internal static ConfigVersionView Of(ConfigVersion version) => new(
        version.Version, UnixTime.Of(version.At), version.Actor, version.RollbackTo, [.. version.Changes.Select(c => new ConfigChangeView(Setting.KeyOf(c.Key.Setting), c.Key.Workflow.Length == 0 ? null : c.Key.Workflow, c.From, c.To))]);
}

/// <param name="From">Absent: it was not set.</param>
/// <param name="To">Absent: it is not set any more.</param>
public sealed record ConfigChangeView(string Key, string? Workflow, string? From, string? To);

/// <param name="Version">The version that holds now.</param>
public sealed record ConfigNowView(long Version);

/// <param name="Value">As it would stand in the file; <c>null</c> gives up what was set.</param>
/// <param name="Workflow">For this workflow alone.</param>
public sealed record ConfigSetBody(string? Value, string? Workflow);

/// <param name="Version">0: as if nothing had ever been set.</param>
public sealed record ConfigRollbackBody(long Version);
