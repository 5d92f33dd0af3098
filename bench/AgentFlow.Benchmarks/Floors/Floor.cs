using System.Threading.Tasks.Sources;

namespace AgentFlow.Benchmarks.Floors;

/// <summary>
/// What the disk and its driver give to somebody who has no engine: each of n callers is a task that awaits its writes one
/// after the other, and what has gathered is committed together. A run is inserted with its first frame, frames are
/// appended, and the last one comes with an update of the run: the same transactions and bytes as a real run's, without
/// any check of who may write.
/// </summary>
/// <param name="callers">How many write at once. A writer starts when its share of them waits, so that batches are full.</param>
/// <param name="writers">Transactions under way at once.</param>
internal abstract class Floor(int callers, int writers) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Stack<List<Write>> _spare = new();
    private List<Write> _pending = [];
    private int _active;
    private int _busy;
    private long _lastRun;

    /// <summary>Writes one run: its frames, one durable write each.</summary>
    public async Task WriteRunAsync(byte[][] frames)
    {
        var write = new Write { Run = Interlocked.Increment(ref _lastRun), Frames = frames };
        for (int i = 0; i < frames.Length; i++)
        {
            write.Index = i;
            await WriteAsync(write);
        }
    }

    /// <summary>The round begins: all callers write.</summary>
    public void Join() => _active = callers;

    /// <summary>One caller writes no more.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            _active--;
        }

        TryCommit();
    }

    public abstract ValueTask DisposeAsync();

    /// <summary>Commits all in one transaction; on disk when it completes.</summary>
    protected abstract ValueTask CommitAsync(List<Write> batch);

    private ValueTask WriteAsync(Write write)
    {
        ValueTask done = write.Start();
        lock (_gate)
        {
            _pending.Add(write);
        }

        TryCommit();
        return done;
    }

    private void TryCommit()
    {
        List<Write> batch;
        lock (_gate)
        {
            int share = Math.Max(1, (_active + writers - 1) / writers);
            if (_busy == writers || _pending.Count < share)
            {
                return;
            }

            _busy++;
            batch = _pending;
            _pending = _spare.Count > 0 ? _spare.Pop() : [];
        }

        ValueTask commit = CommitAsync(batch);
        if (commit.IsCompletedSuccessfully)
        {
            Finish(batch);
        }
        else
        {
            _ = FinishAsync(commit, batch);
        }
    }

    private async Task FinishAsync(ValueTask commit, List<Write> batch)
    {
        try
        {
            await commit.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            batch.ForEach(w => w.Fail(e));
            return;
        }

        Finish(batch);
    }

    private void Finish(List<Write> batch)
    {
        lock (_gate)
        {
            _busy--;
        }

        foreach (Write write in batch)
        {
            write.Complete();
        }

        batch.Clear();
        lock (_gate)
        {
            _spare.Push(batch);
        }

        TryCommit();
    }

    /// <summary>One frame of one run, awaited by its caller.</summary>
    protected sealed class Write : IValueTaskSource
    {
        private ManualResetValueTaskSourceCore<bool> _done = new() { RunContinuationsAsynchronously = true };

        public required long Run { get; init; }

        public required byte[][] Frames { get; init; }

        public int Index { get; set; }

        public byte[] Frame => Frames[Index];

        public bool IsFirst => Index == 0;

        public bool IsLast => Index == Frames.Length - 1;

        public ValueTask Start()
        {
            _done.Reset();
            return new ValueTask(this, _done.Version);
        }

        public void Complete() => _done.SetResult(true);

        public void Fail(Exception exception) => _done.SetException(exception);

        public void GetResult(short token) => _done.GetResult(token);

        public ValueTaskSourceStatus GetStatus(short token) => _done.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) => _done.OnCompleted(continuation, state, token, flags);
    }
}
