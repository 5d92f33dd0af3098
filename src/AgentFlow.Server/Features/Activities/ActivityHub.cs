using System.Collections.Concurrent;
using System.Security.Cryptography;
using AgentFlow.Contracts.Errors;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Activities;

/// <summary>
/// What happens now, for everybody who watches: one lane a tenant, kept from its first reader on until
/// <see cref="Keep"/> after its last one, so that whoever comes back in time misses nothing. A tenant that nobody watches
/// costs nothing.
/// </summary>
internal sealed class ActivityHub : IActivitySink, IDisposable
{
    /// <summary>How long a lane waits for a reader to come back.</summary>
    public static readonly TimeSpan Keep = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, Watched> _lanes = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly TimeProvider _clock;
    private readonly ITimer _sweeps;
    private int _readers;

    public ActivityHub(TimeProvider clock)
    {
        _clock = clock;
        _sweeps = clock.CreateTimer(static hub => ((ActivityHub)hub!).Sweep(), this, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1));
    }

    /// <summary>Most events of a tenant that are kept. Default 16,384.</summary>
    public int LaneItems { get; init; } = 16_384;

    /// <summary>Most bytes of a tenant's events that are kept. Default 8 MiB.</summary>
    public long LaneBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>Most readers of this process. Default 8,192.</summary>
    public int MaxReaders { get; init; } = 8192;

    /// <summary>Called when the first tenant is watched (true) and when none is any more (false).</summary>
    public Action<bool>? Watching { get; set; }

    public int Readers => Volatile.Read(ref _readers);

    public bool IsWatched(string tenant) => _lanes.ContainsKey(tenant);

    public void Publish(ActivityEvent activity)
    {
        if (_lanes.TryGetValue(activity.Tenant, out Watched? watched))
        {
            watched.Lane.Add(activity, _clock.GetUtcNow());
        }
    }

    /// <summary>Tells every tenant that is watched.</summary>
    public void PublishToAll(Func<string, ActivityEvent> make)
    {
        foreach (string tenant in _lanes.Keys)
        {
            Publish(make(tenant));
        }
    }

    /// <summary>Lets somebody read a tenant's events; dispose it when they leave.</summary>
    /// <param name="after">The last place that they saw; <see langword="null"/>: they begin now.</param>
    /// <exception cref="ProblemException"><c>RATE_LIMITED</c>: more read than this process can serve.</exception>
    public ActivityReader Open(string tenant, ActivityCursor? after, ActivityFilter filter)
    {
        lock (_gate)
        {
            if (_readers == MaxReaders)
            {
                throw new ProblemException(ErrorCode.RateLimited, $"{MaxReaders} clients follow the activity of this server already. Close streams that are not needed, or ask another process.");
            }

            if (!_lanes.TryGetValue(tenant, out Watched? watched))
            {
                bool isFirst = _lanes.IsEmpty;
                watched = new Watched(new ActivityLane(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))), LaneItems, LaneBytes));
                _lanes[tenant] = watched;
                if (isFirst)
                {
                    Watching?.Invoke(true);
                }
            }

            watched.Readers++;
            _readers++;
            return new ActivityReader(watched.Lane, after, filter, () => Leave(watched));
        }
    }

    public void Dispose()
    {
        _sweeps.Dispose();
        lock (_gate)
        {
            _lanes.Clear();
            Watching?.Invoke(false);
        }
    }

    private void Leave(Watched watched)
    {
        lock (_gate)
        {
            _readers--;
            watched.Readers--;
            watched.LeftAt = _clock.GetTimestamp();
        }
    }

    private void Sweep()
    {
        lock (_gate)
        {
            bool had = !_lanes.IsEmpty;
            foreach ((string tenant, Watched watched) in _lanes)
            {
                if (watched.Readers == 0 && _clock.GetElapsedTime(watched.LeftAt) >= Keep)
                {
                    _lanes.TryRemove(tenant, out _);
                }
            }

            if (had && _lanes.IsEmpty)
            {
                Watching?.Invoke(false);
            }
        }
    }

    private sealed class Watched(ActivityLane lane)
    {
        public ActivityLane Lane => lane;

        public int Readers { get; set; }

        public long LeftAt { get; set; }
    }
}
