using System.Numerics;

namespace AgentFlow.Farm.Load;

/// <summary>
/// Durations in buckets that are less than one percent wide, so that any number of them needs the same memory. Safe for
/// concurrent use.
/// </summary>
public sealed class LatencyHistogram
{
    private const int Digits = 7;
    private const int Parts = 1 << Digits;
    private readonly long[] _counts = new long[(65 - Digits) * Parts];
    private long _count;
    private long _most;

    public long Count => Interlocked.Read(ref _count);

    /// <summary>The longest duration.</summary>
    public TimeSpan Most => TimeSpan.FromTicks(Interlocked.Read(ref _most) * TimeSpan.TicksPerMicrosecond);

    public void Add(TimeSpan duration)
    {
        long micros = Math.Max(0, duration.Ticks / TimeSpan.TicksPerMicrosecond);
        Interlocked.Increment(ref _counts[Bucket((ulong)micros)]);
        Interlocked.Increment(ref _count);
        long most;
        while (micros > (most = Interlocked.Read(ref _most)) && Interlocked.CompareExchange(ref _most, micros, most) != most)
        {
            // Somebody else was faster: compare with theirs.
        }
    }

    /// <summary>The duration that this share of all does not exceed; zero when there are none.</summary>
    /// <param name="share">0 to 1.</param>
    public TimeSpan Percentile(double share)
    {
        long wanted = Math.Max(1, (long)Math.Ceiling(share * Count));
        long seen = 0;
        for (int i = 0; i < _counts.Length; i++)
        {
            seen += Interlocked.Read(ref _counts[i]);
            if (seen >= wanted)
            {
                return TimeSpan.FromTicks(Math.Min(UpperEnd(i), Interlocked.Read(ref _most)) * TimeSpan.TicksPerMicrosecond);
            }
        }

        return TimeSpan.Zero;
    }

    /// <summary>Small numbers have a bucket each; larger ones share one by their highest eight bits.</summary>
    private static int Bucket(ulong micros)
    {
        int shift = Math.Max(0, 63 - BitOperations.LeadingZeroCount(micros | 1) - Digits);
        return (shift * Parts) + (int)(micros >> shift);
    }

    private static long UpperEnd(int bucket)
    {
        int shift = bucket < 2 * Parts ? 0 : (bucket / Parts) - 1;
        ulong top = (ulong)(bucket - (shift * Parts));
        return (long)(((top + 1) << shift) - 1);
    }
}
