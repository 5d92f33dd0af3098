using AgentFlow.Engine.Triggers;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// What is remembered of triggers. What a call has written is on disk when it returns. Times are Unix milliseconds. Safe for
/// concurrent calls.
/// </summary>
public interface ITriggerStore
{
    /// <summary>Adds a trigger, unless the tenant's workflow has one of its name.</summary>
    ValueTask AddAsync(TriggerState trigger, CancellationToken cancellationToken);

    ValueTask<TriggerState?> FindAsync(string tenant, string workflow, string name, CancellationToken cancellationToken);

    /// <summary>By workflow and name.</summary>
    ValueTask<IReadOnlyList<TriggerState>> ListAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Writes a trigger in the place of the version that was read (<see cref="TriggerState.Version"/>), with the next version's number.</summary>
    /// <returns>False when that version is not the newest any more: nothing was written.</returns>
    ValueTask<bool> ReplaceAsync(TriggerState trigger, CancellationToken cancellationToken);

    /// <summary>Forgets a trigger, if nobody has changed it.</summary>
    ValueTask RemoveAsync(TriggerState trigger, CancellationToken cancellationToken);

    /// <summary>Schedules of every tenant that are due and not paused, the longest due first.</summary>
    ValueTask<IReadOnlyList<TriggerState>> DueAsync(long now, int max, CancellationToken cancellationToken);
}
