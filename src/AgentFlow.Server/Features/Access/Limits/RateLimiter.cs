using System.Collections.Concurrent;

namespace AgentFlow.Server.Features.Access.Limits;

/// <param name="Burst">How many may come at once.</param>
/// <param name="PerSecond">How many come back each second.</param>
public sealed record RateLimit(int Burst, double PerSecond);

/// <param name="Limit">The burst.</param>
/// <param name="Remaining">How many more may come now.</param>
/// <param name="Reset">Until all of the burst is there again.</param>
/// <param name="RetryAfter">Until the next one may come; zero when this one might.</param>
internal readonly record struct RateAnswer(bool IsAllowed, int Limit, int Remaining, TimeSpan Reset, TimeSpan RetryAfter);

/// <summary>
/// A token bucket for each key, kept as one number: the time at which it will be full again (the generic cell rate algorithm).
/// A full bucket is like one that was never asked for and is forgotten, so that memory grows with the keys of the last
/// moments only; beyond <paramref name="capacity"/> of those, new keys share one bucket. Safe for concurrent calls.
/// </summary>
internal sealed class RateLimiter(RateLimit limit, TimeProvider clock, int capacity = 1_000_000)
{
    private const int FirstSweep = 1024;
    private const long Gone = long.MinValue;

    private readonly ConcurrentDictionary<string, Bucket> _buckets = new(StringComparer.Ordinal);
    private readonly Bucket _shared = new();
    private readonly long _start = clock.GetTimestamp();
    private readonly long _interval = Math.Max(1, (long)(TimeSpan.TicksPerSecond / limit.PerSecond));
    private int _count;
    private int _sweepAt = Math.Min(FirstSweep, capacity);
    private int _sweeping;

    /// <summary>Buckets that are kept now.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Takes one from the key's bucket, if it is there.</summary>
    public RateAnswer Take(string key)
    {
        while (true)
        {
            Bucket bucket = BucketOf(key);
            long now = clock.GetElapsedTime(_start).Ticks;
            long full = Volatile.Read(ref bucket.FullAt);
            if (full == Gone)
            {
                // Swept between finding and reading: it was full.
                continue;
            }

            long next = Math.Max(full, now) + _interval;
            long wait = next - now - (limit.Burst * _interval);
            if (wait > 0)
            {
                return new RateAnswer(false, limit.Burst, 0, TimeSpan.FromTicks(full - now), TimeSpan.FromTicks(wait));
            }

            if (Interlocked.CompareExchange(ref bucket.FullAt, next, full) == full)
            {
                return new RateAnswer(true, limit.Burst, (int)(-wait / _interval), TimeSpan.FromTicks(next - now), TimeSpan.Zero);
            }
        }
    }

    private Bucket BucketOf(string key)
    {
        if (_buckets.TryGetValue(key, out Bucket? bucket))
        {
            return bucket;
        }

        if (Volatile.Read(ref _count) >= _sweepAt)
        {
            Sweep();
            if (Volatile.Read(ref _count) >= capacity)
            {
                return _shared;
            }
        }

        bucket = new Bucket();
        if (_buckets.TryAdd(key, bucket))
        {
            Interlocked.Increment(ref _count);
            return bucket;
        }

        return _buckets.GetValueOrDefault(key, bucket);
    }

    /// <summary>Forgets full buckets. The next time is when there are twice as many as are left, so that each costs its share once.</summary>
    private void Sweep()
    {
        if (Interlocked.Exchange(ref _sweeping, 1) != 0)
        {
            return;
        }

        long now = clock.GetElapsedTime(_start).Ticks;
        foreach ((string key, Bucket bucket) in _buckets)
        {
            long full = Volatile.Read(ref bucket.FullAt);
            if (full <= now && Interlocked.CompareExchange(ref bucket.FullAt, Gone, full) == full && _buckets.TryRemove(key, out _))
            {
                Interlocked.Decrement(ref _count);
            }
        }

        Volatile.Write(ref _sweepAt, Math.Min(capacity, Math.Max(FirstSweep, 2 * Volatile.Read(ref _count))));
        Volatile.Write(ref _sweeping, 0);
    }

    private sealed class Bucket
    {
        public long FullAt;
    }
}
