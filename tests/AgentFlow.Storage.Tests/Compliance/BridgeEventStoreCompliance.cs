using System.Text;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every store of remote agents' events promises. One subclass an implementation.</summary>
public abstract class BridgeEventStoreCompliance : IAsyncLifetime
{
    private readonly UlidFactory _ids = new(TimeProvider.System, CryptographicRandom.Shared);

    protected abstract IBridgeEventStore Events { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    private static BridgeEvent Event(string id, string agent = "a", long at = 1000) => new(id, agent, "doc.read", "source", Encoding.UTF8.GetBytes("""{"x":1}"""), "2026-01-01T00:00:00Z", "trace", at);

    private BridgeSubscription Subscription(string tenant = "t1", long cursor = 0) => new(_ids.Create(), "https://example.com/hook", "secret://hooks", new BridgeEventFilter(new NamePatterns(["doc.*", "x"])), "user:1", 1000) { Tenant = tenant, Cursor = cursor };

    [Fact]
    public async Task Add_SameIdOfSameAgent_IsOne()
    {
        Assert.Equal(0, await Events.LastAsync("t1", default));
        Assert.True(await Events.AddAsync("t1", Event("e1"), default));
        Assert.False(await Events.AddAsync("t1", Event("e1"), default));
        Assert.True(await Events.AddAsync("t1", Event("e1", agent: "b"), default));
        Assert.True(await Events.AddAsync("t2", Event("e1"), default));
        IReadOnlyList<BridgeEvent> found = await Events.ReadAsync("t1", 0, 10, default);
        Assert.Equal(["a", "b"], found.Select(e => e.Agent));
        Assert.Equal(("e1", "doc.read", "source", "2026-01-01T00:00:00Z", "trace", 1000L, """{"x":1}"""), (found[0].Id, found[0].Type, found[0].Source, found[0].Time, found[0].TraceId, found[0].At, Encoding.UTF8.GetString(found[0].Data.Span)));
        Assert.Equal(found[1].Number, await Events.LastAsync("t1", default));
        Assert.Equal([found[1].Number], (await Events.ReadAsync("t1", found[0].Number, 10, default)).Select(e => e.Number));
        Assert.Single(await Events.ReadAsync("t1", 0, 1, default));
    }

    [Fact]
    public async Task Read_WhileManyAdd_MissesNone()
    {
        var seen = new List<string>();
        Task adding = Task.WhenAll(Enumerable.Range(0, 8).Select(w => Task.Run(async () =>
        {
            for (int i = 0; i < 25; i++)
            {
                Assert.True(await Events.AddAsync("t1", Event($"{w}-{i}"), default));
            }
        })));
        long after = 0;
        bool isOver;
        do
        {
            isOver = adding.IsCompleted;
            foreach (BridgeEvent found in await Events.ReadAsync("t1", after, 1000, default))
            {
                seen.Add(found.Id);
                after = found.Number;
            }
        }
        while (!isOver);
        await adding;
        Assert.Equal(200, seen.Count);
        Assert.Equal(200, seen.Distinct().Count());
    }

    [Fact]
    public async Task Subscriptions_AreTheTenantsOwn()
    {
        BridgeSubscription one = Subscription();
        await Events.AddSubscriptionAsync("t1", one, default);
        BridgeSubscription found = (await Events.FindSubscriptionAsync("t1", one.Id, default))!;
        Assert.Equal((one.Url, one.Secret, "user:1", "t1"), (found.Url, found.Secret, found.CreatedBy, found.Tenant));
        Assert.Equal(["doc.*", "x"], found.Filter.Types!.Patterns);
        Assert.Null(found.Filter.Sources);
        Assert.Null(await Events.FindSubscriptionAsync("t2", one.Id, default));
        Assert.Empty(await Events.ListSubscriptionsAsync("t2", default));
        Assert.False(await Events.RemoveSubscriptionAsync("t2", one.Id, default));
        Assert.Single(await Events.ListSubscriptionsAsync("t1", default));
        Assert.True(await Events.RemoveSubscriptionAsync("t1", one.Id, default));
        Assert.Null(await Events.FindSubscriptionAsync("t1", one.Id, default));
    }

    [Fact]
    public async Task Waiting_OnlyWithEventsToSend()
    {
        await Events.AddAsync("t1", Event("e1"), default);
        long last = await Events.LastAsync("t1", default);
        BridgeSubscription behind = Subscription();
        BridgeSubscription level = Subscription(cursor: last);
        BridgeSubscription elsewhere = Subscription("t2");
        foreach (BridgeSubscription s in new[] { behind, level, elsewhere })
        {
            await Events.AddSubscriptionAsync(s.Tenant, s, default);
        }

        Assert.Equal([behind.Id], (await Events.WaitingAsync(0, default)).Select(s => s.Id));
        await Events.SaveProgressAsync("t1", behind with { Failures = 2, NextAt = 500, Problem = "no" }, default);
        Assert.Empty(await Events.WaitingAsync(499, default));
        BridgeSubscription failed = Assert.Single(await Events.WaitingAsync(500, default));
        Assert.Equal((2, "no"), (failed.Failures, failed.Problem));
        await Events.SaveProgressAsync("t1", failed with { SuspendedAt = 600 }, default);
        Assert.Empty(await Events.WaitingAsync(1000, default));
        await Events.SaveProgressAsync("t1", failed with { SuspendedAt = null, Cursor = last }, default);
        await Events.SaveProgressAsync("t1", failed with { SuspendedAt = null, Cursor = 0 }, default);
        Assert.Equal(last, (await Events.FindSubscriptionAsync("t1", failed.Id, default))!.Cursor);
    }

    [Fact]
    public async Task Forget_OldOnes_LeavesTheRest()
    {
        await Events.AddAsync("t1", Event("old", at: 1000), default);
        await Events.AddAsync("t1", Event("new", at: 2000), default);
        Assert.Equal(1, await Events.ForgetAsync(2000, 10, default));
        Assert.Equal(["new"], (await Events.ReadAsync("t1", 0, 10, default)).Select(e => e.Id));
    }
}
