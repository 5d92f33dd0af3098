using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Scheduling;

/// <summary>
/// How many runs wait in the store: counted there at most once a second, and only while there is reason to think that any
/// wait; in between, what this process adds counts as well.
/// </summary>
internal sealed class QueueDepth(IRunStore store, TimeProvider clock)
{
    private const int MostCounted = 2_000_000;
    private static readonly TimeSpan FreshFor = TimeSpan.FromSeconds(1);

    private long _countedAt;
    private int _count;
    private int _counting;

    public int Current
    {
        get
        {
            int count = Volatile.Read(ref _count);
            if (count > 0 && clock.GetElapsedTime(Volatile.Read(ref _countedAt)) > FreshFor && Interlocked.Exchange(ref _counting, 1) == 0)
            {
                _ = CountAsync();
            }

            return count;
        }
    }

    public void Added() => Interlocked.Increment(ref _count);

    private async Task CountAsync()
    {
        try
        {
            int count = await store.CountQueuedAsync(MostCounted, CancellationToken.None).ConfigureAwait(false);
            Volatile.Write(ref _count, count);
        }
        catch (Exception)
        {
            // The old count stands. A store that does not answer is reported by whoever needs it.
        }

        Volatile.Write(ref _countedAt, clock.GetTimestamp());
        Volatile.Write(ref _counting, 0);
    }
}
