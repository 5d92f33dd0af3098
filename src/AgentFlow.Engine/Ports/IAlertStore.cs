using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Alerts;

namespace AgentFlow.Engine.Ports;

/// <summary>Alert rules of tenants' own, silences, and what alerts have come to. Everything is durable when it returns.</summary>
public interface IAlertStore
{
    /// <summary>Adds a rule or replaces the one of its name.</summary>
    ValueTask SaveRuleAsync(string tenant, AlertRule rule, CancellationToken cancellationToken);

    /// <returns>False when there is none.</returns>
    ValueTask<bool> RemoveRuleAsync(string tenant, string name, CancellationToken cancellationToken);

    /// <summary>A tenant's own rules, by name.</summary>
    ValueTask<IReadOnlyList<AlertRule>> RulesAsync(string tenant, CancellationToken cancellationToken);

    ValueTask AddSilenceAsync(string tenant, AlertSilence silence, CancellationToken cancellationToken);

    /// <summary>Ends a silence before its time.</summary>
    /// <returns>False when there is none that has not ended.</returns>
    ValueTask<bool> EndSilenceAsync(string tenant, Ulid id, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Silences that have not ended, newest first.</summary>
    ValueTask<IReadOnlyList<AlertSilence>> SilencesAsync(string tenant, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Writes down that a level has changed, and drops what is older than <paramref name="keepFrom"/>.</summary>
    ValueTask AddEventAsync(string tenant, AlertEvent alertEvent, Ulid keepFrom, CancellationToken cancellationToken);

    /// <summary>Events before an id, newest first.</summary>
    ValueTask<IReadOnlyList<AlertEvent>> EventsAsync(string tenant, Ulid before, int max, CancellationToken cancellationToken);

    ValueTask<long> CountEventsAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>The newest event of each rule and resource whose level is not <see cref="AlertLevel.None"/>, of every tenant.</summary>
    ValueTask<IReadOnlyList<(string Tenant, AlertEvent Event)>> RaisedAsync(CancellationToken cancellationToken);

    /// <summary>The tenants that have rules or silences.</summary>
    ValueTask<IReadOnlyList<string>> TenantsAsync(DateTimeOffset now, CancellationToken cancellationToken);
}

/// <summary>Nobody is told of alerts for a while.</summary>
/// <param name="Rule">The rule, exact or by its beginning; <c>*</c> is every one.</param>
/// <param name="Resource">The resource, in the same way.</param>
public sealed record AlertSilence(Ulid Id, string Rule, string Resource, DateTimeOffset From, DateTimeOffset Until, string Reason, string By)
{
    public bool Covers(string rule, string resource, DateTimeOffset at) => at >= From && at < Until && Matches(Rule, rule) && Matches(Resource, resource);

    private static bool Matches(string pattern, string text) => new Access.NamePatterns([pattern]).Matches(text);
}

/// <summary>An alert has come to another level.</summary>
/// <param name="Id">In the order of time.</param>
/// <param name="Value">What was seen; <see langword="null"/>: nothing.</param>
public sealed record AlertEvent(Ulid Id, string Rule, string Resource, AlertLevel Level, AlertLevel Previous, double? Value, DateTimeOffset At);
