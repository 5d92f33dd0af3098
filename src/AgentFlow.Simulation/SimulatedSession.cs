using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Simulation;

/// <summary>The store as one process sees it, with the faults that the world puts between them.</summary>
internal sealed class SimulatedSession(World world, Process process, int parallelCommits) : IRunStore
{
    public int ParallelCommits => parallelCommits;

    public bool CanDefer => parallelCommits == 1;

    private SimulatedStore Disk => world.Disk;

    public ValueTask CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
    {
        if (world.Dies(process, "before a commit"))
        {
            return Nothing();
        }

        if (world.Happens(Fault.DiskFull))
        {
            throw new IOException("No space left on device.");
        }

        if (world.Happens(Fault.CommitLost))
        {
            throw new IOException("The connection was lost before the commit.");
        }

        if (!world.Happens(Fault.CommitSlow))
        {
            Write(batch);
            return world.Dies(process, "behind a commit") ? Nothing() : ValueTask.CompletedTask;
        }

        var done = new TaskCompletionSource();
        world.Later(process, "before a slow commit", () =>
        {
            try
            {
                Write(batch);
                done.SetResult();
            }
            catch (IOException e)
            {
                done.SetException(e);
            }
        });
        return new ValueTask(done.Task);
    }

    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (world.Dies(process, "before a flush", 200))
        {
            return Nothing();
        }

        Disk.Flush();
        return world.Dies(process, "behind a flush", 200) ? Nothing() : ValueTask.CompletedTask;
    }

    public ValueTask<bool?> HasFrameAsync(RunAppend append, CancellationToken cancellationToken)
    {
        SimulatedStore.Row? row = Disk.Find(append.Run);
        StoredFrame? stored = row?.Frames.Find(f => f.FirstSeq == append.FirstSeq);
        bool creates = append.Change is RowChange.Create or RowChange.CreateQueued;
        return ValueTask.FromResult<bool?>(stored is null ? null : stored.Data.Span.SequenceEqual(append.Frame.Span) && (creates || row!.Owner == process.Number));
    }

    public ValueTask<IReadOnlyList<ClaimedRun>> ClaimAsync(int max, CancellationToken cancellationToken)
    {
        List<ClaimedRun> claimed = world.IsLive(process) ? Disk.Claim(process.Number, max) : [];
        return claimed.Count > 0 && world.Dies(process, "before the claim's answer") ? Nothing<IReadOnlyList<ClaimedRun>>() : ValueTask.FromResult<IReadOnlyList<ClaimedRun>>(claimed);
    }

    public ValueTask<RunHistory> LoadAsync(ClaimedRun run, CancellationToken cancellationToken) =>
        world.Dies(process, "before a load") ? Nothing<RunHistory>() : ValueTask.FromResult(Disk.Load(run.Key));

    public ValueTask<IReadOnlyList<Ulid>> SetAsideAsync(ClaimedRun run, string reason, CancellationToken cancellationToken)
    {
        if (process.IsDead)
        {
            return Nothing<IReadOnlyList<Ulid>>();
        }

        SimulatedStore.Row row = Disk.Rows[(int)run.Key - 1];
        row.Status = RunStatus.Diverged;
        row.Reason = reason;
        world.SetAside(reason);
        return ValueTask.FromResult<IReadOnlyList<Ulid>>([]);
    }

    public ValueTask<(int Fired, long? NextDue)> FireTimersAsync(long now, int max, CancellationToken cancellationToken)
    {
        if (world.Dies(process, "before timers fire"))
        {
            return Nothing<(int, long?)>();
        }

        (int Fired, long? NextDue) answer = Disk.FireTimers(now, max);
        return answer.Fired > 0 && world.Dies(process, "behind timers that fired") ? Nothing<(int, long?)>() : ValueTask.FromResult(answer);
    }

    public ValueTask<int> CountQueuedAsync(int atMost, CancellationToken cancellationToken) => ValueTask.FromResult(Math.Min(atMost, Disk.Rows.Count(r => r.Status == RunStatus.Queued)));

    public ValueTask<RunRow?> FindAsync(string tenant, Ulid run, CancellationToken cancellationToken)
    {
        SimulatedStore.Row? row = Disk.Find(run);
        return ValueTask.FromResult(row is null ? null : new RunRow(row.Id, row.Creation.Workflow, row.Creation.Version, row.Creation.DefinitionHash, row.Status, row.Reason, 0, null) { Parent = row.Creation.Parent });
    }

    public ValueTask<string?> FindTenantAsync(Ulid run, CancellationToken cancellationToken) => throw new NotSupportedException("A simulated world has one tenant.");

    public ValueTask<IReadOnlyList<SharedPlace>> ListPlacesAsync(string tenant, Engine.Runs.Journal.SharedKind kind, int max, CancellationToken cancellationToken) => throw new NotSupportedException("Nobody lists places in a simulated world.");

    public ValueTask<RunPage> ListAsync(string tenant, RunFilter filter, CancellationToken cancellationToken) => throw new NotSupportedException("Nobody lists runs in a simulated world.");

    public ValueTask<IReadOnlyList<StoredFrame>> ReadFramesAsync(string tenant, Ulid run, long fromSeq, int max, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<StoredFrame>>(Disk.Find(run)?.Frames ?? []);

    public ValueTask<StoredFrame?> ReadLastFrameAsync(string tenant, Ulid run, CancellationToken cancellationToken) => ValueTask.FromResult(Disk.Find(run)?.Frames.LastOrDefault());

    public Payload? ReadBlob(string tenant, ReadOnlyMemory<byte> hash) => Disk.Blob(hash);

    /// <summary>The answer that a dead process gets.</summary>
    private static ValueTask Nothing() => new(new TaskCompletionSource().Task);

    private static ValueTask<T> Nothing<T>() => new(new TaskCompletionSource<T>().Task);

    private void Write(CommitBatch batch)
    {
        Disk.Commit(process.Number, world.IsLive(process), batch);
        world.Written(batch);
        if (world.Happens(Fault.CommitAmbiguous))
        {
            // The caller never learns what became of it.
            batch.Touched.Clear();
            batch.Frames.ForEach(f => f.Outcome = CommitOutcome.Pending);
            batch.Inbox.ForEach(i => i.Outcome = CommitOutcome.Pending);
            throw new IOException("The connection was lost during the commit.");
        }
    }
}
