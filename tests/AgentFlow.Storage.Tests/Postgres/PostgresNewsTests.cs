using System.Threading.Channels;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Storage.Tests.Postgres;

public sealed class PostgresNewsTests(PostgresFixture fixture)
{
    private static Channel<StoreNews> Listen(TemporaryPostgres process)
    {
        var news = Channel.CreateUnbounded<StoreNews>();
        process.Store.News += n => news.Writer.TryWrite(n);
        return news;
    }

    private static async Task<StoreNews> WaitAsync(Channel<StoreNews> news, StoreNewsKind kind)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await foreach (StoreNews item in news.Reader.ReadAllAsync(limit.Token))
        {
            if (item.Kind == kind)
            {
                return item;
            }
        }

        throw new InvalidOperationException("unreachable");
    }

    /// <summary>Waits until a process knows that it is not alone.</summary>
    private static async Task HeardAsync(TemporaryPostgres process)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!process.Database.News.Heard)
        {
            await Task.Delay(5, limit.Token);
        }
    }

    [Fact]
    public async Task News_OtherProcessQueuesSendsAndEnds_IsTold()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres b = await a.JoinAsync();
        await HeardAsync(a);
        Channel<StoreNews> toA = Listen(a);
        Channel<StoreNews> toB = Listen(b);

        await a.Store.WriteAsync(Writing.Creation(change: RowChange.CreateQueued));
        await WaitAsync(toB, StoreNewsKind.WorkAvailable);
        ClaimedRun claim = Assert.Single(await b.Store.ClaimAsync(1, default));

        await a.Store.WriteAsync(Writing.Item(claim.Run, "s"));
        Assert.Equal(claim.Run, (await WaitAsync(toB, StoreNewsKind.ItemArrived)).Run);

        RunHistory history = await b.Store.LoadAsync(claim, default);
        await b.Store.WriteAsync(Writing.Append(claim.Run, claim.Key, 1, RowChange.Park, history.WakeSeq, consumed: [.. history.Inbox.Select(i => i.Item)]));
        await a.Store.WriteAsync(Writing.Item(claim.Run, "t"));
        await WaitAsync(toB, StoreNewsKind.WorkAvailable);

        ClaimedRun again = Assert.Single(await b.Store.ClaimAsync(1, default));
        RunAppend end = await b.Store.WriteAsync(Writing.Append(again.Run, again.Key, 2, RowChange.End, wake: 2));
        Assert.Equal(CommitOutcome.Committed, end.Outcome);
        Assert.Equal(claim.Run, (await WaitAsync(toA, StoreNewsKind.RunEnded)).Run);
        Assert.Equal(RunStatus.Completed, (await a.Store.FindAsync("t1", claim.Run, default))!.Status);
    }

    [Fact]
    public async Task News_ManyEndsAtOnce_AllAreTold()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres b = await a.JoinAsync();
        await HeardAsync(a);
        Channel<StoreNews> toB = Listen(b);
        RunAppend[] runs = [.. Enumerable.Range(0, 600).Select(_ => Writing.Creation())];
        await a.Store.WriteAsync(runs);
        await a.Store.WriteAsync(runs.Select(r => Writing.Append(r, 1, RowChange.End)));
        var told = new HashSet<object>();
        while (told.Count < runs.Length)
        {
            told.Add((await WaitAsync(toB, StoreNewsKind.RunEnded)).Run);
        }

        Assert.Equal(runs.Select(r => (object)r.Run).ToHashSet(), told);
    }
}
