namespace AgentFlow.Server.Features.Monitoring;

/// <summary>How the requests of one endpoint went over the last minute: slices of 5 s, of which the oldest makes room for the newest.</summary>
internal sealed class RollingLatency(TimeProvider clock)
{
    /// <summary>What a reading looks back on; up to a slice less of it.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private const int Slices = 12;
    private static readonly TimeSpan Slice = Window / Slices;

    private readonly Lock _gate = new();
    private readonly int[][] _counts = new int[Slices][];
    private readonly SliceSums[] _sums = new SliceSums[Slices];
    private long _newest = long.MinValue;

    /// <param name="isFailure">Whether the server failed.</param>
    /// <param name="isRefusal">Whether the caller's request was refused.</param>
    public void Add(TimeSpan took, bool isFailure, bool isRefusal)
    {
        long microseconds = (long)took.TotalMicroseconds;
        lock (_gate)
        {
            int at = (int)(MoveOn() % Slices);
            (_counts[at] ??= new int[LatencyHistogram.Buckets])[LatencyHistogram.IndexOf(microseconds)]++;
            ref SliceSums sums = ref _sums[at];
            sums.Requests++;
            sums.Failures += isFailure ? 1 : 0;
            sums.Refusals += isRefusal ? 1 : 0;
            sums.Slowest = Math.Max(sums.Slowest, microseconds);
        }
    }

    public LatencyReading Read()
    {
        int[] counts = new int[LatencyHistogram.Buckets];
        SliceSums all = default;
        lock (_gate)
        {
            MoveOn();
            for (int slice = 0; slice < Slices; slice++)
            {
                if (_sums[slice].Requests == 0)
                {
                    continue;
                }

                all.Requests += _sums[slice].Requests;
                all.Failures += _sums[slice].Failures;
                all.Refusals += _sums[slice].Refusals;
                all.Slowest = Math.Max(all.Slowest, _sums[slice].Slowest);
                for (int i = 0; i < counts.Length; i++)
                {
                    counts[i] += _counts[slice][i];
                }
            }
        }

        double Quantile(double part) => Math.Min(LatencyHistogram.Quantile(counts, all.Requests, part), all.Slowest / 1000.0);
        return new LatencyReading(all.Requests, all.Failures, all.Refusals, Quantile(0.5), Quantile(0.95), Quantile(0.99), all.Slowest / 1000.0);
    }

    /// <summary>Empties the slices whose time is over, and gives the number of the one that time is in.</summary>
    private long MoveOn()
    {
        long now = clock.GetTimestamp() / (long)(Slice.TotalSeconds * clock.TimestampFrequency);
        if (now > _newest)
        {
            for (long passed = Math.Max(_newest == long.MinValue ? now : _newest + 1, now - Slices + 1); passed <= now; passed++)
            {
                int at = (int)(passed % Slices);
                _counts[at]?.AsSpan().Clear();
                _sums[at] = default;
            }

            _newest = now;
        }

        return now;
    }

    private struct SliceSums
    {
        public long Requests;
        public long Failures;
        public long Refusals;
        public long Slowest;
    }
}

/// <summary>An endpoint over the last minute. Times in milliseconds.</summary>
internal readonly record struct LatencyReading(long Requests, long Failures, long Refusals, double P50, double P95, double P99, double Slowest)
{
    public double ErrorRate => Requests == 0 ? 0 : (double)Failures / Requests;
}
