using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>Claims are fair: nobody waits for all of another tenant's runs.</summary>
public abstract partial class RunStoreCompliance
{
    private const int BatchSize = 64;

    private async Task QueueAsync(string tenant, int count)
    {
        for (int done = 0; done < count; done += 1000)
        {
            var batch = new CommitBatch();
            batch.Frames.AddRange(Enumerable.Range(0, Math.Min(1000, count - done)).Select(_ => Create(tenant, RowChange.CreateQueued)));
            await Store.CommitAsync(batch, default);
            Assert.All(batch.Frames, f => Assert.Equal(CommitOutcome.Committed, f.Outcome));
        }
    }

    [Fact]
    public async Task Claim_OneTenantWithALongQueue_SharesThePlacesAndTakesTurns()
    {
        await QueueAsync("loud", 200);
        await QueueAsync("shy", 3);
        await QueueAsync("calm", 12);
        IReadOnlyList<ClaimedRun> claimed = await Store.ClaimAsync(30, default);
        Assert.Equal((3, 12, 15), (claimed.Count(r => r.Tenant == "shy"), claimed.Count(r => r.Tenant == "calm"), claimed.Count(r => r.Tenant == "loud")));
        Assert.Equal(["calm", "loud", "shy"], claimed.Take(3).Select(r => r.Tenant).Order());
        Assert.Equal(["calm", "loud", "shy"], claimed.Skip(6).Take(3).Select(r => r.Tenant).Order());
        Assert.All(claimed.GroupBy(r => r.Tenant), tenant => Assert.Equal(tenant.Select(r => r.Run).Order(), tenant.Select(r => r.Run)));
    }

    [Fact]
    public async Task Claim_MoreTenantsThanPlaces_EachHasItsTurnBeforeAnyHasItsSecond()
    {
        for (int i = 0; i < 20; i++)
        {
            await QueueAsync($"t{(i * 7) % 20:00}", 3);
        }

        var order = new List<string>();
        for (int i = 0; i < 15; i++)
        {
            order.AddRange((await Store.ClaimAsync(4, default)).Select(r => r.Tenant));
        }

        Assert.Equal(60, order.Count);
        Assert.Equal(20, order.Take(20).Distinct().Count());
        Assert.Empty(await Store.ClaimAsync(4, default));
    }

    [Fact]
    public Task Claim_ManyQueuedOfOneTenant_DelayAnothersByOneBatchAtMost() => HoldDelayAsync(5_000);

    [Fact]
    [Trait("Suite", "slow")]
    public Task Claim_HundredThousandQueuedOfOneTenant_DelayAnothersByOneBatchAtMost() => HoldDelayAsync(100_000);

    private async Task HoldDelayAsync(int many)
    {
        await QueueAsync("loud", many);
        Assert.Equal(BatchSize, (await Store.ClaimAsync(BatchSize, default)).Count);
        await QueueAsync("shy", 1);
        IReadOnlyList<ClaimedRun> next = await Store.ClaimAsync(BatchSize, default);
        Assert.Equal(BatchSize, next.Count);
        // In the very next batch, and not at its end.
        Assert.Contains("shy", next.Take(2).Select(r => r.Tenant));
    }
}
