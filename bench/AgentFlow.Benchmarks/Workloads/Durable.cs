using System.Diagnostics;
using AgentFlow.Benchmarks.Floors;
using AgentFlow.Benchmarks.Stores;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Benchmarks.Workloads;

/// <summary>Whole runs in process, in turns with the bare store.</summary>
internal static class Durable
{
    private static readonly string[] Header = ["store", "concurrency", "per second", "p50 ms", "p95 ms", "p99 ms", "µs of processor", "bare store", "its µs", "share of it"];

    public static async Task WorkflowsAsync(Report report, IStorage storage, string workload, string name, string title, int[] concurrencies, TimeSpan round)
    {
        await using Bench bench = await Bench.OpenAsync(storage);
        WorkflowDefinition definition = await bench.LoadAsync(name);
        byte[][] frames = await bench.FramesAsync(definition);
        foreach (int concurrency in concurrencies)
        {
            await using Floor floor = await storage.OpenFloorAsync(concurrency);
            (Measured[] results, double ratio) = await Load.RunAsync(
                concurrency,
                round,
                [new Contestant(() => bench.ExecuteAsync(definition), ServerTime: storage.ProcessorTime), new Contestant(() => floor.WriteRunAsync(frames), floor.Join, floor.Leave, storage.ProcessorTime)]);
            Measured engine = results[0];
            report.Keep(workload, storage.Name, concurrency, engine.PerSecond);
            report.Add(title, Header, storage.Name, concurrency, engine.PerSecond, engine.P50, engine.P95, engine.P99, engine.Processor, results[1].PerSecond, results[1].Processor, $"{ratio:0 %}");
        }
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
