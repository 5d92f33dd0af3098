using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;
using AgentFlow.Storage.Tests.Postgres;
using Npgsql;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>PostgreSQL goes away, stands still, refuses to write, or hands over to its standby, while a fleet works on it.</summary>
public sealed class DatabaseFaultTests
{
    private const int Runs = 40;

    /// <summary>Connections that one process may try to make in a second without a database, and lines that it may log.</summary>
    private const int MostPerSecond = 25;

    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(1);

    [Fact]
    public Task Database_KilledAndStartedAgain_LosesNothingAndNobodySpins() => RunAsync(async (cluster, fleet) =>
    {
        cluster.Kill();
        await UnavailableAsync(fleet);
        long start = Stopwatch.GetTimestamp();
        int[] before = [.. fleet.Links.Take(3).Select(l => l.Accepted)];
        int[] said = Said(fleet);
        await Task.Delay(Lease * 4);
        double most = 10 + (MostPerSecond * Stopwatch.GetElapsedTime(start).TotalSeconds);
        Assert.All(fleet.Links.Take(3).Zip(before), l => Assert.InRange(l.First.Accepted - l.Second, 1, most));
        Assert.All(Said(fleet).Zip(said), s => Assert.InRange(s.First - s.Second, 1, most));
        await cluster.RestartAsync();
    });

    [Fact]
    [Trait("Suite", "slow")]
    public Task Database_TableLockedForLongerThanALease_LosesNothing() => RunAsync(async (cluster, fleet) =>
    {
        await using NpgsqlConnection connection = await cluster.Admin.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand($"LOCK TABLE {fleet.Schema}.journal IN ACCESS EXCLUSIVE MODE", connection);
        await command.ExecuteNonQueryAsync();
        await UnavailableAsync(fleet);
        await Task.Delay(Lease * 3);
        await transaction.RollbackAsync();
    });

    [Fact]
    [Trait("Suite", "slow")]
    public Task Database_ReadOnlyForAWhile_LosesNothing() => RunAsync(async (cluster, fleet) =>
    {
        await SetReadOnlyAsync(cluster, "on");
        await UnavailableAsync(fleet);
        await Task.Delay(Lease * 3);
        await SetReadOnlyAsync(cluster, "off");
    });

    [Fact]
    public async Task Database_FailsOverToItsStandby_LosesNothing()
    {
        Assert.SkipWhen(PostgresCluster.Missing is not null, PostgresCluster.Missing ?? "");
        await using PostgresCluster cluster = await PostgresCluster.StartAsync();
        await using PostgresCluster standby = await cluster.FollowAsync();
        await RunAsync(
            cluster,
            standby,
            async fleet =>
            {
                cluster.Kill();
                await UnavailableAsync(fleet);
                await standby.PromoteAsync();
            });
    }

    private static async Task RunAsync(Func<PostgresCluster, Fleet, Task> fault)
    {
        Assert.SkipWhen(PostgresCluster.Missing is not null, PostgresCluster.Missing ?? "");
        await using PostgresCluster cluster = await PostgresCluster.StartAsync();
        await RunAsync(cluster, standby: null, fleet => fault(cluster, fleet));
    }

    /// <summary>Work before, during and after a fault; by the end everything that was accepted has ended once.</summary>
    private static async Task RunAsync(PostgresCluster cluster, PostgresCluster? standby, Func<Fleet, Task> fault)
    {
        await using Fleet fleet = await Fleet.StartAsync(cluster, workers: 2, Lease, standby);
        string[] ids = [.. Enumerable.Range(0, Runs).Select(i => $"r{i:00}")];
        var runs = new List<(string Id, string Run)>();
        foreach (string id in ids)
        {
            runs.Add((id, await fleet.AcceptAsync(id)));
        }

        using (var patience = new CancellationTokenSource(Af.Patience))
        {
            while (fleet.Ledger.Effects.IsEmpty)
            {
                await Task.Delay(1, patience.Token);
            }
        }

        await fault(fleet);
        runs.Add(("late", await fleet.AcceptAsync("late")));
        foreach ((string id, string run) in runs)
        {
            await fleet.CompletedAsync(run);
            await fleet.CheckAsync(id, run);
            Assert.Equal(run, await fleet.AcceptAsync(id));
        }
    }

    /// <summary>Asks for runs until the answer is that there is no store.</summary>
    private static async Task UnavailableAsync(Fleet fleet)
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        while (true)
        {
            using HttpResponseMessage response = await fleet.Api.PostRunAsync("calls", isAsync: true, new { url = $"http://127.0.0.1:{fleet.WorkersToTool.Port}/effect", id = "extra" }, cancellationToken: patience.Token);
            if (response.StatusCode == HttpStatusCode.ServiceUnavailable)
            {
                Assert.Equal("STORE_UNAVAILABLE", (await response.Content.ReadFromJsonAsync<JsonElement>(patience.Token)).GetProperty("code").GetString());
                return;
            }

            Assert.True(response.StatusCode == HttpStatusCode.Accepted, await response.Content.ReadAsStringAsync(patience.Token));
            await Task.Delay(20, patience.Token);
        }
    }

    private static int[] Said(Fleet fleet) => [.. fleet.Workers.Prepend(fleet.Api).Select(p => p.Process.ErrorSoFar.Count(c => c == '\n'))];

    private static async Task SetReadOnlyAsync(PostgresCluster cluster, string value)
    {
        await using NpgsqlConnection admin = await cluster.Admin.OpenConnectionAsync();
        foreach (string sql in new[] { "SET default_transaction_read_only = off", $"ALTER SYSTEM SET default_transaction_read_only = {value}", "SELECT pg_reload_conf()" })
        {
            await using var command = new NpgsqlCommand(sql, admin);
            await command.ExecuteNonQueryAsync();
        }
    }
}
