using System.Collections.Concurrent;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;

namespace AgentFlow.Storage.Tests.Postgres;

/// <summary>Every committed frame is found once, whatever commits beside the reader.</summary>
public sealed class PostgresAuditIntakeTests(PostgresFixture fixture)
{
    [Fact]
    public async Task Read_Commits_InOrderAndNoneAgainOnceTheyAreTaken()
    {
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(fixture);
        var audit = new PostgresAuditStore(postgres.Database);
        Assert.True(await audit.LeadAsync(TimeSpan.FromHours(1), default));
        RunAppend a = Writing.Creation();
        RunAppend b = Writing.Creation("t2");
        await postgres.Store.WriteAsync([a, b]);
        await postgres.Store.WriteAsync([Writing.Append(a, 1), Writing.Append(a.Run, a.Key + 1, 9)]);
        List<WaitingFrame> frames = [];
        while (frames.Count < 3)
        {
            AuditIntake intake = await ReadAsync(audit, 1);
            frames.AddRange(intake.Frames);
            Assert.True(await audit.AppendAsync([], intake, default));
            Assert.False(await audit.AppendAsync([], intake, default));
        }

        Assert.Equal([("t1", a.Run, 0L), ("t1", a.Run, 1L), ("t2", b.Run, 0L)], frames.Select(f => (f.Tenant, f.Run, f.FirstSeq)).Order());
        Assert.Equal((a.Run, 1L), (frames[^1].Run, frames[^1].FirstSeq));
        Assert.Equal(a.Frame.ToArray(), frames.Single(f => f.Run == a.Run && f.FirstSeq == 0).Data.ToArray());
        Assert.True((await audit.ReadIntakeAsync(10, default)).IsEmpty);
    }

    [Fact]
    public async Task Read_WhileATransactionIsOpen_StopsBelowIt()
    {
        // A server of its own: an open transaction holds every reader of a server back.
        Assert.SkipWhen(PostgresCluster.Missing is not null, PostgresCluster.Missing ?? "");
        await using PostgresCluster cluster = await PostgresCluster.StartAsync();
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(cluster);
        var audit = new PostgresAuditStore(postgres.Database);
        RunAppend run = await postgres.Store.WriteAsync(Writing.Creation());
        await using var open = await cluster.Admin.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await open.BeginTransactionAsync(TestContext.Current.CancellationToken);
        long key = await cluster.QueryAsync<long>($"SELECT key FROM {postgres.Schema}.runs");
        await using (var write = new Npgsql.NpgsqlCommand($"INSERT INTO {postgres.Schema}.journal (run, first_seq, data) VALUES ({key}, 500, '\\x00')", open))
        {
            await write.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        await postgres.Store.WriteAsync(Writing.Append(run, 1));
        AuditIntake before = await ReadAsync(audit, 100);
        Assert.Equal([0L], before.Frames.Select(f => f.FirstSeq));
        Assert.True(await audit.LeadAsync(TimeSpan.FromHours(1), default));
        Assert.True(await audit.AppendAsync([], before, default));
        Assert.True((await audit.ReadIntakeAsync(100, default)).IsEmpty);
        await transaction.CommitAsync(TestContext.Current.CancellationToken);
        Assert.Equal([500L, 1L], (await ReadAsync(audit, 100)).Frames.Select(f => f.FirstSeq));
    }

    [Fact]
    public async Task Read_BesideConcurrentCommits_MissesNothing()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres b = await a.JoinAsync(new PostgresOptions());
        var written = new ConcurrentBag<(Ulid, long)>();
        var read = new HashSet<(Ulid, long)>();
        const int runs = 6;
        const int frames = 40;

        async Task WriteAsync(PostgresRunStore store)
        {
            RunAppend run = await store.WriteAsync(Writing.Creation());
            written.Add((run.Run, 0));
            for (int i = 1; i <= frames; i++)
            {
                await store.WriteAsync(Writing.Append(run, i));
                written.Add((run.Run, i));
            }
        }

        Task writing = Task.WhenAll(Enumerable.Range(0, runs).Select(i => Task.Run(() => WriteAsync(i % 2 == 0 ? a.Store : b.Store))));
        var audit = new PostgresAuditStore(a.Database);
        Assert.True(await audit.LeadAsync(TimeSpan.FromHours(1), default));
        while (read.Count < runs * (frames + 1))
        {
            AuditIntake intake = await ReadAsync(audit, 7);
            Assert.All(intake.Frames, frame => Assert.True(read.Add((frame.Run, frame.FirstSeq))));
            Assert.True(await audit.AppendAsync([], intake, default));
        }

        await writing;
        Assert.Equal(written.ToHashSet(), read);
    }

    [Fact]
    public async Task Read_BehindManyForeignTransactions_FindsWhatFollows()
    {
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(fixture);
        var audit = new PostgresAuditStore(postgres.Database);
        Assert.True(await audit.LeadAsync(TimeSpan.FromHours(1), default));
        RunAppend run = await postgres.Store.WriteAsync(Writing.Creation());
        Assert.True(await audit.AppendAsync([], await ReadAsync(audit, 16), default));
        await postgres.Cluster.ExecuteAsync("DO $$ BEGIN FOR i IN 1..3000 LOOP BEGIN PERFORM pg_current_xact_id(); EXCEPTION WHEN others THEN NULL; END; END LOOP; END $$");
        for (int i = 0; i < 300; i++)
        {
            await postgres.Cluster.ExecuteAsync("SELECT pg_current_xact_id()");
        }

        await postgres.Store.WriteAsync(Writing.Append(run, 1));
        Assert.Equal([1L], (await ReadAsync(audit, 16)).Frames.Select(f => f.FirstSeq));
    }

    [Fact]
    public async Task Open_OnAServerThatCountsAnew_ChainsWhatWasNotAndNothingTwice()
    {
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(fixture);
        RunAppend run = await postgres.Store.WriteAsync(Writing.Creation());
        await postgres.Store.WriteAsync(Writing.Append(run, 1));

        // As after a dump from a server that had counted much further: the first frame is chained, the second is not.
        await postgres.Cluster.ExecuteAsync($"UPDATE {postgres.Schema}.journal SET xid = 900000000000 + first_seq");
        await postgres.Cluster.ExecuteAsync($"UPDATE {postgres.Schema}.audit_lease SET position = 900000000000");
        await using TemporaryPostgres restored = await postgres.JoinAsync(new PostgresOptions());
        var audit = new PostgresAuditStore(restored.Database);
        Assert.Equal([1L], (await ReadAsync(audit, 100)).Frames.Select(f => f.FirstSeq));
    }

    /// <summary>A commit shows once every older transaction of the server is over.</summary>
    private static async Task<AuditIntake> ReadAsync(PostgresAuditStore audit, int max)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            AuditIntake intake = await audit.ReadIntakeAsync(max, limit.Token);
            if (!intake.IsEmpty)
            {
                return intake;
            }

            await Task.Delay(10, limit.Token);
        }
    }
}
