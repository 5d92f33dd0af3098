using System.Collections.Concurrent;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;

namespace AgentFlow.Storage.Tests.Postgres;

public sealed class PostgresOutboxTests(PostgresFixture fixture)
{
    private static readonly PostgresOptions On = new() { Outbox = true };

    [Fact]
    public async Task Read_Commits_InOrderWithTheirFrames_AndDeletedOnesAreGone()
    {
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(fixture, On);
        var outbox = new PostgresOutbox(postgres.Database);
        RunAppend a = Writing.Creation();
        RunAppend b = Writing.Creation("t2");
        await postgres.Store.WriteAsync([a, b]);
        await postgres.Store.WriteAsync([Writing.Append(a, 1), Writing.Append(a.Run, a.Key + 1, 9)]);
        IReadOnlyList<OutboxCommit> commits = await ReadAllAsync(outbox, 0, 2);
        Assert.Equal([("t1", a.Run, 0L), ("t2", b.Run, 0L)], commits[0].Frames.Select(f => (f.Tenant, f.Run, f.FirstSeq)));
        Assert.Equal(a.Frame.ToArray(), commits[0].Frames[0].Data.ToArray());
        Assert.Equal([(a.Run, 1L)], commits[1].Frames.Select(f => (f.Run, f.FirstSeq)));
        Assert.Empty(await outbox.ReadAsync(commits[1].Position, 10, default));
        await outbox.DeleteAsync(commits[0].Position, default);
        Assert.Equal([commits[1].Position], (await outbox.ReadAsync(0, 10, default)).Select(c => c.Position));
    }

    [Fact]
    public async Task Read_WhileATransactionIsOpen_StopsBelowIt()
    {
        // A server of its own: an open transaction holds every outbox of a server back.
        Assert.SkipWhen(PostgresCluster.Missing is not null, PostgresCluster.Missing ?? "");
        await using PostgresCluster cluster = await PostgresCluster.StartAsync();
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(cluster, On);
        var outbox = new PostgresOutbox(postgres.Database);
        await using var open = await cluster.Admin.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await open.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using (var write = new Npgsql.NpgsqlCommand($"INSERT INTO {postgres.Schema}.outbox (runs, first_seqs) VALUES ('{{}}', '{{}}')", open))
        {
            await write.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        await postgres.Store.WriteAsync(Writing.Creation());
        Assert.Empty(await outbox.ReadAsync(0, 10, default));
        await transaction.CommitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(2, (await ReadAllAsync(outbox, 0, 2)).Count);
    }

    [Fact]
    public async Task Read_BesideConcurrentCommits_MissesNothing()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture, On);
        await using TemporaryPostgres b = await a.JoinAsync(On);
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
        var outbox = new PostgresOutbox(a.Database);
        ulong after = 0;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (read.Count < runs * (frames + 1))
        {
            IReadOnlyList<OutboxCommit> commits = await outbox.ReadAsync(after, 7, limit.Token);
            foreach (OutboxCommit commit in commits)
            {
                Assert.True(commit.Position > after);
                after = commit.Position;
                foreach (OutboxFrame frame in commit.Frames)
                {
                    Assert.True(read.Add((frame.Run, frame.FirstSeq)));
                }
            }

            if (commits.Count > 0)
            {
                await outbox.DeleteAsync(after, limit.Token);
            }
        }

        await writing;
        Assert.Equal(written.ToHashSet(), read);
    }

    [Fact]
    public async Task Outbox_Off_LeavesNoRows()
    {
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(fixture);
        await postgres.Store.WriteAsync(Writing.Creation());
        Assert.Equal(0L, await postgres.Cluster.QueryAsync<long>($"SELECT count(*) FROM {postgres.Schema}.outbox"));
    }

    /// <summary>A commit shows once every older transaction of the server is over.</summary>
    private static async Task<IReadOnlyList<OutboxCommit>> ReadAllAsync(PostgresOutbox outbox, ulong after, int count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            IReadOnlyList<OutboxCommit> commits = await outbox.ReadAsync(after, 10, limit.Token);
            if (commits.Count >= count)
            {
                return commits;
            }

            await Task.Delay(10, limit.Token);
        }
    }
}
