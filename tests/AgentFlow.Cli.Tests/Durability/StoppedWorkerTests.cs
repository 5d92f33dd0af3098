using System.Text.Json;
using AgentFlow.Cli.Tests.Support;
using AgentFlow.Cli.Tests.Support.Chaos;
using AgentFlow.Storage.Tests.Postgres;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>A worker stands still (SIGSTOP) for longer than its lease, in the middle of its work, and goes on as if nothing had been.</summary>
public sealed class StoppedWorkerTests
{
    [Fact]
    public async Task Worker_StoppedForLongerThanItsLease_IsFencedAndItsRunsEndOnceElsewhere()
    {
        Assert.SkipWhen(PostgresCluster.Missing is not null, PostgresCluster.Missing ?? "");
        await using PostgresCluster cluster = await PostgresCluster.StartAsync();
        await using Fleet fleet = await Fleet.StartAsync(cluster, workers: 2, lease: TimeSpan.FromSeconds(1));
        (ServedAf stopped, ServedAf other) = (fleet.Workers[0], fleet.Workers[1]);
        // Calls take so long that whoever has had runs for a moment is in the middle of some, however fast the machine.
        fleet.WorkersToTool.Set(Fault.Latency(100));
        var accepted = new List<(string Id, string Run)>();
        var journals = new List<List<JsonElement>>();
        // What it has in its hands may end between the look and the stop: then it is stopped again.
        for (int stops = 0; stops < 5 && !journals.Exists(Recovered); stops++)
        {
            (string Id, string Run)[] runs = await BusyAsync(fleet, stopped, accepted.Count);
            await Task.Delay(100, CancellationToken.None);
            stopped.Process.SendStop();
            await Task.WhenAll(runs.Select(r => fleet.CompletedAsync(r.Run)));
            await Task.Delay(TimeSpan.FromSeconds(2), CancellationToken.None);
            string last = await fleet.AcceptAsync($"past-the-lease-{stops}");
            await fleet.CompletedAsync(last);
            stopped.Process.SendContinue();
            await stopped.Process.ErrorLineAsync("was taken over by another process");
            accepted.AddRange([.. runs, ($"past-the-lease-{stops}", last)]);
            journals.AddRange(await Task.WhenAll(runs.Select(r => fleet.Api.EventsAsync(r.Run))));
        }

        // Some of them had been the stopped one's, and it works again.
        Assert.Contains(journals, Recovered);
        foreach ((string id, string run) in accepted)
        {
            await fleet.CheckAsync(id, run);
        }

        fleet.WorkersToTool.Heal();
        other.Process.SendKill();
        string alone = await fleet.AcceptAsync("alone");
        await fleet.CompletedAsync(alone);
        await fleet.CheckAsync("alone", alone);
    }

    private static bool Recovered(List<JsonElement> journal) => journal.Exists(e => e.GetProperty("type").GetString() == "run_recovered");

    /// <summary>Lets work come until the worker has some of it in its hands.</summary>
    private static async Task<(string Id, string Run)[]> BusyAsync(Fleet fleet, ServedAf worker, int first)
    {
        var accepted = new List<(string Id, string Run)>();
        using var patience = new CancellationTokenSource(Af.Patience);
        while (await ResidentAsync(worker) < 3)
        {
            string[] more = [.. Enumerable.Range(first + accepted.Count, 12).Select(i => $"r{i:0000}")];
            accepted.AddRange(more.Zip(await Task.WhenAll(more.Select(fleet.AcceptAsync))));
            Assert.False(patience.IsCancellationRequested, fleet.Said());
        }

        return [.. accepted];
    }

    private static async Task<int> ResidentAsync(ServedAf worker)
    {
        using JsonDocument ready = JsonDocument.Parse(await worker.Http.GetStringAsync("/readyz"));
        return ready.RootElement.GetProperty("resident_runs").GetInt32();
    }
}
