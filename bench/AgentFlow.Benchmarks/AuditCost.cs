using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Benchmarks;

/// <summary>What the audit costs a durable step: the same work with it and without, in turns, so that both meet the same machine.</summary>
internal static class AuditCost
{
    private const int Turns = 3;
    private const int Steps = 10;

    // Its start and end, and of each step start and end.
    private const int RecordsPerRun = 2 + (2 * Steps);

    private static readonly string[] Header = ["concurrency", "runs per second without", "with", "µs a step without", "with", "overhead %", "chained meanwhile %"];

    public static async Task InProcessAsync(Report report, int[] concurrencies, TimeSpan round)
    {
        await using var plain = new Bench();
        await using var audited = new Bench();
        WorkflowDefinition first = await plain.LoadAsync("ten-steps-durable");
        WorkflowDefinition second = await audited.LoadAsync("ten-steps-durable");
        await using AuditSequencer sequencer = audited.Sequencer();
        sequencer.Begin();
        foreach (int concurrency in concurrencies)
        {
            var without = new List<Measured>();
            var with = new List<Measured>();
            var chained = new List<double>();
            await Load.RoundAsync(concurrency, round / 2, () => ExecuteAsync(plain, first));
            await Load.RoundAsync(concurrency, round / 2, () => ExecuteAsync(audited, second));
            for (int turn = 0; turn < Turns; turn++)
            {
                // What is left over would be chained at the other's expense.
                await sequencer.RoundAsync(default);
                without.Add(await Load.RoundAsync(concurrency, round, () => ExecuteAsync(plain, first)));
                long before = (await audited.Audit.HeadAsync("default", default)).Size;
                with.Add(await Load.RoundAsync(concurrency, round, () => ExecuteAsync(audited, second)));
                long after = (await audited.Audit.HeadAsync("default", default)).Size;
                chained.Add((after - before) * 100.0 / (with[^1].PerSecond * round.TotalSeconds * RecordsPerRun));
            }

            double off = Median(without.Select(m => m.PerSecond));
            double on = Median(with.Select(m => m.PerSecond));
            double Step(double perSecond) => concurrency * 1_000_000.0 / perSecond / Steps;
            report.Add("What the audit costs a durable step (in process)", Header, concurrency, off, on, Step(off), Step(on), ((off / on) - 1) * 100, Math.Min(100, Median(chained)));
        }
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return ordered[ordered.Length / 2];
    }

    private static async Task ExecuteAsync(Bench bench, WorkflowDefinition definition)
    {
        (_, RunEnd end) = await bench.Host.ExecuteAsync(new StartRequest("default", definition, Payload.FromText("""{"message":"hello"}"""), "bench"), default);
        if (end.Status != RunStatus.Completed)
        {
            throw new InvalidOperationException(end.ToString());
        }
    }
}
