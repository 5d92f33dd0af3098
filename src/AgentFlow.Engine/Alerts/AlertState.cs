namespace AgentFlow.Engine.Alerts;

/// <summary>How one rule does on one resource.</summary>
/// <param name="Level">What it has come to.</param>
/// <param name="Since">When it came to that.</param>
public sealed record AlertState(AlertLevel Level, DateTimeOffset Since)
{
    public static AlertState Quiet { get; } = new(AlertLevel.None, DateTimeOffset.MinValue);

    /// <summary>Since when every value has been above the warning threshold.</summary>
    public DateTimeOffset? WarnSince { get; init; }

    /// <summary>Since when every value has been above the critical threshold.</summary>
    public DateTimeOffset? CriticalSince { get; init; }

    /// <summary>Since when every value has been milder than <see cref="Level"/>.</summary>
    public DateTimeOffset? MilderSince { get; init; }

    /// <summary>The last value that was seen.</summary>
    public double? Value { get; init; }

    /// <summary>What those who are to be told have been told.</summary>
    public AlertLevel Told { get; init; }

    /// <summary>Whether it was escalated since it left <see cref="AlertLevel.None"/>.</summary>
    public bool IsEscalated { get; init; }

    /// <summary>Since when it has not been <see cref="AlertLevel.None"/>.</summary>
    public DateTimeOffset? RaisedAt { get; init; }

    /// <summary>Whether there is nothing to remember.</summary>
    public bool IsQuiet => Level == AlertLevel.None && Told == AlertLevel.None && WarnSince is null;
}

/// <summary>What one look brought about.</summary>
/// <param name="Changed">Whether the level is another one.</param>
/// <param name="Tell">Whether those who are to be told do not know the level yet, and no silence keeps it from them.</param>
/// <param name="Escalate">Whether it has lasted for so long that others are told too.</param>
public readonly record struct AlertStep(AlertState State, bool Changed, bool Tell, bool Escalate);

/// <summary>The alert's state machine: pure, one step for each look.</summary>
public static class AlertMachine
{
    /// <param name="value">What was seen; <see langword="null"/>: nothing, which is no cause for alarm.</param>
    /// <param name="silenced">Levels still change, and nobody is told.</param>
    /// <param name="escalateAfter">How long an alert lasts before it is escalated; <see langword="null"/>: never.</param>
    public static AlertStep Step(AlertRule rule, AlertState state, double? value, DateTimeOffset now, bool silenced, TimeSpan? escalateAfter)
    {
        AlertLevel seen = rule.IsEnabled ? rule.LevelOf(value) : AlertLevel.None;
        AlertState next = state with
        {
            Value = value,
            WarnSince = seen >= AlertLevel.Warn ? state.WarnSince ?? now : null,
            CriticalSince = seen == AlertLevel.Critical ? state.CriticalSince ?? now : null,
            MilderSince = seen < state.Level ? state.MilderSince ?? now : null,
        };
        AlertLevel level = Level(rule, next, seen, now);
        bool changed = level != state.Level;
        if (changed)
        {
            next = next with
            {
                Level = level,
                Since = now,
                MilderSince = null,
                RaisedAt = level == AlertLevel.None ? null : state.RaisedAt ?? now,
                IsEscalated = level != AlertLevel.None && state.IsEscalated,
            };
        }

        bool tell = !silenced && next.Told != next.Level;
        bool escalate = !silenced && !next.IsEscalated && next.RaisedAt is { } raised && escalateAfter is { } patience && now - raised >= patience;
        return new AlertStep(next with { Told = tell ? next.Level : next.Told, IsEscalated = next.IsEscalated || escalate }, changed, tell, escalate);
    }

    private static AlertLevel Level(AlertRule rule, AlertState state, AlertLevel seen, DateTimeOffset now)
    {
        bool Lasted(DateTimeOffset? since, TimeSpan wanted) => since is { } at && now - at >= wanted;
        AlertLevel due = Lasted(state.CriticalSince, rule.For) ? AlertLevel.Critical : Lasted(state.WarnSince, rule.For) ? AlertLevel.Warn : AlertLevel.None;
        return due > state.Level ? due : Lasted(state.MilderSince, rule.ClearAfter) ? seen : state.Level;
    }
}
