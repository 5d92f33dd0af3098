using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Simulation.Rehearsals;

/// <summary>The store of a rehearsal as one life of its worker sees it. A dead one gets no answer any more.</summary>
internal sealed class RehearsalSession(SimulatedStore disk, Process process) : IRunStore
{
    public int ParallelCommits => 1;

    public ValueTask CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
    {
        if (process.IsDead)
        {
            return new ValueTask(new TaskCompletionSource().Task);
        }

        disk.Commit(process.Number, isLive: true, batch);
        return ValueTask.CompletedTask;
    }

    public ValueTask<bool?> HasFrameAsync(RunAppend append, CancellationToken cancellationToken) => throw new NotSupportedException("A rehearsal's commits are never in doubt.");

    public ValueTask<IReadOnlyList<ClaimedRun>> ClaimAsync(int max, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<ClaimedRun>>(process.IsDead ? [] : disk.Claim(process.Number, max));

    public ValueTask<RunHistory> LoadAsync(ClaimedRun run, CancellationToken cancellationToken) => ValueTask.FromResult(disk.Load(run.Key));

    public ValueTask<IReadOnlyList<Ulid>> SetAsideAsync(ClaimedRun run, string reason, CancellationToken cancellationToken)
    {
        SimulatedStore.Row row = disk.Rows[(int)run.Key - 1];
        (row.Status, row.Reason) = (RunStatus.Diverged, reason);
        return ValueTask.FromResult<IReadOnlyList<Ulid>>([]);
    }

    public ValueTask<(int Fired, long? NextDue)> FireTimersAsync(long now, int max, CancellationToken cancellationToken) => ValueTask.FromResult(disk.FireTimers(now, max));

    public ValueTask<int> CountQueuedAsync(int atMost, CancellationToken cancellationToken) => ValueTask.FromResult(0);

    public ValueTask<RunRow?> FindAsync(string tenant, Ulid run, CancellationToken cancellationToken) => throw NobodyAsks();

    public ValueTask<string?> FindTenantAsync(Ulid run, CancellationToken cancellationToken) => throw NobodyAsks();

    public ValueTask<IReadOnlyList<SharedPlace>> ListPlacesAsync(string tenant, Engine.Runs.Journal.SharedKind kind, int max, CancellationToken cancellationToken) => throw NobodyAsks();

    public ValueTask<RunPage> ListAsync(string tenant, RunFilter filter, CancellationToken cancellationToken) => throw NobodyAsks();

    public ValueTask<IReadOnlyList<StoredFrame>> ReadFramesAsync(string tenant, Ulid run, long fromSeq, int max, CancellationToken cancellationToken) => throw NobodyAsks();

    public ValueTask<StoredFrame?> ReadLastFrameAsync(string tenant, Ulid run, CancellationToken cancellationToken) => throw NobodyAsks();

    public Payload? ReadBlob(string tenant, ReadOnlyMemory<byte> hash) => disk.Blob(hash);

    private static NotSupportedException NobodyAsks() => new("Nobody looks at runs from outside while they are rehearsed.");
}
