namespace AgentFlow.Simulation;

/// <summary>Time that moves only when the world says so. Every process of the world sees the same now, with timers of its own.</summary>
/// <param name="start">What it shows at first, Unix milliseconds.</param>
internal sealed class SimulatedClock(long start = 1_800_000_000_000)
{
    private readonly List<SimulatedTimer> _timers = [];
    private long _created;
    private long _behind;

    /// <summary>Unix milliseconds.</summary>
    public long Now { get; private set; } = start;

    /// <summary>The latest that the wall clock has ever shown, Unix milliseconds.</summary>
    public long Latest { get; private set; } = start;

    /// <summary>The clock of one process: its timers die with it.</summary>
    public TimeProvider For(Process process) => new View(this, process);

    /// <summary>When the next live timer is due; <see langword="null"/>: none is set.</summary>
    public long? NextDue()
    {
        long? next = null;
        // What was given up may be cleaned up on another thread.
        lock (_timers)
        {
            foreach (SimulatedTimer timer in _timers)
            {
                if (timer.Process.IsRunnable && (next is null || timer.Due < next))
                {
                    next = timer.Due;
                }
            }
        }

        return next;
    }

    public void AdvanceTo(long time)
    {
        Now = Math.Max(Now, time);
        Latest = Math.Max(Latest, Now - _behind);
    }

    /// <summary>The wall clock jumps. Timers count on: a jump forwards is a machine that slept, one backwards is seen by whoever reads the clock.</summary>
    public void Jump(long milliseconds)
    {
        _behind += Math.Max(-milliseconds, 0);
        AdvanceTo(Now + Math.Max(milliseconds, 0));
    }

    /// <summary>Fires what is due, in order of due time and then of creation.</summary>
    /// <param name="about">Told whose timer is about to fire.</param>
    public void FireDue(Action<Process> about)
    {
        while (NextReady() is { } timer)
        {
            about(timer.Process);
            timer.Fire();
        }
    }

    private SimulatedTimer? NextReady()
    {
        lock (_timers)
        {
            return _timers.Where(t => t.Process.IsRunnable && t.Due <= Now).OrderBy(t => t.Due).ThenBy(t => t.Order).FirstOrDefault();
        }
    }

    private sealed class View(SimulatedClock clock, Process process) : TimeProvider
    {
        public override long TimestampFrequency => 1000;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(clock.Now - clock._behind);

        public override long GetTimestamp() => clock.Now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new SimulatedTimer(clock, process, callback, state);
            timer.Change(dueTime, period);
            return timer;
        }
    }

    private sealed class SimulatedTimer(SimulatedClock clock, Process process, TimerCallback callback, object? state) : ITimer
    {
        public Process Process { get; } = process;

        public long Due { get; private set; }

        public long Order { get; } = clock._created++;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._timers)
            {
                clock._timers.Remove(this);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = clock.Now + (long)Math.Ceiling(dueTime.TotalMilliseconds);
                    clock._timers.Add(this);
                }
            }

            return true;
        }

        public void Fire()
        {
            Dispose();
            callback(state);
        }

        public void Dispose()
        {
            lock (clock._timers)
            {
                clock._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
