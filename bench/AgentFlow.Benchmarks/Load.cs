using System.Diagnostics;

namespace AgentFlow.Benchmarks;

/// <summary>What a closed load loop gave.</summary>
/// <param name="PerSecond">Completed operations a second.</param>
internal sealed record Measured(double PerSecond, double P50, double P95, double P99)
{
    public static readonly string[] Header = ["concurrency", "per second", "p50 ms", "p95 ms", "p99 ms"];
}

/// <summary>A closed loop: each of n callers starts its next operation when its last one has ended.</summary>
internal static class Load
{
    /// <summary>Runs three rounds after a warm-up and gives the one with the median throughput.</summary>
    public static async Task<Measured> RunAsync(int concurrency, TimeSpan round, Func<Task> operation)
    {
        await RoundAsync(concurrency, round / 2, operation);
        var rounds = new List<Measured>();
        for (int i = 0; i < 3; i++)
        {
            rounds.Add(await RoundAsync(concurrency, round, operation));
        }

        return rounds.OrderBy(r => r.PerSecond).ElementAt(1);
    }

    public static double Percentile(double[] ordered, double share) => ordered.Length == 0 ? 0 : ordered[Math.Min(ordered.Length - 1, (int)(ordered.Length * share))];

    public static async Task<Measured> RoundAsync(int concurrency, TimeSpan duration, Func<Task> operation)
    {
        long start = Stopwatch.GetTimestamp();
        List<double>[] latencies = await Task.WhenAll(Enumerable.Range(0, concurrency).Select(_ => Task.Run(async () =>
        {
            var own = new List<double>();
            while (Stopwatch.GetElapsedTime(start) < duration)
            {
                long begin = Stopwatch.GetTimestamp();
                await operation();
                own.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            }

            return own;
        })));
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double[] all = [.. latencies.SelectMany(l => l).Order()];
        return new Measured(all.Length / seconds, Percentile(all, 0.5), Percentile(all, 0.95), Percentile(all, 0.99));
    }
}
