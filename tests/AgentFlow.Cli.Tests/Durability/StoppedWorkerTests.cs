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
        string[] ids = [.. Enumerable.Range(0, 60).Select(i => $"r{i:00}")];
        Task<string[]> accepting = Task.WhenAll(ids.Select(fleet.AcceptAsync));
        using (var patience = new CancellationTokenSource(Af.Patience))
        {
            while (await ResidentAsync(stopped) == 0 || fleet.Ledger.Effects.Count < ids.Length / 3)
            {
                await Task.Delay(1, patience.Token);
            }
        }

        stopped.Process.SendStop();
        string[] runs = await accepting;
        await Task.WhenAll(runs.Select(fleet.CompletedAsync));
        stopped.Process.SendContinue();
        await stopped.Process.ErrorLineAsync("was taken over by another process");
        foreach ((string id, string run) in ids.Zip(runs))
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
