namespace AgentFlow.Server.Features.StressTests.Simulation;

/// <summary>
/// The time of one simulated call: it stands still until the call sleeps, and then goes on at once to whatever comes first, the end of
/// the sleep or a timer. So a time limit of 30 s ends a call that hangs, really and without anybody waiting.
/// </summary>
internal sealed class SimulatedTime : TimeProvider
{
    private static readonly DateTimeOffset Begin = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Lock _gate = new();
    private readonly List<Alarm> _alarms = [];
    private TimeSpan _passed;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Begin + _passed;

    public override long GetTimestamp() => _passed.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var alarm = new Alarm(this, callback, state);
        alarm.Change(dueTime, period);
        return alarm;
    }

    /// <summary>Lets time pass for a call, in its own time where it has one.</summary>
    /// <param name="time">The call's time; <see langword="null"/>: the machine's.</param>
    public static Task SleepAsync(TimeProvider? time, TimeSpan duration, CancellationToken cancellationToken)
    {
        if (time is not SimulatedTime simulated)
        {
            return Task.Delay(duration, time ?? System, cancellationToken);
        }

        simulated.Pass(duration, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        // Nothing but a timer could have ended it, and there is none.
        return duration == Timeout.InfiniteTimeSpan ? Task.Delay(duration, cancellationToken) : Task.CompletedTask;
    }

    private void Pass(TimeSpan duration, CancellationToken cancellationToken)
    {
        TimeSpan end = duration == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : _passed + duration;
        while (!cancellationToken.IsCancellationRequested && TakeNext(end) is { } alarm)
        {
            alarm.Ring();
        }

        if (!cancellationToken.IsCancellationRequested && end != TimeSpan.MaxValue)
        {
            _passed = end;
        }
    }

    private Alarm? TakeNext(TimeSpan end)
    {
        lock (_gate)
        {
            if (_alarms.MinBy(a => a.Due) is not { } next || next.Due > end)
            {
                return null;
            }

            _alarms.Remove(next);
            _passed = next.Due > _passed ? next.Due : _passed;
            return next;
        }
    }

    private sealed class Alarm(SimulatedTime time, TimerCallback callback, object? state) : ITimer
    {
        public TimeSpan Due { get; private set; }

        public void Ring() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._gate)
            {
                time._alarms.Remove(this);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = time._passed + dueTime;
                    time._alarms.Add(this);
                }
            }

            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
