using System.Diagnostics;
using AgentFlow.Benchmarks.Stores;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Definitions;
using AgentFlow.Storage.Files;

namespace AgentFlow.Benchmarks.Workloads;

/// <summary>What the audit costs a durable step: the same work with it and without, in turns, so that both meet the same machine.</summary>
internal static class AuditCost
{
    private const int Turns = 5;
    private const int Steps = 10;

    // Its start and end, and of each step start and end.
    private const int RecordsPerRun = 2 + (2 * Steps);

    private static readonly string[] Header =
        ["store", "concurrency", "runs per second without", "with", "µs a step without", "with", "overhead %", "chained meanwhile %", "µs to chain a record", "overhead with the rest chained at once %"];

    public static async Task RunAsync(Report report, IStorage storage, int[] concurrencies, TimeSpan round)
    {
        string folder = Directory.CreateTempSubdirectory("af-bench-witness-").FullName;
        await using Bench plain = await Bench.OpenAsync(storage);
        await using Bench audited = await Bench.OpenAsync(storage);
        WorkflowDefinition first = await plain.LoadAsync("ten-steps-durable");
        WorkflowDefinition second = await audited.LoadAsync("ten-steps-durable");
        await using (AuditSequencer sequencer = audited.Sequencer(new FileWitness(Path.Combine(folder, "witness.jsonl"))))
        {
            sequencer.Begin();
            foreach (int concurrency in concurrencies)
            {
                await Load.RoundAsync(concurrency, round / 2, new Contestant(() => plain.ExecuteAsync(first)));
                await Load.RoundAsync(concurrency, round / 2, new Contestant(() => audited.ExecuteAsync(second)));
                await ChainAsync(sequencer, audited);
                var turns = new List<Turn>();
                for (int i = 0; i < Turns; i++)
                {
                    Measured without = await Load.RoundAsync(concurrency, round, new Contestant(() => plain.ExecuteAsync(first)));
                    long before = await SizeAsync(audited);
                    Measured with = await Load.RoundAsync(concurrency, round, new Contestant(() => audited.ExecuteAsync(second)));
                    long meanwhile = await SizeAsync(audited) - before;

                    // What is left over would be chained at the other's expense.
                    TimeSpan rest = await ChainAsync(sequencer, audited);
                    long all = await SizeAsync(audited) - before;
                    turns.Add(new Turn(without.PerSecond, with.PerSecond, meanwhile * 100.0 / all, (all - meanwhile, rest), all / (double)RecordsPerRun / (round + rest).TotalSeconds));
                }

                Report(report, storage.Name, concurrency, turns);
            }
        }

        Directory.Delete(folder, recursive: true);
    }

    private static void Report(Report report, string store, int concurrency, List<Turn> turns)
    {
        double without = Load.Median(turns.Select(t => t.Without));
        double with = Load.Median(turns.Select(t => t.With));
        double Step(double perSecond) => concurrency * 1_000_000.0 / perSecond / Steps;
        report.Add(
            "What the audit costs a durable step (in process)",
            Header,
            store,
            concurrency,
            without,
            with,
            Step(without),
            Step(with),
            Load.Median(turns.Select(t => ((t.Without / t.With) - 1) * 100)),
            Load.Median(turns.Select(t => t.ChainedShare)),
            turns.Sum(t => t.Rest.Time.TotalMicroseconds) / Math.Max(1, turns.Sum(t => t.Rest.Records)),
            Load.Median(turns.Select(t => ((t.Without / t.WithAll) - 1) * 100)));
    }

    /// <summary>Chains until nothing waits; a store may show what was committed a moment later.</summary>
    private static async Task<TimeSpan> ChainAsync(AuditSequencer sequencer, Bench bench)
    {
        long begun = Stopwatch.GetTimestamp();
        while (!(await bench.Audit.ReadIntakeAsync(1, default)).IsEmpty)
        {
            await sequencer.RoundAsync(default);
        }

        return Stopwatch.GetElapsedTime(begun);
    }

    private static async Task<long> SizeAsync(Bench bench) => (await bench.Audit.HeadAsync("default", default)).Size;

    /// <summary>One round of each.</summary>
    /// <param name="Without">Runs a second.</param>
    /// <param name="Rest">What was left to chain when the callers stopped, and how long that took.</param>
    /// <param name="WithAll">Runs a second when the time for the rest counts too.</param>
    private sealed record Turn(double Without, double With, double ChainedShare, (long Records, TimeSpan Time) Rest, double WithAll);
}
