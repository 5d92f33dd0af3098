using System.Diagnostics;
using AgentFlow.Benchmarks.Stores;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Benchmarks.Workloads;

/// <summary>From a signal to the end of its run, among many suspended ones.</summary>
internal static class Signals
{
    private static readonly InboxContent Content = new() { Name = "go", Payload = Payload.FromText("1") };

    public static async Task RunAsync(Report report, IStorage storage, int suspended, int signals)
    {
        await using Bench bench = await Bench.OpenAsync(storage);
        WorkflowDefinition definition = await bench.LoadAsync("wait-for-signal");

        // What the first thousand leave behind is the engine's own: code, pools, connections.
        List<Ulid> first = await SuspendAsync(bench, definition, 1_000);
        foreach (Ulid run in first)
        {
            await SignalAsync(bench, run);
        }

        (long managed, long resident) = Memory();
        List<Ulid> runs = await SuspendAsync(bench, definition, suspended);
        (long managedAfter, long residentAfter) = Memory();
        var latencies = new List<double>();
        foreach (Ulid run in runs.Take(signals))
        {
            latencies.Add(await SignalAsync(bench, run));
        }

        double[] ordered = [.. latencies.Order()];
        report.Add(
            "Signal to completion",
            ["store", "suspended runs", "p50 ms", "p95 ms", "p99 ms", "managed bytes a suspended run", "resident bytes a suspended run"],
            storage.Name,
            suspended,
            Load.Percentile(ordered, 0.5),
            Load.Percentile(ordered, 0.95),
            Load.Percentile(ordered, 0.99),
            (managedAfter - managed) / (double)suspended,
            (residentAfter - resident) / (double)suspended);
    }

    private static async Task<List<Ulid>> SuspendAsync(Bench bench, WorkflowDefinition definition, int count)
    {
        var runs = new List<Ulid>();
        for (int i = 0; i < count; i += 64)
        {
            StartOutcome[] started = await Task.WhenAll(Enumerable.Range(0, Math.Min(64, count - i)).Select(_ => bench.Host.StartAsync(Bench.Request(definition), default)));
            runs.AddRange(started.Select(s => s.Run));
        }

        while (bench.Host.Resident > 0)
        {
            await Task.Delay(5);
        }

        return runs;
    }

    private static async Task<double> SignalAsync(Bench bench, Ulid run)
    {
        Task<RunEnd?> end = bench.Host.WaitAsync("default", run, default);
        long start = Stopwatch.GetTimestamp();
        await bench.Host.SendAsync("default", run, InboxKind.Signal, "s", Content, default);
        await end;
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static (long Managed, long Resident) Memory()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using var self = Process.GetCurrentProcess();
        return (GC.GetTotalMemory(forceFullCollection: true), self.WorkingSet64);
    }
}
