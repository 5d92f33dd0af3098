namespace AgentFlow.Client;

/// <summary>An alert that is raised.</summary>
/// <param name="Level"><c>warn</c> or <c>critical</c>.</param>
/// <param name="Resource">The endpoint or agent that it is about.</param>
/// <param name="Since">When it came to this level.</param>
/// <param name="Value">What was seen last.</param>
/// <param name="Silenced">Whether nobody is told at the moment.</param>
/// <param name="Escalated">Whether it has lasted so long that others were told too.</param>
public sealed record Alert(string Rule, string Resource, string Level, DateTimeOffset Since, DateTimeOffset? RaisedAt, double? Value, bool Silenced, bool Escalated);

/// <summary>A change of an alert's level.</summary>
/// <param name="Level"><c>ok</c>, <c>warn</c> or <c>critical</c>.</param>
public sealed record AlertEvent(string Id, string Rule, string Resource, string Level, string Previous, double? Value, DateTimeOffset At);

/// <summary>When something calls for attention.</summary>
public sealed record AlertRule
{
    public required string Name { get; init; }

    /// <summary><c>latency_p50_ms</c>, <c>latency_p95_ms</c>, <c>latency_p99_ms</c>, <c>error_rate</c> (0 to 1) or <c>agent_silence_seconds</c>.</summary>
    public required string Signal { get; init; }

    /// <summary>Endpoints such as <c>POST /orchestrator/*</c>, or agent ids; <see langword="null"/>: all.</summary>
    public string? Target { get; init; }

    /// <summary>A value above it warns.</summary>
    public double? Warn { get; init; }

    /// <summary>A value above it is critical.</summary>
    public double? Critical { get; init; }

    /// <summary>How long a value must stay above a threshold before it counts.</summary>
    public double? ForSeconds { get; init; }

    /// <summary>How long it must stay below before the alert is lowered.</summary>
    public double? ClearAfterSeconds { get; init; }

    /// <summary>Requests in the last minute below which an endpoint has no value.</summary>
    public int? MinRequests { get; init; }

    /// <summary>Channels that are told; <see langword="null"/>: those of the deployment.</summary>
    public IReadOnlyList<string>? Notify { get; init; }

    /// <summary>Channels that are told when it lasts; <see langword="null"/>: those of the deployment.</summary>
    public IReadOnlyList<string>? Escalate { get; init; }

    public double? EscalateAfterSeconds { get; init; }

    public bool Enabled { get; init; } = true;

    /// <summary>Whether every tenant has it.</summary>
    public bool BuiltIn { get; init; }
}

/// <summary>A time in which nobody is told of some alerts.</summary>
/// <param name="Rule">A rule, exact or by its beginning; <c>*</c> is every one. Likewise <paramref name="Resource"/>.</param>
public sealed record AlertSilence(string Id, string Rule, string Resource, DateTimeOffset From, DateTimeOffset Until, string Reason, string By);
