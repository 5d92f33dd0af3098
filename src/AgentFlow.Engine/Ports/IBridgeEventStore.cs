using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Bridge;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// What remote agents told, and who gets it. What a call has written is on disk when it returns; calls that come at the same time
/// may share a commit. Safe for concurrent calls.
/// </summary>
public interface IBridgeEventStore
{
    /// <summary>Adds an event, unless the agent's event of this id is there.</summary>
    /// <returns>False when it is: nothing was written.</returns>
    ValueTask<bool> AddAsync(string tenant, BridgeEvent happened, CancellationToken cancellationToken);

    /// <summary>Events after a number, in order. A number that was seen once has none before it that comes later.</summary>
    ValueTask<IReadOnlyList<BridgeEvent>> ReadAsync(string tenant, long after, int max, CancellationToken cancellationToken);

    /// <summary>The number of the tenant's newest event; 0 when it has none.</summary>
    ValueTask<long> LastAsync(string tenant, CancellationToken cancellationToken);

    ValueTask AddSubscriptionAsync(string tenant, BridgeSubscription subscription, CancellationToken cancellationToken);

    ValueTask<BridgeSubscription?> FindSubscriptionAsync(string tenant, Ulid id, CancellationToken cancellationToken);

    /// <summary>Oldest first.</summary>
    ValueTask<IReadOnlyList<BridgeSubscription>> ListSubscriptionsAsync(string tenant, CancellationToken cancellationToken);

    /// <returns>False when there is none.</returns>
    ValueTask<bool> RemoveSubscriptionAsync(string tenant, Ulid id, CancellationToken cancellationToken);

    /// <summary>
    /// Notes how far a subscription is and how its last try ended: <see cref="BridgeSubscription.Cursor"/>, which never falls,
    /// <see cref="BridgeSubscription.Failures"/>, <see cref="BridgeSubscription.NextAt"/>, <see cref="BridgeSubscription.Problem"/> and
    /// <see cref="BridgeSubscription.SuspendedAt"/>.
    /// </summary>
    ValueTask SaveProgressAsync(string tenant, BridgeSubscription subscription, CancellationToken cancellationToken);

    /// <summary>Subscriptions of every tenant that are not suspended and may be tried, with events that they have not been sent.</summary>
    ValueTask<IReadOnlyList<BridgeSubscription>> WaitingAsync(long now, CancellationToken cancellationToken);

    /// <summary>Forgets events of every tenant that came before a time.</summary>
    /// <returns>How many.</returns>
    ValueTask<int> ForgetAsync(long before, int max, CancellationToken cancellationToken);
}
