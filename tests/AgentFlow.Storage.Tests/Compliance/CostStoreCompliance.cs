using AgentFlow.Engine.Costs;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every store of observed costs promises. One subclass an implementation.</summary>
public abstract class CostStoreCompliance : IAsyncLifetime
{
    private static readonly CostKey Tokens = new("step:w/a", "output_tokens");
    private static readonly CostKey Ok = new("step:w/a", "attempt:ok");

    protected abstract ICostStore Costs { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    [Fact]
    public async Task Add_Twice_AddsUp()
    {
        Assert.Empty(await Costs.ReadAsync("t1", default));
        await Costs.AddAsync("t1", [KeyValuePair.Create(Tokens, new Moments(2, 11.5, 66.25)), KeyValuePair.Create(Ok, new Moments(2, 0, 0))], default);
        await Costs.AddAsync("t1", [KeyValuePair.Create(Tokens, new Moments(1, -0.5, 0.25))], default);
        await Costs.AddAsync("t1", [], default);
        Dictionary<CostKey, Moments> read = new(await Costs.ReadAsync("t1", default));
        Assert.Equal(new Dictionary<CostKey, Moments> { [Tokens] = new(3, 11, 66.5), [Ok] = new(2, 0, 0) }, read);
    }

    [Fact]
    public async Task Read_AnotherTenant_SeesNothing()
    {
        await Costs.AddAsync("t1", [KeyValuePair.Create(Ok, new Moments(1, 0, 0))], default);
        Assert.Empty(await Costs.ReadAsync("t2", default));
    }

    [Fact]
    public async Task Add_ManyAtOnce_LosesNone()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
        {
            for (int n = 0; n < 20; n++)
            {
                await Costs.AddAsync("t1", (i % 2 == 0 ? new[] { Ok, Tokens } : [Tokens, Ok]).Select(k => KeyValuePair.Create(k, new Moments(1, 0.5, 0.25))).ToArray(), default);
            }
        })));
        Assert.All(await Costs.ReadAsync("t1", default), row => Assert.Equal(new Moments(160, 80, 40), row.Value));
    }
}
