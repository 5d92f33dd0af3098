using System.Diagnostics;

namespace AgentFlow.Benchmarks;

/// <summary>What a closed load loop gave.</summary>
/// <param name="PerSecond">Completed operations a second.</param>
/// <param name="Processor">Processor time an operation in microseconds: this process's and a database server's.</param>
internal sealed record Measured(double PerSecond, double P50, double P95, double P99, double Processor);

/// <summary>Something that callers do again and again.</summary>
/// <param name="Run">One operation.</param>
/// <param name="Begin">Before a round.</param>
/// <param name="Leave">One caller has ended its last operation of the round.</param>
/// <param name="ServerTime">Processor time that a server has taken for it.</param>
internal sealed record Contestant(Func<Task> Run, Action? Begin = null, Action? Leave = null, Func<TimeSpan>? ServerTime = null);

/// <summary>A closed loop: each of n callers starts its next operation when its last one has ended.</summary>
internal static class Load
{
    private const int Rounds = 3;

    /// <summary>Runs three rounds after a warm-up and gives the one with the median throughput.</summary>
    public static async Task<Measured> RunAsync(int concurrency, TimeSpan round, Func<Task> operation) =>
        (await RunAsync(concurrency, round, [new Contestant(operation)])).Results[0];

    /// <summary>
    /// Lets contestants take turns, three rounds each after a warm-up, so that a slow minute of the machine is everybody's.
    /// </summary>
    /// <returns>The median round of each, and the median over the rounds of the first one's throughput divided by the last one's.</returns>
    public static async Task<(Measured[] Results, double Ratio)> RunAsync(int concurrency, TimeSpan round, Contestant[] contestants)
    {
        foreach (Contestant contestant in contestants)
        {
            await RoundAsync(concurrency, round / 2, contestant);
        }

        List<Measured>[] rounds = [.. contestants.Select(_ => new List<Measured>())];
        for (int i = 0; i < Rounds; i++)
        {
            for (int c = 0; c < contestants.Length; c++)
            {
                rounds[c].Add(await RoundAsync(concurrency, round, contestants[c]));
            }
        }

        double ratio = Median(rounds[0].Zip(rounds[^1], (first, last) => first.PerSecond / last.PerSecond));
        return ([.. rounds.Select(r => r.OrderBy(m => m.PerSecond).ElementAt(Rounds / 2))], ratio);
    }

    public static double Median(IEnumerable<double> values) => Percentile([.. values.Order()], 0.5);

    public static double Percentile(double[] ordered, double share) => ordered.Length == 0 ? 0 : ordered[Math.Min(ordered.Length - 1, (int)(ordered.Length * share))];

    public static async Task<Measured> RoundAsync(int concurrency, TimeSpan duration, Contestant contestant)
    {
        contestant.Begin?.Invoke();
        TimeSpan processor = ProcessorTime(contestant);
        long start = Stopwatch.GetTimestamp();
        List<double>[] latencies = await Task.WhenAll(Enumerable.Range(0, concurrency).Select(_ => Task.Run(async () =>
        {
            var own = new List<double>();
            while (Stopwatch.GetElapsedTime(start) < duration)
            {
                long begin = Stopwatch.GetTimestamp();
                await contestant.Run();
                own.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            }

            contestant.Leave?.Invoke();
            return own;
        })));
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        processor = ProcessorTime(contestant) - processor;
        double[] all = [.. latencies.SelectMany(l => l).Order()];
        return new Measured(all.Length / seconds, Percentile(all, 0.5), Percentile(all, 0.95), Percentile(all, 0.99), processor.TotalMicroseconds / all.Length);
    }

    private static TimeSpan ProcessorTime(Contestant contestant) => Environment.CpuUsage.TotalTime + (contestant.ServerTime?.Invoke() ?? default);
}
