using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.HumanTasks;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// What runs wait for people to do. What a call has written is on disk when it returns. Another tenant's tasks are as if they did
/// not exist. Times are Unix milliseconds. Safe for concurrent calls.
/// </summary>
public interface IHumanTaskStore
{
    /// <summary>Adds a task, unless its step and approval have one already.</summary>
    /// <returns>The task that stands.</returns>
    ValueTask<HumanTask> AddAsync(HumanTask task, CancellationToken cancellationToken);

    ValueTask<HumanTask?> FindAsync(string tenant, Ulid id, CancellationToken cancellationToken);

    /// <summary>Newest first.</summary>
    ValueTask<HumanTaskPage> ListAsync(string tenant, HumanTaskFilter filter, CancellationToken cancellationToken);

    /// <summary>Writes a task in the place of the version that was read (<see cref="HumanTask.Version"/>), with the next version's number.</summary>
    /// <returns>False when that version is not the newest any more: nothing was written.</returns>
    ValueTask<bool> ReplaceAsync(HumanTask task, CancellationToken cancellationToken);

    /// <summary>Open tasks of a step.</summary>
    ValueTask<IReadOnlyList<HumanTask>> OfStepAsync(string tenant, Ulid run, int step, CancellationToken cancellationToken);

    /// <summary>Open tasks of every tenant that time changes by now, the longest due first.</summary>
    ValueTask<IReadOnlyList<HumanTask>> DueAsync(long now, int max, CancellationToken cancellationToken);

    /// <summary>Ended tasks of every tenant whose run does not know it, by id.</summary>
    ValueTask<IReadOnlyList<HumanTask>> UndeliveredAsync(Ulid after, int max, CancellationToken cancellationToken);

    /// <summary>Open tasks of every tenant whose runs have ended, by id.</summary>
    ValueTask<IReadOnlyList<HumanTask>> AbandonedAsync(Ulid after, int max, CancellationToken cancellationToken);
}

/// <param name="OpenOnly">Only tasks that wait for somebody.</param>
/// <param name="Approvals">Only approvals, or only what is none; <see langword="null"/>: both.</param>
/// <param name="Before">Only tasks older than this one.</param>
public sealed record HumanTaskFilter(HumanTaskStatus? Status = null, bool OpenOnly = false, bool? Approvals = null, string? Role = null, string? User = null, Ulid? Run = null, Ulid? Before = null, int Size = 50);

/// <param name="Total">All tasks that match, on whatever page.</param>
public sealed record HumanTaskPage(IReadOnlyList<HumanTask> Tasks, long Total, bool HasMore);
