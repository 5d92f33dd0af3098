using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Scheduling;

/// <summary>Timers of resident runs: one heap, one system timer. A timer that no longer stands is dropped by the run itself.</summary>
internal sealed class TimerQueue : IDisposable
{
    /// <summary>
    /// Milliseconds after which the clock is looked at again, whatever is due. System timers do not notice when the clock is
    /// set, nor how long a machine slept.
    /// </summary>
    internal const long LongestSleep = 5000;

    private readonly Lock _gate = new();
    private readonly PriorityQueue<(ResidentRun Run, int Node, long Due), long> _heap = new();
    private readonly TimeProvider _clock;
    private readonly ITimer _timer;
    private long _armed = long.MaxValue;

    public TimerQueue(TimeProvider clock)
    {
        _clock = clock;
        _timer = clock.CreateTimer(_ => Fire(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Dispose() => _timer.Dispose();

    /// <param name="due">Unix milliseconds.</param>
    public void Set(ResidentRun run, int node, long due)
    {
        lock (_gate)
        {
            _heap.Enqueue((run, node, due), due);
            Arm();
        }
    }

    private void Fire()
    {
        var due = new List<(ResidentRun Run, int Node, long Due)>();
        lock (_gate)
        {
            _armed = long.MaxValue;
            long now = _clock.GetUtcNow().ToUnixTimeMilliseconds();
            Planted.Change(Bug.TimerEarly, ref now, now + 1000);
            Planted.Change(Bug.TimerLost, ref _armed, now);
            while (_heap.TryPeek(out var entry, out long at) && at <= now)
            {
                _heap.Dequeue();
                due.Add(entry);
            }

            Arm();
        }

        foreach ((ResidentRun run, int node, long at) in due)
        {
            run.TryPost(new Inbound(new TimerFired(node, at)));
        }
    }

    private void Arm()
    {
        if (_heap.TryPeek(out _, out long due) && due < _armed)
        {
            _armed = due;
            long wait = due - _clock.GetUtcNow().ToUnixTimeMilliseconds();
            _timer.Change(TimeSpan.FromMilliseconds(Math.Clamp(wait, 0, LongestSleep)), Timeout.InfiniteTimeSpan);
        }
    }
}
