namespace AgentFlow.Server.Features.Activities;

/// <summary>One reader's place in a lane.</summary>
internal sealed class ActivityReader : IDisposable
{
    // A reader far behind takes this much before it looks again whether it was told to stop.
    private const int Batch = 256;

    private readonly ActivityLane _lane;
    private readonly ActivityFilter _filter;
    private readonly List<ActivityItem> _batch = [];
    private Action? _leave;
    private long _next;

    public ActivityReader(ActivityLane lane, ActivityCursor? after, ActivityFilter filter, Action leave)
    {
        (_lane, _filter, _leave) = (lane, filter, leave);
        (_next, Gap) = lane.Resume(after ?? lane.Newest);
    }

    /// <summary>Why events between the place that was asked for and <see cref="Place"/> are missing; <see langword="null"/> when none is.</summary>
    public ActivityGap? Gap { get; }

    /// <summary>Everything up to here has been taken or was not wanted.</summary>
    public ActivityCursor Place => new(_lane.Epoch, _next - 1);

    /// <summary>The next events, in order, none when there are none now; the list holds until the next call. <see langword="null"/>: the reader was too slow, and events behind <see cref="Place"/> are gone.</summary>
    public IReadOnlyList<ActivityItem>? Take()
    {
        _batch.Clear();
        return _lane.Take(ref _next, _filter, _batch, Batch) ? _batch : null;
    }

    /// <summary>Completes once there may be something to take.</summary>
    public Task ArrivalAsync() => _lane.ArrivalAsync(_next);

    public void Dispose() => Interlocked.Exchange(ref _leave, null)?.Invoke();
}
