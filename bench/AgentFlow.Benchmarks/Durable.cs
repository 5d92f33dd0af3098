using System.Diagnostics;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Benchmarks;

/// <summary>Whole runs on SQLite, in process.</summary>
internal static class Durable
{
    private static readonly Payload Input = Payload.FromText("""{"message":"hello"}""");

    public static async Task WorkflowsAsync(Report report, string name, string title, int[] concurrencies, TimeSpan round)
    {
        await using var bench = new Bench();
        WorkflowDefinition definition = await bench.LoadAsync(name);
        foreach (int concurrency in concurrencies)
        {
            Measured result = await Load.RunAsync(concurrency, round, () => ExecuteAsync(bench, definition));
            report.Add(title, Measured.Header, concurrency, result.PerSecond, result.P50, result.P95, result.P99);
        }

        long runs = (await bench.Store.ListAsync("default", new RunFilter(Size: 1), default)).Total;
        long bytes = new FileInfo(bench.DatabasePath).Length + new FileInfo(bench.DatabasePath + "-wal").Length;
        Console.WriteLine($"{title}: {runs} runs, {bytes / runs} bytes a run on disk (log included)");
    }

    /// <summary>From a signal to the end of its run, among many suspended ones.</summary>
    public static async Task SignalsAsync(Report report, int suspended, int signals)
    {
        await using var bench = new Bench();
        WorkflowDefinition definition = await bench.LoadAsync("wait-for-signal");
        var runs = new List<Ulid>();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < suspended; i += 64)
        {
            StartOutcome[] started = await Task.WhenAll(Enumerable.Range(0, Math.Min(64, suspended - i)).Select(_ => bench.Host.StartAsync(Request(definition), default)));
            runs.AddRange(started.Select(s => s.Run));
        }

        while (bench.Host.Resident > 0)
        {
            await Task.Delay(5);
        }

        double held = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)suspended;
        var latencies = new List<double>();
        var content = new InboxContent { Name = "go", Payload = Payload.FromText("1") };
        foreach (Ulid run in runs.Take(signals))
        {
            Task<RunEnd?> end = bench.Host.WaitAsync("default", run, default);
            long start = Stopwatch.GetTimestamp();
            await bench.Host.SendAsync("default", run, InboxKind.Signal, "s", content, default);
            await end;
            latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        double[] ordered = [.. latencies.Order()];
        report.Add("Signal to completion", ["suspended runs", "p50 ms", "p95 ms", "p99 ms", "managed bytes a suspended run"], suspended, Load.Percentile(ordered, 0.5), Load.Percentile(ordered, 0.95), Load.Percentile(ordered, 0.99), held);
    }

    /// <summary>From execute to the call of the first step, which has effects: one durable write lies between.</summary>
    public static async Task FirstStepAsync(Report report, int runs)
    {
        await using var bench = new Bench();
        var watch = new FirstCall();
        var definition = new WorkflowDefinition(new CallNode { Id = "only", Tool = watch })
        {
            Name = "first-step",
            Version = "1.0.0",
            Hash = new string('0', 64),
            Planner = "fsm",
            Source = new WorkflowSource("", WorkflowAssets.Empty),
        };
        var latencies = new List<double>();
        for (int i = 0; i < runs; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await bench.Host.ExecuteAsync(Request(definition), default);
            latencies.Add(Stopwatch.GetElapsedTime(start, watch.CalledAt).TotalMilliseconds);
        }

        double[] ordered = [.. latencies.Skip(runs / 10).Order()];
        report.Add("From execute to the first step's call (in process)", ["p50 ms", "p95 ms", "p99 ms"], Load.Percentile(ordered, 0.5), Load.Percentile(ordered, 0.95), Load.Percentile(ordered, 0.99));
    }

    private sealed class FirstCall : ITool
    {
        public long CalledAt { get; private set; }

        public ToolContract Contract { get; } = new() { Id = "bench.effect", Version = "1.0.0", Effects = Effects.External };

        public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
        {
            CalledAt = Stopwatch.GetTimestamp();
            return new ValueTask<StepOutcome>(StepOutcome.Success(call.Input));
        }
    }

    private static StartRequest Request(WorkflowDefinition definition) => new("default", definition, Input, "bench");

    private static async Task ExecuteAsync(Bench bench, WorkflowDefinition definition)
    {
        (_, RunEnd end) = await bench.Host.ExecuteAsync(Request(definition), default);
        if (end.Status != RunStatus.Completed)
        {
            throw new InvalidOperationException(end.ToString());
        }
    }
}
