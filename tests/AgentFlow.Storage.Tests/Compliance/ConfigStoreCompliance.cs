using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every configuration store promises. One subclass an implementation.</summary>
public abstract class ConfigStoreCompliance : IAsyncLifetime
{
    protected abstract IConfigStore Config { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    private static ConfigChange Change(string setting, string? from, string? to, string workflow = "") => new(new ConfigKey(setting, workflow), from, to);

    private static ConfigVersion Version(long number, params ConfigChange[] changes) => new(number, 1000 + number, $"user:{number}", null, changes);

    [Fact]
    public async Task Read_Nothing_IsVersionZero()
    {
        ConfigState state = await Config.ReadAsync("t1", default);
        Assert.Equal(0, state.Version);
        Assert.Empty(state.Values);
        Assert.Empty(await Config.HistoryAsync("t1", long.MaxValue, 10, default));
        Assert.Empty(await Config.VersionsAsync(default));
    }

    [Fact]
    public async Task Append_Versions_TheNewestChangeHolds()
    {
        Assert.True(await Config.AppendAsync("t1", Version(1, Change("AF_A", null, "1"), Change("AF_A", null, "2", "flow")), default));
        Assert.True(await Config.AppendAsync("t1", Version(2, Change("AF_A", "1", "3"), Change("AF_B", null, "x\0y")), default));
        Assert.True(await Config.AppendAsync("t1", Version(3, Change("AF_A", "2", null, "flow")) with { RollbackTo = 0 }, default));
        ConfigState state = await Config.ReadAsync("t1", default);
        Assert.Equal(3, state.Version);
        Assert.Equal("3", state.Values[new ConfigKey("AF_A", "")]);
        Assert.StartsWith("x", state.Values[new ConfigKey("AF_B", "")]);
        Assert.Equal(2, state.Values.Count);
        Assert.Equal(0, (await Config.ReadAsync("t2", default)).Version);
        Assert.Equal(new Dictionary<string, long> { ["t1"] = 3 }, await Config.VersionsAsync(default));
    }

    [Fact]
    public async Task Append_VersionThatIsThere_WritesNothing()
    {
        Assert.True(await Config.AppendAsync("t1", Version(1, Change("AF_A", null, "1")), default));
        Assert.False(await Config.AppendAsync("t1", Version(1, Change("AF_A", null, "2"), Change("AF_B", null, "2")), default));
        ConfigState state = await Config.ReadAsync("t1", default);
        Assert.Equal(("1", 1), (Assert.Single(state.Values).Value, state.Version));
    }

    [Fact]
    public async Task Append_SameVersionAtOnce_OneWins()
    {
        bool[] written = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(async () => await Config.AppendAsync("t1", Version(1, Change("AF_A", null, $"{i}")), default))));
        Assert.Single(written, w => w);
        Assert.Equal($"{Array.IndexOf(written, true)}", (await Config.ReadAsync("t1", default)).Values[new ConfigKey("AF_A", "")]);
    }

    [Fact]
    public async Task History_Pages_FollowEachOther()
    {
        for (int i = 1; i <= 5; i++)
        {
            await Config.AppendAsync("t1", Version(i, Change("AF_A", i == 1 ? null : $"{i - 1}", $"{i}")) with { RollbackTo = i == 4 ? 2 : null }, default);
        }

        await Config.AppendAsync("t2", Version(1, Change("AF_A", null, "other")), default);
        IReadOnlyList<ConfigVersion> first = await Config.HistoryAsync("t1", long.MaxValue, 2, default);
        Assert.Equal([5L, 4], first.Select(v => v.Version));
        Assert.Equal(("user:5", 1005L, null), (first[0].Actor, first[0].At, first[0].RollbackTo));
        Assert.Equal(2, first[1].RollbackTo);
        Assert.Equal(Change("AF_A", "4", "5"), Assert.Single(first[0].Changes));
        Assert.Equal([3L, 2, 1], (await Config.HistoryAsync("t1", 4, 10, default)).Select(v => v.Version));
        Assert.Null((await Config.HistoryAsync("t1", 2, 1, default))[0].Changes[0].From);
    }
}
