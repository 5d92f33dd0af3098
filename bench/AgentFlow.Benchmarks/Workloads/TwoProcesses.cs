using System.Diagnostics;
using AgentFlow.Benchmarks.Processes;
using AgentFlow.Benchmarks.Stores;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Benchmarks.Workloads;

/// <summary>
/// The same work for one worker process and for two on one database, each with its own limit of steps in flight. They take turns,
/// three rounds each after a warm-up that gives every process the same share.
/// </summary>
internal static class TwoProcesses
{
    private const int StepsInFlight = 64;
    private const int Rounds = 3;
    private static readonly string[] Header = ["store", "processes", "runs", "seconds", "steps a second", "of one process"];

    public static async Task RunAsync(Report report, IStorage storage, int runs)
    {
        await using Fleet one = await Fleet.OpenAsync(storage, 1);
        await using Fleet two = await Fleet.OpenAsync(storage, 2);
        Fleet[] fleets = [one, two];
        foreach (Fleet fleet in fleets)
        {
            await fleet.RunAllAsync(runs / 2 * fleet.Processes);
        }

        List<double>[] seconds = [[], []];
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < fleets.Length; i++)
            {
                long start = Stopwatch.GetTimestamp();
                await fleets[i].RunAllAsync(runs);
                seconds[i].Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
        }

        for (int i = 0; i < fleets.Length; i++)
        {
            double median = Load.Median(seconds[i]);
            double ratio = Load.Median(seconds[0].Zip(seconds[i], (alone, together) => alone / together));
            report.Add($"Worker processes, each with {StepsInFlight} steps of 20 ms in flight", Header, storage.Name, fleets[i].Processes, runs, median, runs * 10 / median, ratio);
        }
    }

    /// <summary>Worker processes on a database of their own, and a control process that gives them runs.</summary>
    private sealed class Fleet(string ledger, IPlace place, WorkerProcess[] workers, Bench control, WorkTool tool) : IAsyncDisposable
    {
        private readonly WorkflowDefinition _definition = tool.TenSteps();

        public int Processes => workers.Length;

        public static async Task<Fleet> OpenAsync(IStorage storage, int processes)
        {
            string ledger = Path.GetTempFileName();
            IPlace place = await storage.CreateAsync();
            WorkerProcess[] workers = await Task.WhenAll(Enumerable.Range(0, processes).Select(_ => WorkerProcess.StartAsync(place.Address, ledger, StepsInFlight)));
            Bench control = await Bench.AttachAsync(place.Address, new EngineOptions { Executes = false });
            var fleet = new Fleet(ledger, place, workers, control, new WorkTool(ledger));
            await control.Host.OpenAsync(default);
            control.Add(fleet._definition);
            return fleet;
        }

        public async Task RunAllAsync(int runs)
        {
            StartOutcome[] started = await Task.WhenAll(Enumerable.Range(0, runs).Select(_ => control.Host.StartAsync(Bench.Request(_definition), default)));
            foreach (Ulid run in started.Select(s => s.Run))
            {
                while (!workers.Any(w => w.Ended.ContainsKey(run)))
                {
                    await Task.Delay(2);
                }
            }
        }

        public async ValueTask DisposeAsync()
        {
            foreach (WorkerProcess worker in workers)
            {
                await worker.DisposeAsync();
            }

            await control.DisposeAsync();
            await place.DisposeAsync();
            tool.Dispose();
            File.Delete(ledger);
        }
    }
}
