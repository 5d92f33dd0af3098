using System.Numerics;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary>
/// Buckets for times, with a width of at most 1/32 of their time: exact below 32 µs, some 3 % from there to an hour.
/// </summary>
internal static class LatencyHistogram
{
    private const int SubBits = 5;
    private const int SubBuckets = 1 << SubBits;
    private const long Most = 3_600_000_000;

    public static int Buckets { get; } = IndexOf(Most) + 1;

    /// <summary>The bucket of a time in microseconds.</summary>
    public static int IndexOf(long microseconds)
    {
        ulong value = (ulong)Math.Clamp(microseconds, 0, Most);
        if (value < SubBuckets)
        {
            return (int)value;
        }

        int shift = BitOperations.Log2(value) - SubBits;
        return ((shift + 1) << SubBits) + (int)((value >> shift) - SubBuckets);
    }

    /// <summary>The least time that is above a bucket, in microseconds.</summary>
    public static long EndOf(int bucket)
    {
        if (bucket < SubBuckets)
        {
            return bucket + 1;
        }

        int shift = (bucket >> SubBits) - 1;
        return (SubBuckets + (bucket & (SubBuckets - 1)) + 1L) << shift;
    }

    /// <summary>The time in milliseconds that a part of all times do not exceed (nearest rank); 0 when there is none.</summary>
    public static double Quantile(ReadOnlySpan<int> counts, long total, double part)
    {
        long rank = Math.Max(1, (long)Math.Ceiling(part * total));
        for (int i = 0; i < counts.Length; i++)
        {
            rank -= counts[i];
            if (rank <= 0)
            {
                // The middle of the bucket is wrong by half its width at most.
                long start = i == 0 ? 0 : EndOf(i - 1);
                return (start + EndOf(i)) / 2000.0;
            }
        }

        return 0;
    }
}
