using System.Diagnostics;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Storage.Postgres;
using Npgsql;

namespace AgentFlow.Storage.Tests.Postgres;

/// <summary>Two processes on one store: who owns what, and who may write.</summary>
public sealed class PostgresSessionTests(PostgresFixture fixture)
{
    private static readonly PostgresOptions Short = new() { Lease = TimeSpan.FromSeconds(1) };
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Claims until something comes.</summary>
    private static async Task<IReadOnlyList<ClaimedRun>> ClaimSoonAsync(IRunStore store)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            IReadOnlyList<ClaimedRun> claimed = await store.ClaimAsync(10, limit.Token);
            if (claimed.Count > 0)
            {
                return claimed;
            }

            await Task.Delay(20, limit.Token);
        }
    }

    [Fact]
    public async Task Takeover_LeaseRunsOut_OnlyThenAndByTheDatabasesClock()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture, Short);
        await using TemporaryPostgres b = await a.JoinAsync(Short);
        RunAppend run = await a.Store.WriteAsync(Writing.Creation());
        Assert.Empty(await b.Store.ClaimAsync(10, default));
        DateTime expires = await a.Cluster.QueryAsync<DateTime>($"SELECT expires_at FROM {a.Schema}.sessions WHERE tag = '{a.Database.Tag}'");
        await a.Database.DisposeAsync();
        ClaimedRun claim = Assert.Single(await ClaimSoonAsync(b.Store));
        Assert.Equal(run.Run, claim.Run);
        Assert.True(await a.Cluster.QueryAsync<DateTime>("SELECT clock_timestamp()") > expires, "taken over before the lease was over");
        Assert.Equal(CommitOutcome.Committed, (await b.Store.WriteAsync(Writing.Append(claim.Run, claim.Key, 1))).Outcome);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Takeover_ProcessOnThisMachine_AtOnceWhenItHasEnded(bool ended)
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        RunAppend run = await a.Store.WriteAsync(Writing.Creation());
        if (ended)
        {
            using Process gone = Process.Start("true");
            await gone.WaitForExitAsync();
            await a.Cluster.ExecuteAsync($"UPDATE {a.Schema}.sessions SET process = regexp_replace(process, '/[0-9]+/([0-9]+)$', '/{gone.Id}/\\1')");
        }

        await using TemporaryPostgres b = await a.JoinAsync();
        Assert.Equal(ended ? [run.Run] : [], (await b.Store.ClaimAsync(10, default)).Select(r => r.Run));
    }

    [Theory]
    [InlineData("/[0-9]+$", "/1")]
    [InlineData("^[^/]+", "another-boot")]
    [InlineData("/pid[^/]+", "/another-container")]
    [InlineData(".*", "")]
    public async Task Takeover_OnlyTheSameMachineSaysThatAProcessHasEnded(string part, string other)
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        RunAppend run = await a.Store.WriteAsync(Writing.Creation());
        await a.Cluster.ExecuteAsync($"UPDATE {a.Schema}.sessions SET process = regexp_replace(process, '{part}', '{other}')");
        await using TemporaryPostgres b = await a.JoinAsync();
        // Another start time under the same number: the process of that name has ended.
        Assert.Equal(other == "/1" ? [run.Run] : [], (await b.Store.ClaimAsync(10, default)).Select(r => r.Run));
    }

    [Fact]
    public async Task Renewal_LivingProcess_KeepsItsRunsForManyLeases()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture, Short);
        await using TemporaryPostgres b = await a.JoinAsync(Short);
        RunAppend run = await a.Store.WriteAsync(Writing.Creation());
        DateTime first = await a.Cluster.QueryAsync<DateTime>($"SELECT expires_at FROM {a.Schema}.sessions WHERE tag = '{a.Database.Tag}'");
        using var limit = new CancellationTokenSource(Patience);
        while (await a.Cluster.QueryAsync<DateTime>("SELECT clock_timestamp()") < first + TimeSpan.FromSeconds(2))
        {
            Assert.Empty(await b.Store.ClaimAsync(10, limit.Token));
            await Task.Delay(50, limit.Token);
        }

        Assert.Equal(CommitOutcome.Committed, (await a.Store.WriteAsync(Writing.Append(run, 1))).Outcome);
    }

    [Fact]
    public async Task Close_ProcessLeaves_ItsRunsAreFreeAtOnce()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres b = await a.JoinAsync();
        RunAppend run = await a.Store.WriteAsync(Writing.Creation());
        await a.Database.CloseAsync(default);
        Assert.Equal([run.Run], (await b.Store.ClaimAsync(10, default)).Select(r => r.Run));
    }

    [Fact]
    public async Task Fence_OwnerThatWasTakenOver_WritesNothingOfItsRuns_AndGoesOnWithNewOnes()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres b = await a.JoinAsync();
        RunAppend run = await a.Store.WriteAsync(Writing.Creation());
        RunAppend parked = await a.Store.WriteAsync(Writing.Creation(then: RowChange.Park));
        var lost = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        a.Store.News += news =>
        {
            if (news.Kind == StoreNewsKind.OwnershipLost)
            {
                lost.TrySetResult();
            }
        };
        await a.ExpireAsync();
        ClaimedRun claim = Assert.Single(await b.Store.ClaimAsync(10, default));

        RunAppend fresh = Writing.Creation();
        RunAppend[] late = [Writing.Append(run, 1), Writing.Append(run, 1, RowChange.End), Writing.Append(run, 1, RowChange.Park), fresh];
        foreach (RunAppend append in late)
        {
            await a.Store.WriteAsync(append);
        }

        Assert.Equal([CommitOutcome.Fenced, CommitOutcome.Fenced, CommitOutcome.Fenced, CommitOutcome.Committed], late.Select(l => l.Outcome));
        InboxAppend knock = await a.Store.WriteAsync(Writing.Item(parked.Run, "s"));
        Assert.Equal(CommitOutcome.Committed, knock.Outcome);
        await lost.Task.WaitAsync(Patience);
        Assert.Single(await b.Store.ReadFramesAsync("t1", run.Run, 0, 10, default));
        Assert.Equal(CommitOutcome.Committed, (await b.Store.WriteAsync(Writing.Append(claim.Run, claim.Key, 1, RowChange.End))).Outcome);
        Assert.Equal(RunStatus.Completed, (await a.Store.FindAsync("t1", run.Run, default))!.Status);
    }

    [Fact]
    public async Task Fence_OneRunOfABatch_LeavesItsNeighboursAlone()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres b = await a.JoinAsync();
        RunAppend foreign = await b.Store.WriteAsync(Writing.Creation());
        RunAppend mine = await a.Store.WriteAsync(Writing.Creation());
        RunAppend[] batch = [Writing.Append(foreign, 1), Writing.Append(mine, 1), Writing.Append(foreign.Run, mine.Key + 1, 2), Writing.Creation()];
        await a.Store.WriteAsync(batch);
        Assert.Equal([CommitOutcome.Fenced, CommitOutcome.Committed, CommitOutcome.Fenced, CommitOutcome.Committed], batch.Select(i => i.Outcome));
        Assert.Single(await a.Store.ReadFramesAsync("t1", foreign.Run, 0, 10, default));
    }

    [Fact]
    public async Task Fence_EarlierOwnershipInTheSameProcess_WritesNothing()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        RunAppend run = await a.Store.WriteAsync(Writing.Creation(then: RowChange.Park));
        InboxAppend item = await a.Store.WriteAsync(Writing.Item(run.Run, "s"));
        ClaimedRun claim = Assert.Single(await a.Store.ClaimAsync(1, default));
        RunAppend late = Writing.Append(run.Run, run.Key, 1, RowChange.Park, wake: 1, consumed: [item.Item]);
        Assert.Equal(CommitOutcome.Fenced, (await a.Store.WriteAsync(late)).Outcome);
        Assert.Single((await a.Store.LoadAsync(claim, default)).Inbox);
        Assert.Equal(CommitOutcome.Committed, (await a.Store.WriteAsync(Writing.Append(run.Run, claim.Key, 1))).Outcome);
    }

    [Fact]
    public async Task Fence_OwnerPausedInsideItsTransaction_IsCutOffAndNothingOfItIsWritten()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture, Short);
        await using TemporaryPostgres b = await a.JoinAsync(Short);
        RunAppend run = await a.Store.WriteAsync(Writing.Creation());
        // What the process would have sent before it was stopped: held its session, written a frame, not committed.
        await using var paused = new NpgsqlConnection(a.Cluster.Dsn(a.Schema) + ";Pooling=false;Application Name=" + a.Database.Tag);
        await paused.OpenAsync();
        await using NpgsqlTransaction transaction = await paused.BeginTransactionAsync();
        await using (var write = new NpgsqlCommand($"SELECT hold_session({a.Database.Session.Id}); INSERT INTO journal (run, first_seq, data) VALUES ({RunKey.From(run.Key).Row}, 1, 'late')", paused))
        {
            await write.ExecuteNonQueryAsync();
        }

        await a.Database.DisposeAsync();
        ClaimedRun claim = Assert.Single(await ClaimSoonAsync(b.Store));
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => transaction.CommitAsync());
        Assert.Equal(CommitOutcome.Committed, (await b.Store.WriteAsync(Writing.Append(claim.Run, claim.Key, 1))).Outcome);
        Assert.Equal([0, 1], (await b.Store.ReadFramesAsync("t1", run.Run, 0, 10, default)).Select(f => f.FirstSeq));
    }

    [Fact]
    public async Task Takeover_WaitsForATransactionThatIsUnderWay()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres b = await a.JoinAsync();
        RunAppend run = await a.Store.WriteAsync(Writing.Creation());
        await using var slow = new NpgsqlConnection(a.Cluster.Dsn(a.Schema) + ";Pooling=false");
        await slow.OpenAsync();
        await using NpgsqlTransaction transaction = await slow.BeginTransactionAsync();
        await using (var write = new NpgsqlCommand($"SELECT hold_session({a.Database.Session.Id}); INSERT INTO journal (run, first_seq, data) VALUES ({RunKey.From(run.Key).Row}, 1, 'in time')", slow))
        {
            await write.ExecuteNonQueryAsync();
        }

        await a.ExpireAsync();
        Assert.Empty(await b.Store.ClaimAsync(10, default));
        await transaction.CommitAsync();
        ClaimedRun claim = Assert.Single(await b.Store.ClaimAsync(10, default));
        Assert.Equal([0, 1], (await b.Store.LoadAsync(claim, default)).Frames.Select(f => f.FirstSeq));
    }

    [Fact]
    public async Task SetAside_RunOfAnotherProcess_ChangesNothing()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres b = await a.JoinAsync();
        RunAppend run = await a.Store.WriteAsync(Writing.Creation());
        await b.Store.SetAsideAsync(new ClaimedRun(run.Key, run.Run, "t1", "w", "1.0.0", new string('a', 64)), "no", default);
        Assert.Equal(RunStatus.Running, (await a.Store.FindAsync("t1", run.Run, default))!.Status);
    }
}
