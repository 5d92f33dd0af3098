using System.Text.Json;
using AgentFlow.Cli.Tests.Support;
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
        var accepted = new List<(string Id, string Run)>();
        using (var patience = new CancellationTokenSource(Af.Patience))
        {
            // Work keeps coming until the one to be stopped has some of it in its hands.
            while (await ResidentAsync(stopped) < 3)
            {
                string[] more = [.. Enumerable.Range(accepted.Count, 12).Select(i => $"r{i:0000}")];
                accepted.AddRange(more.Zip(await Task.WhenAll(more.Select(fleet.AcceptAsync))));
                Assert.False(patience.IsCancellationRequested, fleet.Said());
            }
        }

        stopped.Process.SendStop();
        string[] runs = [.. accepted.Select(a => a.Run)];
        await Task.WhenAll(runs.Select(fleet.CompletedAsync));
        stopped.Process.SendContinue();
        await stopped.Process.ErrorLineAsync("was taken over by another process");
        foreach ((string id, string run) in accepted)
        {
            await fleet.CheckAsync(id, run);
        }

        // Some of them had been the stopped one's, and it works again.
        List<JsonElement>[] journals = await Task.WhenAll(runs.Select(fleet.Api.EventsAsync));
        Assert.Contains(journals, j => j.Exists(e => e.GetProperty("type").GetString() == "run_recovered"));
        other.Process.SendKill();
        string last = await fleet.AcceptAsync("last");
        await fleet.CompletedAsync(last);
        await fleet.CheckAsync("last", last);
    }

    private static async Task<int> ResidentAsync(ServedAf worker)
    {
        using JsonDocument ready = JsonDocument.Parse(await worker.Http.GetStringAsync("/readyz"));
        return ready.RootElement.GetProperty("resident_runs").GetInt32();
    }
}
