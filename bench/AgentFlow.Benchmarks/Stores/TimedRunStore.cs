using System.Diagnostics;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Benchmarks.Stores;

/// <summary>A store with a stopwatch around its commits.</summary>
internal sealed class TimedRunStore(IRunStore inner) : IRunStore
{
    private long _commits;
    private long _items;
    private long _ticks;

    public int ParallelCommits => inner.ParallelCommits;

    public event Action<StoreNews> News
    {
        add => inner.News += value;
        remove => inner.News -= value;
    }

    /// <summary>Time in commits, commits, and the frames and inbox items in them since the last call.</summary>
    public (TimeSpan Time, long Commits, long Items) Take() =>
        (Stopwatch.GetElapsedTime(0, Interlocked.Exchange(ref _ticks, 0)), Interlocked.Exchange(ref _commits, 0), Interlocked.Exchange(ref _items, 0));

    public async ValueTask CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _commits);
        Interlocked.Add(ref _items, batch.Frames.Count + batch.Inbox.Count);
        long start = Stopwatch.GetTimestamp();
        await inner.CommitAsync(batch, cancellationToken).ConfigureAwait(false);
        Interlocked.Add(ref _ticks, Stopwatch.GetTimestamp() - start);
    }

    public ValueTask<bool?> HasFrameAsync(string tenant, Ulid run, long firstSeq, ReadOnlyMemory<byte> frame, CancellationToken cancellationToken) => inner.HasFrameAsync(tenant, run, firstSeq, frame, cancellationToken);

    public ValueTask<IReadOnlyList<ClaimedRun>> ClaimAsync(int max, CancellationToken cancellationToken) => inner.ClaimAsync(max, cancellationToken);

    public ValueTask<RunHistory> LoadAsync(ClaimedRun run, CancellationToken cancellationToken) => inner.LoadAsync(run, cancellationToken);

    public ValueTask SetAsideAsync(ClaimedRun run, string reason, CancellationToken cancellationToken) => inner.SetAsideAsync(run, reason, cancellationToken);

    public ValueTask<(int Fired, long? NextDue)> FireTimersAsync(long now, int max, CancellationToken cancellationToken) => inner.FireTimersAsync(now, max, cancellationToken);

    public ValueTask<RunRow?> FindAsync(string tenant, Ulid run, CancellationToken cancellationToken) => inner.FindAsync(tenant, run, cancellationToken);

    public ValueTask<RunPage> ListAsync(string tenant, RunFilter filter, CancellationToken cancellationToken) => inner.ListAsync(tenant, filter, cancellationToken);

    public ValueTask<IReadOnlyList<StoredFrame>> ReadFramesAsync(string tenant, Ulid run, long fromSeq, int max, CancellationToken cancellationToken) => inner.ReadFramesAsync(tenant, run, fromSeq, max, cancellationToken);

    public ValueTask<StoredFrame?> ReadLastFrameAsync(string tenant, Ulid run, CancellationToken cancellationToken) => inner.ReadLastFrameAsync(tenant, run, cancellationToken);

    public Payload? ReadBlob(string tenant, ReadOnlyMemory<byte> hash) => inner.ReadBlob(tenant, hash);
}
