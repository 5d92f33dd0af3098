using System.Collections.Concurrent;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;

namespace AgentFlow.Storage.Tests.Postgres;

public sealed class PostgresClaimTests(PostgresFixture fixture)
{
    private static IEnumerable<RunAppend> Queued(string tenant, int count) => Enumerable.Range(0, count).Select(_ => Writing.Creation(tenant, RowChange.CreateQueued));

    /// <summary>A claim deletes expired sessions and selects what it took, in one answer.</summary>
    private static bool IsClaim(byte[] answer) => LossyProxy.Count(answer, "DELETE 0"u8) == 1 && LossyProxy.Count(answer, "SELECT "u8) == 2;

    [Fact]
    public async Task Claim_TwoProcessesAtOnce_NeverTheSameRunAndAllOfThem()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres b = await a.JoinAsync();
        var created = new ConcurrentBag<Ulid>();
        var claimed = new ConcurrentBag<Ulid>();
        const int total = 1200;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));

        async Task CreateAsync(TemporaryPostgres process, string[] tenants)
        {
            for (int i = 0; i < total / 2 / 20; i++)
            {
                RunAppend[] runs = [.. Queued(tenants[i % tenants.Length], 20)];
                await process.Store.WriteAsync(runs);
                foreach (RunAppend run in runs)
                {
                    created.Add(run.Run);
                }
            }
        }

        async Task ClaimAsync(TemporaryPostgres process, int max)
        {
            while (claimed.Count < total)
            {
                foreach (ClaimedRun run in await process.Store.ClaimAsync(max, limit.Token))
                {
                    claimed.Add(run.Run);
                    RunAppend end = Writing.Append(run.Run, run.Key, 1, RowChange.End, tenant: run.Tenant);
                    await process.Store.WriteAsync(end);
                    Assert.Equal(CommitOutcome.Committed, end.Outcome);
                }
            }
        }

        await Task.WhenAll(
            Task.Run(() => CreateAsync(a, ["t1", "t2", "t3"])), Task.Run(() => CreateAsync(b, ["t1"])),
            Task.Run(() => ClaimAsync(a, 7)), Task.Run(() => ClaimAsync(a, 3)), Task.Run(() => ClaimAsync(b, 64)));
        Assert.Equal(total, claimed.Count);
        Assert.Equal(created.Order(), claimed.Order());
    }

    [Fact]
    public async Task Claim_AnswerLost_AsksAgainAndGetsTheSameRuns()
    {
        PostgresCluster cluster = await fixture.ClusterAsync();
        await using var proxy = new LossyProxy(cluster.Port);
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(cluster, through: proxy);
        await postgres.Store.WriteAsync(Queued("t1", 5));
        proxy.Lose(answer => proxy.Lost == 0 && IsClaim(answer));
        Assert.Equal(5, (await postgres.Store.ClaimAsync(10, default)).Count);
        Assert.Equal(1, proxy.Lost);
        Assert.Empty(await postgres.Store.ClaimAsync(10, default));
    }

    [Fact]
    public async Task Claim_AnswersLostAgainAndAgain_NoRunIsForgotten()
    {
        PostgresCluster cluster = await fixture.ClusterAsync();
        await using var proxy = new LossyProxy(cluster.Port);
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(cluster, through: proxy);
        await postgres.Store.WriteAsync(Queued("t1", 50));
        ulong seed = (ulong)Random.Shared.NextInt64();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new SeededRandom(seed);
        proxy.Lose(answer =>
        {
            lock (random)
            {
                return IsClaim(answer) && random.NextUInt64() % 3 > 0;
            }
        });
        var claimed = new List<Ulid>();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (claimed.Count < 50)
        {
            try
            {
                claimed.AddRange((await postgres.Store.ClaimAsync(5, limit.Token)).Select(r => r.Run));
            }
            catch (StoreUnavailableException)
            {
                // Both tries of this call were lost; the next call asks for the same claim.
            }
        }

        Assert.Equal(50, claimed.Distinct().Count());
        Assert.True(proxy.Lost > 0);
    }

    [Fact]
    public async Task Timers_TwoProcessesFire_EachTimerOnce()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres b = await a.JoinAsync();
        for (int i = 0; i < 10; i++)
        {
            await a.Store.WriteAsync(Enumerable.Range(0, 20).Select(_ =>
            {
                RunAppend run = Writing.Creation(then: RowChange.Park);
                return new RunAppend { Tenant = "t1", Run = run.Run, FirstSeq = 0, Frame = run.Frame, Change = RowChange.Create, Then = RowChange.Park, Status = run.Status, Creation = run.Creation, Timers = [(100, 1)] };
            }));
        }

        int fired = 0;
        async Task FireAsync(TemporaryPostgres process)
        {
            while (Volatile.Read(ref fired) < 200)
            {
                Interlocked.Add(ref fired, (await process.Store.FireTimersAsync(100, 13, default)).Fired);
            }
        }

        await Task.WhenAll(Task.Run(() => FireAsync(a)), Task.Run(() => FireAsync(b)));
        Assert.Equal(200, fired);
        Assert.Equal(200, (await a.Store.ClaimAsync(1000, default)).Count);
    }
}
