using System.Diagnostics;
using AgentFlow.Benchmarks.Floors;
using AgentFlow.Benchmarks.Stores;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Benchmarks.Workloads;

/// <summary>Whole runs in process, in turns with the bare store.</summary>
internal static class Durable
{
    private static readonly string[] Header = ["store", "concurrency", "per second", "p50 ms", "p95 ms", "p99 ms", "bare store", "share of it"];

    public static async Task WorkflowsAsync(Report report, IStorage storage, string name, string title, int[] concurrencies, TimeSpan round)
    {
        await using Bench bench = await Bench.OpenAsync(storage);
        WorkflowDefinition definition = await bench.LoadAsync(name);
        byte[][] frames = await bench.FramesAsync(definition);
        foreach (int concurrency in concurrencies)
        {
            await using Floor floor = await storage.OpenFloorAsync(concurrency);
            bench.Runs.Take();
            long done = 0;
            long busy = 0;
            (Measured[] results, double ratio) = await Load.RunAsync(
                concurrency,
                round,
                [new Contestant(async () => { long st = Stopwatch.GetTimestamp(); await bench.ExecuteAsync(definition); Interlocked.Add(ref busy, Stopwatch.GetTimestamp() - st); Interlocked.Increment(ref done); }, ServerTime: storage.ProcessorTime), new Contestant(() => floor.WriteRunAsync(frames), floor.Join, floor.Leave, storage.ProcessorTime)]);
            Measured engine = results[0];
            var (time, commits, items) = bench.Runs.Take();
            Console.WriteLine($"  {commits} commits, {items / (double)commits:0.0} items each, {time.TotalMicroseconds / commits:0} us each; a workflow {Stopwatch.GetElapsedTime(0, busy).TotalMicroseconds / done:0} us, in commits {time.TotalMicroseconds / done:0}; cpu own {engine.Own:0} server {engine.Server:0}, floor own {results[1].Own:0} server {results[1].Server:0}");
            report.Add(title, Header, storage.Name, concurrency, engine.PerSecond, engine.P50, engine.P95, engine.P99, results[1].PerSecond, $"{ratio:0 %}");
        }
    }

    /// <summary>From a signal to the end of its run, among many suspended ones.</summary>
    public static async Task SignalsAsync(Report report, IStorage storage, int suspended, int signals)
    {
        await using Bench bench = await Bench.OpenAsync(storage);
        WorkflowDefinition definition = await bench.LoadAsync("wait-for-signal");
        var runs = new List<Ulid>();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < suspended; i += 64)
        {
            StartOutcome[] started = await Task.WhenAll(Enumerable.Range(0, Math.Min(64, suspended - i)).Select(_ => bench.Host.StartAsync(Bench.Request(definition), default)));
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
        report.Add("Signal to completion", ["store", "suspended runs", "p50 ms", "p95 ms", "p99 ms", "managed bytes a suspended run"], storage.Name, suspended, Load.Percentile(ordered, 0.5), Load.Percentile(ordered, 0.95), Load.Percentile(ordered, 0.99), held);
    }

    /// <summary>From execute to the call of the first step, which has effects: one durable write lies between.</summary>
    public static async Task FirstStepAsync(Report report, IStorage storage, int runs)
    {
        await using Bench bench = await Bench.OpenAsync(storage);
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
            await bench.ExecuteAsync(definition);
            latencies.Add(Stopwatch.GetElapsedTime(start, watch.CalledAt).TotalMilliseconds);
        }

        double[] ordered = [.. latencies.Skip(runs / 10).Order()];
        report.Add("From execute to the first step's call (in process)", ["store", "p50 ms", "p95 ms", "p99 ms"], storage.Name, Load.Percentile(ordered, 0.5), Load.Percentile(ordered, 0.95), Load.Percentile(ordered, 0.99));
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
}
