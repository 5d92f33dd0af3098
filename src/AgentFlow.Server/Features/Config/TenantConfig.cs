using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Features.Config;

/// <summary>Where the value that holds comes from, the lowest first: each overrides those before it.</summary>
internal enum ConfigSource
{
    Default,
    File,
    Environment,
    Tenant,
    Workflow,
}

/// <summary>The settings as they hold for one tenant at one version. Immutable.</summary>
/// <param name="started">The deployment's file and environment when the process started.</param>
/// <param name="now">The same with the file as it is now.</param>
internal sealed class TenantConfig(Settings started, Settings now, ConfigState state)
{
    public long Version => state.Version;

    public IReadOnlyDictionary<ConfigKey, string> Values => state.Values;

    /// <summary>The value that holds, and who said so.</summary>
    /// <param name="workflow">Empty: for all workflows.</param>
    public (string Value, ConfigSource Source) Of(Setting setting, string workflow)
    {
        if (workflow.Length > 0 && setting.Scope == SettingScope.Workflow && Stored(setting, workflow) is { } narrow)
        {
            return (narrow, ConfigSource.Workflow);
        }

        if (setting.Scope != SettingScope.Deployment && Stored(setting, "") is { } own)
        {
            return (own, ConfigSource.Tenant);
        }

        Settings given = setting.IsLive ? now : started;
        return given[setting.Name] is { } value ? (value, given.IsInFile(setting.Name) ? ConfigSource.File : ConfigSource.Environment) : (setting.Default, ConfigSource.Default);
    }

    /// <summary>What will hold after a restart, when that is something else; <see langword="null"/> otherwise.</summary>
    public string? Pending(Setting setting) => !setting.IsLive && started[setting.Name] != now[setting.Name] ? now[setting.Name] ?? setting.Default : null;

    /// <summary>A switch; <see langword="null"/> when nobody has set it and it has no default.</summary>
    public bool? Switch(string name, string workflow = "") => SettingValue.Switch(Of(SettingSchema.Of(name), workflow).Value);

    /// <summary>A time; <see langword="null"/> when nobody has set it and it has no default.</summary>
    public TimeSpan? Seconds(string name, string workflow = "") => SettingValue.Seconds(Of(SettingSchema.Of(name), workflow).Value);

    /// <summary>What a newer version of the product has stored under a name that this one reads differently does not hold.</summary>
    private string? Stored(Setting setting, string workflow) => state.Values.TryGetValue(new ConfigKey(setting.Name, workflow), out string? value) && setting.Problem(value) is null ? value : null;
}
