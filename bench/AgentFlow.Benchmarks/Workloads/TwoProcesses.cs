using System.Diagnostics;
using AgentFlow.Benchmarks.Processes;
using AgentFlow.Benchmarks.Stores;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Benchmarks.Workloads;

/// <summary>The same work for one worker process and for two on the same database, each with its own limit of steps in flight.</summary>
internal static class TwoProcesses
{
    private const int StepsInFlight = 64;
    private static readonly string[] Header = ["store", "processes", "runs", "seconds", "steps a second", "of one process"];

    public static async Task RunAsync(Report report, IStorage storage, int runs)
    {
        double alone = 0;
        foreach (int processes in new[] { 1, 2 })
        {
            double seconds = await MeasureAsync(storage, processes, runs);
            alone = processes == 1 ? seconds : alone;
            report.Add($"Worker processes, each with {StepsInFlight} steps of 20 ms in flight", Header, storage.Name, processes, runs, seconds, runs * 10 / seconds, alone / seconds);
        }
    }

    private static async Task<double> MeasureAsync(IStorage storage, int processes, int runs)
    {
        string ledger = Path.GetTempFileName();
        await using IPlace place = await storage.CreateAsync();
        WorkerProcess[] workers = await Task.WhenAll(Enumerable.Range(0, processes).Select(_ => WorkerProcess.StartAsync(place.Address, ledger, StepsInFlight)));
        using var tool = new WorkTool(ledger);
        WorkflowDefinition definition = tool.TenSteps();
        await using Bench control = await Bench.AttachAsync(place.Address, new EngineOptions { Executes = false });
        await control.Host.OpenAsync(default);
        control.Add(definition);

        await RunAllAsync(control, definition, workers, runs / 10);
        long start = Stopwatch.GetTimestamp();
        await RunAllAsync(control, definition, workers, runs);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        foreach (WorkerProcess worker in workers)
        {
            await worker.DisposeAsync();
        }

        File.Delete(ledger);
        return seconds;
    }

    private static async Task RunAllAsync(Bench control, WorkflowDefinition definition, WorkerProcess[] workers, int runs)
    {
        StartOutcome[] started = await Task.WhenAll(Enumerable.Range(0, runs).Select(_ => control.Host.StartAsync(Bench.Request(definition), default)));
        foreach (Ulid run in started.Select(s => s.Run))
        {
            while (!workers.Any(w => w.Ended.ContainsKey(run)))
            {
                await Task.Delay(2);
            }
        }
    }
}
