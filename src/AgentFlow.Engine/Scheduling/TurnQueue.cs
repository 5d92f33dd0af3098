using System.Collections.Concurrent;

namespace AgentFlow.Engine.Scheduling;

/// <summary>
/// Runs that have something to compute, and the few workers that do it. A worker that finds the queue empty commits what
/// the turns have written; so commits gather exactly while there is something else to do.
/// </summary>
internal sealed class TurnQueue : IThreadPoolWorkItem
{
    /// <summary>Turns and commits that a caller makes at most; 64 commits take some ten milliseconds.</summary>
    private const int MostHelp = 64;

    private readonly ConcurrentQueue<ResidentRun> _ready = new();
    private readonly Action<IThreadPoolWorkItem> _schedule;
    private readonly int _workers;
    private JournalWriter? _writer;
    private int _active;
    private volatile bool _closed;

    /// <param name="workers">Most turns computed at once.</param>
    /// <param name="schedule">Runs a work item soon, on another stack than the caller's.</param>
    public TurnQueue(int workers, Action<IThreadPoolWorkItem> schedule)
    {
        _workers = workers;
        _schedule = schedule;
    }

    public bool IsIdle => (_closed || _ready.IsEmpty) && Volatile.Read(ref _active) == 0;

    /// <summary>Runs that wait to be computed.</summary>
    public int Ready => _ready.Count;

    /// <summary>No turn begins any more.</summary>
    public void Close() => _closed = true;

    public void Attach(JournalWriter writer) => _writer = writer;

    public void Add(ResidentRun run)
    {
        _ready.Enqueue(run);
        Wake();
    }

    /// <summary>Queues a run for a caller that works itself afterwards, or wakes workers for all that it has queued.</summary>
    public void AddQuietly(ResidentRun run) => _ready.Enqueue(run);

    /// <summary>Makes sure that a worker looks at the queue and the writer.</summary>
    public void Wake() => Wake(1);

    /// <param name="runs">Runs that were queued: not more workers than these are woken.</param>
    public void Wake(int runs)
    {
        while (runs-- > 0 && TryEnter())
        {
            _schedule(this);
        }
    }

    /// <summary>Works on this thread until nothing is left, unless enough others do. Saves an idle engine a change of threads.</summary>
    public void Work()
    {
        if (TryEnter())
        {
            Run(null);
        }
    }

    /// <summary>
    /// Lets a caller who waits for something work on it itself, if nobody works: an idle engine answers without a change of
    /// threads. He leaves when he has what he waits for, and others go on with the rest.
    /// </summary>
    public void Help(Task wanted)
    {
        if (Interlocked.CompareExchange(ref _active, 1, 0) == 0)
        {
            Run(wanted);
        }
        else
        {
            Wake();
        }
    }

    void IThreadPoolWorkItem.Execute() => Run(null);

    private bool TryEnter()
    {
        int active = Volatile.Read(ref _active);
        while (active < _workers)
        {
            int seen = Interlocked.CompareExchange(ref _active, active + 1, active);
            if (seen == active)
            {
                return true;
            }

            active = seen;
        }

        return false;
    }

    /// <param name="wanted">What a helper waits for; <see langword="null"/>: a worker, who stays as long as there is work.</param>
    private void Run(Task? wanted)
    {
        int help = MostHelp;
        while (!_closed)
        {
            if (wanted is not null && (wanted.IsCompleted || help-- == 0))
            {
                Interlocked.Decrement(ref _active);
                if (!_ready.IsEmpty || _writer!.HasWork(0))
                {
                    Wake();
                }

                return;
            }

            if (_ready.TryDequeue(out ResidentRun? run))
            {
                run.Turn();
                if (_writer!.IsParallel)
                {
                    _writer.TryCommit(_ready.Count);
                }
            }
            else if (!_writer!.TryCommit(0))
            {
                Interlocked.Decrement(ref _active);
                if (_ready.IsEmpty && !_writer.HasWork(0))
                {
                    return;
                }

                // Something came between the last look and the decrement; its sender may have seen this worker as active.
                if (Interlocked.Increment(ref _active) > _workers)
                {
                    Interlocked.Decrement(ref _active);
                    return;
                }
            }
        }

        Interlocked.Decrement(ref _active);
    }
}
