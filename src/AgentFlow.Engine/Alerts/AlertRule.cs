using AgentFlow.Engine.Access;

namespace AgentFlow.Engine.Alerts;

/// <summary>What a rule looks at.</summary>
public enum AlertSignal
{
    /// <summary>Median latency of an endpoint, in milliseconds.</summary>
    LatencyP50,

    /// <summary>95th percentile of an endpoint's latency, in milliseconds.</summary>
    LatencyP95,

    /// <summary>99th percentile of an endpoint's latency, in milliseconds.</summary>
    LatencyP99,

    /// <summary>Failed requests of an endpoint, as a part of all: 0 to 1.</summary>
    ErrorRate,

    /// <summary>For how long a remote agent has been silent, in seconds.</summary>
    AgentSilence,
}

/// <summary>How bad something is; greater is worse.</summary>
public enum AlertLevel
{
    None = 0,
    Warn = 1,
    Critical = 2,
}

/// <summary>When something calls for attention, and whose.</summary>
/// <param name="Name">Matches <see cref="IsName"/>; unique in the tenant.</param>
public sealed record AlertRule(string Name, AlertSignal Signal)
{
    /// <summary>The endpoints (<c>POST /orchestrator/*</c>) or agent ids that the rule looks at, exact or by their beginning (<see cref="NamePatterns"/>). Each is an alert of its own.</summary>
    public string Target { get; init; } = "*";

    /// <summary>A value above it warns; <see langword="null"/>: none does.</summary>
    public double? Warn { get; init; }

    /// <summary>A value above it is critical; <see langword="null"/>: none is.</summary>
    public double? Critical { get; init; }

    /// <summary>How long a value must stay above a threshold before it counts. Default: not at all.</summary>
    public TimeSpan For { get; init; }

    /// <summary>How long it must stay below before the alert is lowered. Default: not at all.</summary>
    public TimeSpan ClearAfter { get; init; }

    /// <summary>Requests in the window below which an endpoint has no value: a few say nothing. Default 20.</summary>
    public int MinRequests { get; init; } = 20;

    /// <summary>Channels that are told; <see langword="null"/>: those of the deployment.</summary>
    public IReadOnlyList<string>? Notify { get; init; }

    /// <summary>Channels that are told once the alert has lasted for <see cref="EscalateAfter"/>; <see langword="null"/>: those of the deployment.</summary>
    public IReadOnlyList<string>? Escalate { get; init; }

    /// <summary><see langword="null"/>: as the deployment has it.</summary>
    public TimeSpan? EscalateAfter { get; init; }

    public bool IsEnabled { get; init; } = true;

    /// <summary>Whether it looks at the server, whose latencies belong to no tenant.</summary>
    public bool IsOfDeployment => Signal != AlertSignal.AgentSilence;

    public static bool IsName(string name) => name.Length is > 0 and <= 63 && name[0] is >= 'a' and <= 'z' && name.All(static c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' or '-');

    /// <summary>How bad a value is.</summary>
    public AlertLevel LevelOf(double? value) => value > Critical ? AlertLevel.Critical : value > Warn ? AlertLevel.Warn : AlertLevel.None;

    /// <summary>The threshold of a level.</summary>
    public double? ThresholdOf(AlertLevel level) => level == AlertLevel.Critical ? Critical ?? Warn : Warn ?? Critical;

    public bool Watches(string resource) => new NamePatterns([Target]).Matches(resource);
}

/// <summary>The rules that every tenant has; one of its own with the same name takes the place of one.</summary>
public static class BuiltInAlertRules
{
    // docs/architecture/monitoring.md: the Agent Bridge's thresholds.
    private const string Bridge = "POST /orchestrator/*";

    public static IReadOnlyList<AlertRule> All { get; } =
    [
        new("agent-offline", AlertSignal.AgentSilence) { Warn = 300, Critical = 900 },
        new("bridge-errors", AlertSignal.ErrorRate) { Target = Bridge, Warn = 0.005, Critical = 0.01, ClearAfter = TimeSpan.FromSeconds(60) },
        new("bridge-latency", AlertSignal.LatencyP95) { Target = Bridge, Warn = 100, Critical = 120, ClearAfter = TimeSpan.FromSeconds(60) },
    ];
}
