using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Triggers;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every store of triggers promises. One subclass an implementation.</summary>
public abstract class TriggerStoreCompliance : IAsyncLifetime
{
    private static readonly RunAuthority Some = new(PermissionSet.Parse(["network.http", "k8s.pods"]), new NamePatterns(["skill.*", "crm.read"]));

    protected abstract ITriggerStore Triggers { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    private static TriggerState New(string name = "nightly", long next = 5000, string tenant = "t1", string workflow = "flow") =>
        new(tenant, workflow, name) { Schedule = next == 0 ? "" : "0 2 * * *", NextAt = next, Owner = "user:1", Authority = Some };

    [Fact]
    public async Task Add_IsReadAsWrittenAndStands()
    {
        await Triggers.AddAsync(New(), default);
        await Triggers.AddAsync(New() with { Owner = "user:2", NextAt = 1 }, default);
        Assert.Equal(New(), await Triggers.FindAsync("t1", "flow", "nightly", default));
        var unrestricted = New("free") with { Authority = new RunAuthority(PermissionSet.EveryTool, null) };
        await Triggers.AddAsync(unrestricted, default);
        Assert.Equal(unrestricted, await Triggers.FindAsync("t1", "flow", "free", default));
        var limited = New("limited") with { Authority = Some with { Starts = new StartLimits([new RolePolicies { Workflows = new NamePatterns(["a b", "support*"]), MaxRunNanoDollars = 7 }, new RolePolicies { MaxRunNanoDollars = 3 }, new RolePolicies { Workflows = new NamePatterns(["x"]) }]) } };
        await Triggers.AddAsync(limited, default);
        Assert.Equal(limited, await Triggers.FindAsync("t1", "flow", "limited", default));
        limited = limited with { Authority = Some with { Starts = new StartLimits([]) } };
        Assert.True(await Triggers.ReplaceAsync(limited, default));
        Assert.Equal(limited with { Version = 1 }, await Triggers.FindAsync("t1", "flow", "limited", default));
    }

    [Fact]
    public async Task Replace_OfAnOlderVersion_WritesNothing()
    {
        await Triggers.AddAsync(New(), default);
        Assert.True(await Triggers.ReplaceAsync(New() with { IsPaused = true, LastAt = 4000, LastRun = "R" }, default));
        Assert.False(await Triggers.ReplaceAsync(New() with { NextAt = 9000 }, default));
        Assert.Equal(New() with { IsPaused = true, LastAt = 4000, LastRun = "R", Version = 1 }, await Triggers.FindAsync("t1", "flow", "nightly", default));
        await Triggers.RemoveAsync(New(), default);
        Assert.NotNull(await Triggers.FindAsync("t1", "flow", "nightly", default));
        await Triggers.RemoveAsync(New() with { Version = 1 }, default);
        Assert.Null(await Triggers.FindAsync("t1", "flow", "nightly", default));
    }

    [Fact]
    public async Task Due_IsWhatIsNotPausedAndHasATime()
    {
        await Triggers.AddAsync(New("a", 3000), default);
        await Triggers.AddAsync(New("b", 2000, tenant: "t2"), default);
        await Triggers.AddAsync(New("c", 1000) with { IsPaused = true }, default);
        await Triggers.AddAsync(New("hook", 0), default);
        Assert.Equal(["b"], (await Triggers.DueAsync(2999, 10, default)).Select(t => t.Name));
        Assert.Equal(["b", "a"], (await Triggers.DueAsync(3000, 10, default)).Select(t => t.Name));
        Assert.Single(await Triggers.DueAsync(3000, 1, default));
    }

    [Fact]
    public async Task Triggers_OfAnotherTenant_AreNotThere()
    {
        await Triggers.AddAsync(New("z"), default);
        await Triggers.AddAsync(New("a"), default);
        await Triggers.AddAsync(New("x", workflow: "b"), default);
        Assert.Equal(["b.x", "flow.a", "flow.z"], (await Triggers.ListAsync("t1", default)).Select(t => t.Id));
        Assert.Empty(await Triggers.ListAsync("t2", default));
        Assert.Null(await Triggers.FindAsync("t2", "flow", "a", default));
        Assert.False(await Triggers.ReplaceAsync(New("a", tenant: "t2"), default));
    }
}
