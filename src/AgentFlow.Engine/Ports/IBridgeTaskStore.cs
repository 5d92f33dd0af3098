using AgentFlow.Engine.Bridge;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// The tasks of remote agents. What a call has written is on disk when it returns; calls that come at the same time may share a
/// commit. Another tenant's tasks are as if they did not exist. Times are Unix milliseconds. Safe for concurrent calls.
/// </summary>
public interface IBridgeTaskStore
{
    /// <summary>Adds a task with its first line of history, unless it is there.</summary>
    /// <returns>The task that stands.</returns>
    ValueTask<BridgeTask> AddAsync(string tenant, BridgeTask task, CancellationToken cancellationToken);

    ValueTask<BridgeTask?> FindAsync(string tenant, Guid id, CancellationToken cancellationToken);

    /// <summary>Newest first.</summary>
    ValueTask<BridgeTaskPage> ListAsync(string tenant, BridgeTaskFilter filter, CancellationToken cancellationToken);

    /// <summary>Oldest first.</summary>
    ValueTask<IReadOnlyList<BridgeTaskStep>> HistoryAsync(string tenant, Guid id, CancellationToken cancellationToken);

    /// <summary>Notes that an agent is about to get the task, which is at least dispatched from then on.</summary>
    /// <returns>False when it has ended or does not exist: nothing was written.</returns>
    ValueTask<bool> BeginTryAsync(string tenant, Guid id, BridgeTry begun, CancellationToken cancellationToken);

    /// <summary>Notes why a try is over before its time.</summary>
    /// <param name="tries">The try that the line is about is over: so many count now, and no answer is due.</param>
    ValueTask NoteAsync(string tenant, Guid id, BridgeTaskStep line, int tries, CancellationToken cancellationToken);

    /// <summary>Moves a task forward to where its agent says that it is.</summary>
    ValueTask<ReportOutcome> ReportAsync(string tenant, Guid id, BridgeReport report, CancellationToken cancellationToken);

    /// <summary>Ends a task that nobody else has ended.</summary>
    /// <param name="error">UTF-8 JSON.</param>
    /// <returns>False when it had ended or does not exist.</returns>
    ValueTask<bool> EndAsync(string tenant, Guid id, BridgeTaskStatus status, ReadOnlyMemory<byte> error, string note, long at, CancellationToken cancellationToken);

    /// <summary>Notes that the run knows the end.</summary>
    ValueTask MarkDeliveredAsync(string tenant, Guid id, CancellationToken cancellationToken);

    /// <summary>Notes which task repeats a dead letter.</summary>
    /// <returns>False when another one does: nothing was written.</returns>
    ValueTask<bool> MarkReplayedAsync(string tenant, Guid id, Guid replay, CancellationToken cancellationToken);

    /// <summary>How many tasks each agent has now; agents without any are left out.</summary>
    ValueTask<IReadOnlyDictionary<string, int>> LoadsAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Open tasks of every tenant whose answer was due at a time and that have no further try, or that were due before another one.</summary>
    ValueTask<IReadOnlyList<BridgeTask>> DueAsync(long now, long before, int max, CancellationToken cancellationToken);

    /// <summary>Ended tasks of every tenant whose run does not know it, by number.</summary>
    ValueTask<IReadOnlyList<BridgeTask>> UndeliveredAsync(long after, int max, CancellationToken cancellationToken);

    /// <summary>Open tasks of every tenant whose runs have ended, by number.</summary>
    ValueTask<IReadOnlyList<BridgeTask>> AbandonedAsync(long after, int max, CancellationToken cancellationToken);

    /// <summary>Forgets tasks of every tenant that ended before a time and whose runs know it.</summary>
    /// <returns>How many.</returns>
    ValueTask<int> ForgetAsync(long before, int max, CancellationToken cancellationToken);
}
