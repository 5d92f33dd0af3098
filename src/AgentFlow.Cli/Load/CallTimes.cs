using System.Collections.Concurrent;

namespace AgentFlow.Cli.Load;

/// <summary>Every time of one call, and what went wrong.</summary>
internal sealed class CallTimes(int most)
{
    private const int MaxReasons = 20;

    private readonly float[] _milliseconds = new float[most];
    private readonly ConcurrentDictionary<string, Failure> _failures = new(StringComparer.Ordinal);
    private int _count;
    private int _failed;

    public int Count => _count;

    public int Failed => _failed;

    public void Add(TimeSpan took, (string Reason, string Sample)? failure)
    {
        _milliseconds[Interlocked.Increment(ref _count) - 1] = (float)took.TotalMilliseconds;
        if (failure is not { } wrong)
        {
            return;
        }

        Interlocked.Increment(ref _failed);
        if (_failures.ContainsKey(wrong.Reason) || _failures.Count < MaxReasons)
        {
            Interlocked.Increment(ref _failures.GetOrAdd(wrong.Reason, static (_, sample) => new Failure(sample), wrong.Sample).Count);
        }
    }

    /// <param name="name">The call.</param>
    public CallResult Result(string name)
    {
        float[] sorted = _milliseconds[.._count];
        Array.Sort(sorted);
        return new CallResult(
            name,
            _count,
            _failed,
            _count == 0 ? 0 : Math.Round((double)_failed / _count, 6),
            Quantile(sorted, 0.5),
            Quantile(sorted, 0.95),
            Quantile(sorted, 0.99),
            Quantile(sorted, 1),
            [.. _failures.OrderByDescending(f => f.Value.Count).Select(f => new FailureSample(f.Key, f.Value.Count, f.Value.Sample))]);
    }

    /// <summary>All calls as one.</summary>
    public static CallTimes Sum(IReadOnlyCollection<CallTimes> all)
    {
        var sum = new CallTimes(all.Sum(c => c._count));
        foreach (CallTimes times in all)
        {
            times._milliseconds.AsSpan(0, times._count).CopyTo(sum._milliseconds.AsSpan(sum._count));
            sum._count += times._count;
            sum._failed += times._failed;
        }

        return sum;
    }

    /// <summary>The exact quantile by nearest rank.</summary>
    private static double Quantile(float[] sorted, double part) => sorted.Length == 0 ? 0 : Math.Round(sorted[Math.Clamp((int)Math.Ceiling(part * sorted.Length) - 1, 0, sorted.Length - 1)], 3);

    private sealed class Failure(string sample)
    {
        public int Count;

        public string Sample => sample;
    }
}
