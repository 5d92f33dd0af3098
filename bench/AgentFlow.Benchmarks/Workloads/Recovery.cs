using System.Diagnostics;
using AgentFlow.Benchmarks.Processes;
using AgentFlow.Benchmarks.Stores;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Benchmarks.Workloads;

/// <summary>A process with a thousand runs in flight is killed with SIGKILL halfway, and another one is started.</summary>
internal static class Recovery
{
    public static async Task RunAsync(Report report, IStorage storage, int runs)
    {
        string ledger = Path.GetTempFileName();
        await using IPlace place = await storage.CreateAsync();
        WorkerProcess first = await WorkerProcess.StartAsync(place.Address, ledger);
        await first.StartRunsAsync(runs);
        while (Done(ledger) < runs * 5)
        {
            await Task.Delay(5);
        }

        await first.KillAsync();
        int open = first.Accepted.Keys.Count(r => !first.Ended.ContainsKey(r));
        int begun = File.ReadLines(ledger).Count();
        long start = Stopwatch.GetTimestamp();
        WorkerProcess second = await WorkerProcess.StartAsync(place.Address, ledger);
        while (File.ReadLines(ledger).Count() == begun)
        {
            await Task.Delay(1);
        }

        double firstStep = Stopwatch.GetElapsedTime(start).TotalSeconds;
        while (first.Accepted.Keys.Any(r => !first.Ended.ContainsKey(r) && !second.Ended.ContainsKey(r)))
        {
            await Task.Delay(5);
        }

        double all = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await second.DisposeAsync();
        await using (Bench reader = await Bench.AttachAsync(place.Address, new EngineOptions { Executes = false }))
        {
            Ledger kept = await Ledger.ReadAsync(ledger, first.Accepted.Keys, reader.Runs);
            report.Add(
                "Killed with runs in flight, started again",
                ["store", "runs accepted", "open at the kill", "lost", "steps repeated", "repeated in doubt", "s to the first step", "s to the last end"],
                storage.Name,
                first.Accepted.Count,
                open,
                kept.Lost,
                kept.Repeated,
                kept.InDoubt,
                firstStep,
                all);
        }

        await first.DisposeAsync();
        File.Delete(ledger);
    }

    private static int Done(string ledger) => File.ReadLines(ledger).Count(l => l.EndsWith('D'));
}
