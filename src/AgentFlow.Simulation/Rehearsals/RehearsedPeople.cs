using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Simulation.Rehearsals;

/// <summary>Where a rehearsed run puts what it wants approved; it outlives the run's workers, as a store does.</summary>
/// <param name="asked">Told once of each approval.</param>
internal sealed class RehearsedPeople(Action<HumanTask> asked) : IHumanTaskStore
{
    private readonly List<HumanTask> _tasks = [];

    /// <summary>Somebody still waits for an approval.</summary>
    public bool IsWanted(Ulid task) => _tasks.Find(t => t.Id == task) is { IsOpen: true };

    public ValueTask<HumanTask> AddAsync(HumanTask task, CancellationToken cancellationToken)
    {
        if (_tasks.Find(t => t.Run == task.Run && t.Address == task.Address && t.Approval == task.Approval) is { } stands)
        {
            return new(stands);
        }

        _tasks.Add(task);
        asked(task);
        return new(task);
    }

    public ValueTask<bool> ReplaceAsync(HumanTask task, CancellationToken cancellationToken)
    {
        _tasks[_tasks.FindIndex(t => t.Id == task.Id)] = task;
        return new(true);
    }

    public ValueTask<IReadOnlyList<HumanTask>> OfStepAsync(string tenant, Ulid run, int step, CancellationToken cancellationToken) =>
        new([.. _tasks.Where(t => t.Run == run && t.Address.Step == step && t.IsOpen)]);

    public ValueTask<HumanTask?> FindAsync(string tenant, Ulid id, CancellationToken cancellationToken) => throw NobodyLooks();

    public ValueTask<HumanTaskPage> ListAsync(string tenant, HumanTaskFilter filter, CancellationToken cancellationToken) => throw NobodyLooks();

    public ValueTask<IReadOnlyList<HumanTask>> DueAsync(long now, int max, CancellationToken cancellationToken) => throw NobodyLooks();

    public ValueTask<IReadOnlyList<HumanTask>> UndeliveredAsync(Ulid after, int max, CancellationToken cancellationToken) => throw NobodyLooks();

    public ValueTask<IReadOnlyList<HumanTask>> AbandonedAsync(Ulid after, int max, CancellationToken cancellationToken) => throw NobodyLooks();

    private static NotSupportedException NobodyLooks() => new("Nobody looks for tasks while a run is rehearsed.");
}
