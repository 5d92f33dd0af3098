using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every store of agents promises. One subclass an implementation.</summary>
public abstract class AgentStoreCompliance : IAsyncLifetime
{
    protected abstract IAgentStore Agents { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    private static RegisteredAgent Identity(string id, string name, params string[] capabilities) => new(id, name, "llm")
    {
        Role = "developer",
        Category = "delivery",
        Specialist = "development",
        Capabilities = capabilities,
        Budget = new AgentBudget(1000, null, 5_000_000_000) { Use = new(10, 2, 30) },
        Document = Payload.FromText("""{"metadata":{"version":"1.0.0"},"text":"ü\u0000"}"""),
        Digest = "d-" + id,
        CreatedAt = 100,
        UpdatedAt = 200,
    };

    private static RegisteredAgent Remote(string id, string name, long seen, params string[] capabilities) => new(id, name, AgentKinds.Remote)
    {
        BaseUrl = "http://127.0.0.1:1/" + id,
        Status = AgentStatus.Online,
        LastSeen = seen,
        Capabilities = capabilities,
        CreatedAt = seen,
        UpdatedAt = seen,
    };

    private static void AssertSame(RegisteredAgent expected, RegisteredAgent? actual)
    {
        Assert.NotNull(actual);
        Assert.Equal(expected.Capabilities, actual.Capabilities);
        Assert.Equal(expected with { Capabilities = [] }, actual with { Capabilities = [] });
    }

    [Fact]
    public async Task Create_Identity_IsFoundByIdAndName()
    {
        RegisteredAgent coder = Identity("id-1", "coder", "code.write", "doc.read");
        Assert.Equal(AgentWrite.Done, await Agents.CreateAsync("t1", coder, default));
        AssertSame(coder, await Agents.FindAsync("t1", "id-1", default));
        AssertSame(coder, await Agents.FindByNameAsync("t1", "coder", default));
        Assert.Null(await Agents.FindAsync("t1", "id-2", default));
        Assert.Null(await Agents.FindByNameAsync("t1", "coders", default));
    }

    [Fact]
    public async Task Create_TakenNameOrId_WritesNothing()
    {
        await Agents.CreateAsync("t1", Identity("id-1", "coder"), default);
        Assert.Equal(AgentWrite.NameTaken, await Agents.CreateAsync("t1", Identity("id-2", "coder", "x.y"), default));
        Assert.Equal(AgentWrite.IdTaken, await Agents.CreateAsync("t1", Identity("id-1", "other", "x.y"), default));
        Assert.Null(await Agents.FindAsync("t1", "id-2", default));
        Assert.Equal("coder", (await Agents.FindAsync("t1", "id-1", default))!.Name);
        Assert.Empty(await Agents.FindCapableAsync("t1", "x.y", default));
        Assert.Equal(AgentWrite.Done, await Agents.CreateAsync("t2", Identity("id-1", "coder"), default));
    }

    [Fact]
    public async Task Create_SameNameAtOnce_OneWins()
    {
        AgentWrite[] written = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(async () => await Agents.CreateAsync("t1", Identity($"id-{i}", "coder"), default))));
        Assert.Single(written, AgentWrite.Done);
        Assert.Equal(11, written.Count(w => w == AgentWrite.NameTaken));
        Assert.Equal($"id-{Array.IndexOf(written, AgentWrite.Done)}", (await Agents.FindByNameAsync("t1", "coder", default))!.Id);
        Assert.Equal(1, (await Agents.ListAsync("t1", new AgentFilter(), default)).Total);
    }

    [Fact]
    public async Task Update_ExpectedVersion_ReplacesWhatTheAgentIs()
    {
        await Agents.CreateAsync("t1", Identity("id-1", "coder", "code.write", "doc.read"), default);
        await Agents.AdjustLoadAsync("t1", "id-1", 4, default);
        RegisteredAgent changed = Identity("id-1", "writer", "doc.read", "doc.write") with
        {
            Role = "analyst",
            Category = "c",
            Specialist = "s",
            Status = AgentStatus.Disabled,
            BaseUrl = "http://x",
            Budget = new AgentBudget(null, 7, null) { Use = new(99, 99, 99) },
            Document = Payload.FromText("""{"a":1}"""),
            Digest = "",
            CreatedAt = 1,
            UpdatedAt = 300,
        };
        Assert.Equal(AgentWrite.Done, await Agents.UpdateAsync("t1", changed, 1, null, default));
        AssertSame(changed with { Version = 2, CreatedAt = 100, Load = 4, Budget = new AgentBudget(null, 7, null) { Use = new(10, 2, 30) } }, await Agents.FindAsync("t1", "id-1", default));
        Assert.Equal("id-1", Assert.Single(await Agents.FindCapableAsync("t1", "doc.write", default)).Id);
        Assert.Single(await Agents.FindCapableAsync("t1", "doc.read", default));
        Assert.Empty(await Agents.FindCapableAsync("t1", "code.write", default));
        Assert.Null(await Agents.FindByNameAsync("t1", "coder", default));

        Assert.Equal(AgentWrite.Done, await Agents.UpdateAsync("t1", changed, 2, new AgentSpend(1, 2, 3), default));
        Assert.Equal(new AgentSpend(1, 2, 3), (await Agents.FindAsync("t1", "id-1", default))!.Budget.Use);
    }

    [Fact]
    public async Task Update_StaleMissingOrTakenName_WritesNothing()
    {
        RegisteredAgent coder = Identity("id-1", "coder", "code.write");
        await Agents.CreateAsync("t1", coder, default);
        await Agents.CreateAsync("t1", Identity("id-2", "tester"), default);
        Assert.Equal(AgentWrite.Stale, await Agents.UpdateAsync("t1", Identity("id-1", "new", "x.y"), 2, null, default));
        Assert.Equal(AgentWrite.Missing, await Agents.UpdateAsync("t1", Identity("id-3", "new"), 1, null, default));
        Assert.Equal(AgentWrite.Missing, await Agents.UpdateAsync("t2", Identity("id-1", "new"), 1, null, default));
        Assert.Equal(AgentWrite.NameTaken, await Agents.UpdateAsync("t1", Identity("id-1", "tester", "x.y"), 1, null, default));
        AssertSame(coder, await Agents.FindAsync("t1", "id-1", default));
        Assert.Empty(await Agents.FindCapableAsync("t1", "x.y", default));
        Assert.Single(await Agents.FindCapableAsync("t1", "code.write", default));
    }

    [Fact]
    public async Task Update_SameVersionAtOnce_OneWins()
    {
        await Agents.CreateAsync("t1", Identity("id-1", "coder"), default);
        AgentWrite[] written = await Task.WhenAll(Enumerable.Range(0, 8).Select(i =>
            Task.Run(async () => await Agents.UpdateAsync("t1", Identity("id-1", "coder", $"c.{i}") with { Document = Payload.FromText($"{i}"), UpdatedAt = i }, 1, null, default))));
        Assert.Single(written, AgentWrite.Done);
        Assert.Equal(7, written.Count(w => w == AgentWrite.Stale));
        int winner = Array.IndexOf(written, AgentWrite.Done);
        Assert.Equal([$"c.{winner}"], (await Agents.FindAsync("t1", "id-1", default))!.Capabilities);
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal(i == winner ? 1 : 0, (await Agents.FindCapableAsync("t1", $"c.{i}", default)).Count);
        }
    }

    [Fact]
    public async Task UpsertRemote_Again_IsTheSameAgent()
    {
        RegisteredAgent first = Remote("reader", "Reader", 1000, "doc.read");
        Assert.Equal(AgentWrite.Done, await Agents.UpsertRemoteAsync("t1", first, default));
        AssertSame(first, await Agents.FindAsync("t1", "reader", default));

        await Agents.ReportDispatchAsync("t1", "reader", false, default);
        RegisteredAgent again = first with { LastSeen = 2000, UpdatedAt = 2000, CreatedAt = 2000 };
        Assert.Equal(AgentWrite.Replaced, await Agents.UpsertRemoteAsync("t1", again, default));
        AssertSame(again with { CreatedAt = 1000 }, await Agents.FindAsync("t1", "reader", default));

        RegisteredAgent moved = Remote("reader", "Reader 2", 1500, "doc.read", "doc.summarize") with { BaseUrl = "http://other", Status = AgentStatus.Degraded };
        Assert.Equal(AgentWrite.Replaced, await Agents.UpsertRemoteAsync("t1", moved, default));
        AssertSame(moved with { CreatedAt = 1000, LastSeen = 2000, Version = 2 }, await Agents.FindAsync("t1", "reader", default));
        Assert.Single(await Agents.FindCapableAsync("t1", "doc.summarize", default));
    }

    [Fact]
    public async Task UpsertRemote_WhatTheOperatorSet_Stays()
    {
        await Agents.UpsertRemoteAsync("t1", Remote("reader", "Reader", 1000), default);
        RegisteredAgent read = (await Agents.FindAsync("t1", "reader", default))!;
        await Agents.UpdateAsync("t1", read with { Role = "analyst", Category = "docs", Document = Payload.FromText("{\"x\":1}"), Budget = new AgentBudget(5) }, 1, null, default);
        await Agents.UpsertRemoteAsync("t1", Remote("reader", "Reader", 3000), default);
        read = (await Agents.FindAsync("t1", "reader", default))!;
        Assert.Equal(("analyst", "docs", "{\"x\":1}", 5L), (read.Role, read.Category, read.Document.ToString(), read.Budget.Tokens));
    }

    [Fact]
    public async Task UpsertRemote_IdOfAnIdentity_IsTaken()
    {
        RegisteredAgent coder = Identity("id-1", "coder");
        await Agents.CreateAsync("t1", coder, default);
        Assert.Equal(AgentWrite.IdTaken, await Agents.UpsertRemoteAsync("t1", Remote("id-1", "thief", 1, "x.y"), default));
        Assert.False(await Agents.HeartbeatAsync("t1", "id-1", new AgentHeartbeat(5, AgentStatus.Offline, "thief"), default));
        AssertSame(coder, await Agents.FindAsync("t1", "id-1", default));
        Assert.Empty(await Agents.FindCapableAsync("t1", "x.y", default));
    }

    [Fact]
    public async Task UpsertRemote_SharedNames_AreAllKept()
    {
        await Agents.UpsertRemoteAsync("t1", Remote("b", "worker", 1), default);
        await Agents.UpsertRemoteAsync("t1", Remote("a", "worker", 1), default);
        Assert.Equal("a", (await Agents.FindByNameAsync("t1", "worker", default))!.Id);
        Assert.Equal(AgentWrite.Done, await Agents.CreateAsync("t1", Identity("z", "worker"), default));
        Assert.Equal("z", (await Agents.FindByNameAsync("t1", "worker", default))!.Id);
        Assert.Equal(["a", "b", "z"], (await Agents.ListAsync("t1", new AgentFilter(), default)).Agents.Select(a => a.Id));
    }

    [Fact]
    public async Task Heartbeat_Plain_ChangesTimeAndStatusOnly()
    {
        RegisteredAgent reader = Remote("reader", "Reader", 1000, "doc.read");
        await Agents.UpsertRemoteAsync("t1", reader, default);
        Assert.True(await Agents.HeartbeatAsync("t1", "reader", new AgentHeartbeat(5000, AgentStatus.Degraded), default));
        AssertSame(reader with { LastSeen = 5000, Status = AgentStatus.Degraded }, await Agents.FindAsync("t1", "reader", default));
        Assert.True(await Agents.HeartbeatAsync("t1", "reader", new AgentHeartbeat(4000), default));
        AssertSame(reader with { LastSeen = 5000, Status = AgentStatus.Online }, await Agents.FindAsync("t1", "reader", default));
        Assert.False(await Agents.HeartbeatAsync("t1", "nobody", new AgentHeartbeat(4000), default));
        Assert.False(await Agents.HeartbeatAsync("t2", "reader", new AgentHeartbeat(9000), default));
        Assert.Equal(5000, (await Agents.FindAsync("t1", "reader", default))!.LastSeen);
    }

    [Fact]
    public async Task Heartbeat_WithNews_ChangesWhatItNames()
    {
        RegisteredAgent reader = Remote("reader", "Reader", 1000, "doc.read");
        await Agents.UpsertRemoteAsync("t1", reader, default);
        await Agents.HeartbeatAsync("t1", "reader", new AgentHeartbeat(2000, Name: "Reader", BaseUrl: reader.BaseUrl, Capabilities: ["doc.read"]), default);
        AssertSame(reader with { LastSeen = 2000 }, await Agents.FindAsync("t1", "reader", default));
        await Agents.HeartbeatAsync("t1", "reader", new AgentHeartbeat(3000, Capabilities: ["doc.write"]), default);
        AssertSame(reader with { LastSeen = 3000, Capabilities = ["doc.write"], Version = 2, UpdatedAt = 3000 }, await Agents.FindAsync("t1", "reader", default));
        Assert.Empty(await Agents.FindCapableAsync("t1", "doc.read", default));
        Assert.Single(await Agents.FindCapableAsync("t1", "doc.write", default));
        await Agents.HeartbeatAsync("t1", "reader", new AgentHeartbeat(4000, Name: "Moved", BaseUrl: "http://n"), default);
        AssertSame(reader with { LastSeen = 4000, Name = "Moved", BaseUrl = "http://n", Capabilities = ["doc.write"], Version = 3, UpdatedAt = 4000 }, await Agents.FindAsync("t1", "reader", default));
    }

    [Fact]
    public async Task ReportDispatch_ThreeFailures_DegradeUntilASuccess()
    {
        await Agents.UpsertRemoteAsync("t1", Remote("reader", "Reader", 1000), default);
        async Task<(string, int)> StateAsync() => (await Agents.FindAsync("t1", "reader", default)) is { } a ? (a.Status, a.Failures) : default;
        await Agents.ReportDispatchAsync("t1", "reader", false, default);
        await Agents.ReportDispatchAsync("t1", "reader", false, default);
        Assert.Equal((AgentStatus.Online, 2), await StateAsync());
        await Agents.ReportDispatchAsync("t1", "reader", false, default);
        Assert.Equal((AgentStatus.Degraded, 3), await StateAsync());
        await Agents.HeartbeatAsync("t1", "reader", new AgentHeartbeat(2000), default);
        Assert.Equal((AgentStatus.Degraded, 3), await StateAsync());
        Assert.True(await Agents.ReportDispatchAsync("t1", "reader", true, default));
        Assert.Equal((AgentStatus.Online, 0), await StateAsync());

        await Agents.HeartbeatAsync("t1", "reader", new AgentHeartbeat(3000, AgentStatus.Degraded), default);
        await Agents.ReportDispatchAsync("t1", "reader", true, default);
        Assert.Equal((AgentStatus.Degraded, 0), await StateAsync());
        Assert.False(await Agents.ReportDispatchAsync("t2", "reader", true, default));
    }

    [Fact]
    public async Task AdjustLoad_Concurrent_AddsUpAndNeverFallsBelowZero()
    {
        await Agents.UpsertRemoteAsync("t1", Remote("reader", "Reader", 1000), default);
        Assert.All(await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => Task.Run(async () => await Agents.AdjustLoadAsync("t1", "reader", 1, default)))), Assert.True);
        Assert.Equal(40, (await Agents.FindAsync("t1", "reader", default))!.Load);
        await Agents.AdjustLoadAsync("t1", "reader", -39, default);
        await Agents.AdjustLoadAsync("t1", "reader", -5, default);
        Assert.Equal(0, (await Agents.FindAsync("t1", "reader", default))!.Load);
        Assert.False(await Agents.AdjustLoadAsync("t1", "nobody", 1, default));
    }

    [Fact]
    public async Task Spend_Concurrent_AddsUpAndNeverExceedsTheMost()
    {
        bool[] taken = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => Task.Run(async () => await Agents.SpendAsync("t1", "id-1", "2026-11", 3, 100, default))));
        Assert.Equal(33, taken.Count(t => t));
        Assert.True(await Agents.SpendAsync("t1", "id-1", "2026-11", 1, 100, default));
        Assert.False(await Agents.SpendAsync("t1", "id-1", "2026-11", 1, 100, default));
        // Another month, agent or tenant has its own; the first amount of one is held against the most as well.
        Assert.False(await Agents.SpendAsync("t1", "id-1", "2026-12", 101, 100, default));
        Assert.True(await Agents.SpendAsync("t1", "id-1", "2026-12", 100, 100, default));
        Assert.True(await Agents.SpendAsync("t1", "id-2", "2026-11", 100, 100, default));
        Assert.True(await Agents.SpendAsync("t2", "id-1", "2026-11", 100, 100, default));
        // What is given back can be spent again, and nobody gains by giving more.
        Assert.True(await Agents.SpendAsync("t1", "id-1", "2026-11", -1000, long.MaxValue, default));
        Assert.False(await Agents.SpendAsync("t1", "id-1", "2026-11", 101, 100, default));
        Assert.True(await Agents.SpendAsync("t1", "id-1", "2026-11", 100, 100, default));
        Assert.True(await Agents.SpendAsync("t1", "id-1", "2026-11", 50, long.MaxValue, default));
        Assert.False(await Agents.SpendAsync("t1", "id-1", "2026-11", 1, 100, default));
    }

    [Fact]
    public async Task SetStatus_OnlyFromTheStatusesThatAreNamed()
    {
        await Agents.CreateAsync("t1", Identity("id-1", "coder"), default);
        Assert.True(await Agents.SetStatusAsync("t1", "id-1", [AgentStatus.Idle, AgentStatus.Active], AgentStatus.Active, 500, default));
        Assert.False(await Agents.SetStatusAsync("t1", "id-1", [AgentStatus.Disabled, "act"], AgentStatus.Idle, 600, default));
        RegisteredAgent coder = (await Agents.FindAsync("t1", "id-1", default))!;
        Assert.Equal((AgentStatus.Active, 500L, 1L), (coder.Status, coder.LastSeen, coder.Version));
        Assert.True(await Agents.SetStatusAsync("t1", "id-1", null, AgentStatus.Idle, 400, default));
        Assert.Equal(500, (await Agents.FindAsync("t1", "id-1", default))!.LastSeen);
        Assert.False(await Agents.SetStatusAsync("t2", "id-1", null, AgentStatus.Active, 900, default));
    }

    [Fact]
    public async Task List_Filters_ArePagedByName()
    {
        for (int i = 0; i < 7; i++)
        {
            await Agents.CreateAsync("t1", Identity($"id-{i}", $"agent-{(char)('g' - i)}", i % 2 == 0 ? ["even"] : []) with { Role = i < 3 ? "tester" : "developer", Category = i == 5 ? "x" : "y" }, default);
        }

        await Agents.UpsertRemoteAsync("t1", Remote("r", "agent-d", 1, "even"), default);
        await Agents.CreateAsync("t2", Identity("other", "other"), default);
        AgentPage page = await Agents.ListAsync("t1", new AgentFilter(Size: 3), default);
        Assert.Equal(["agent-a", "agent-b", "agent-c"], page.Agents.Select(a => a.Name));
        Assert.Equal((8L, true), (page.Total, page.HasMore));
        page = await Agents.ListAsync("t1", new AgentFilter(After: ("agent-d", "id-3"), Size: 4), default);
        Assert.Equal(["r", "id-2", "id-1", "id-0"], page.Agents.Select(a => a.Id));
        Assert.False(page.HasMore);
        Assert.Equal(["id-2", "id-1", "id-0"], (await Agents.ListAsync("t1", new AgentFilter(Role: "tester"), default)).Agents.Select(a => a.Id));
        Assert.Equal(["id-5"], (await Agents.ListAsync("t1", new AgentFilter(Category: "x", Specialist: "development", Kind: "llm", Status: "idle"), default)).Agents.Select(a => a.Id));
        Assert.Equal(5, (await Agents.ListAsync("t1", new AgentFilter(Capability: "even"), default)).Total);
        Assert.Equal(["r"], (await Agents.ListAsync("t1", new AgentFilter(Capability: "even", Status: "online"), default)).Agents.Select(a => a.Id));
        Assert.Equal(0, (await Agents.ListAsync("t3", new AgentFilter(), default)).Total);
    }

    [Fact]
    public async Task FindCapable_IsTheTenantsOwn_ById()
    {
        await Agents.UpsertRemoteAsync("t1", Remote("b", "1", 1, "doc.read"), default);
        await Agents.UpsertRemoteAsync("t1", Remote("a", "2", 1, "doc.read", "doc.read.fast"), default);
        await Agents.UpsertRemoteAsync("t2", Remote("c", "3", 1, "doc.read"), default);
        Assert.Equal(["a", "b"], (await Agents.FindCapableAsync("t1", "doc.read", default)).Select(a => a.Id));
        Assert.Empty(await Agents.FindCapableAsync("t1", "doc", default));
    }

    [Fact]
    public async Task SweepOffline_TheSilent_AreOfflineOnce()
    {
        await Agents.UpsertRemoteAsync("t1", Remote("old", "Old", 1000), default);
        await Agents.UpsertRemoteAsync("t2", Remote("older", "Older", 900) with { Status = AgentStatus.Degraded }, default);
        await Agents.UpsertRemoteAsync("t1", Remote("new", "New", 2000), default);
        await Agents.CreateAsync("t1", Identity("id", "coder"), default);
        Assert.Equal(
            [new SilentAgent("t1", "old", "Old", 1000), new SilentAgent("t2", "older", "Older", 900)],
            (await Agents.SweepOfflineAsync(2000, default)).OrderBy(s => s.Tenant, StringComparer.Ordinal));
        Assert.Empty(await Agents.SweepOfflineAsync(2000, default));
        Assert.Equal(AgentStatus.Offline, (await Agents.FindAsync("t1", "old", default))!.Status);
        Assert.Equal(AgentStatus.Online, (await Agents.FindAsync("t1", "new", default))!.Status);
        Assert.Equal(AgentStatus.Idle, (await Agents.FindAsync("t1", "id", default))!.Status);
        await Agents.HeartbeatAsync("t1", "old", new AgentHeartbeat(3000), default);
        Assert.Equal(AgentStatus.Online, (await Agents.FindAsync("t1", "old", default))!.Status);
    }

    [Fact]
    public async Task Delete_OfTheExpectedVersion_IsGone()
    {
        await Agents.CreateAsync("t1", Identity("id-1", "coder", "code.write"), default);
        Assert.Equal(AgentWrite.Missing, await Agents.DeleteAsync("t2", "id-1", null, default));
        Assert.Equal(AgentWrite.Stale, await Agents.DeleteAsync("t1", "id-1", 7, default));
        Assert.Single(await Agents.FindCapableAsync("t1", "code.write", default));
        Assert.Equal(AgentWrite.Done, await Agents.DeleteAsync("t1", "id-1", 1, default));
        Assert.Equal(AgentWrite.Missing, await Agents.DeleteAsync("t1", "id-1", null, default));
        Assert.Null(await Agents.FindAsync("t1", "id-1", default));
        Assert.Equal(AgentWrite.Done, await Agents.CreateAsync("t1", Identity("id-1", "coder"), default));
        Assert.Empty(await Agents.FindCapableAsync("t1", "code.write", default));
    }

    [Fact]
    public async Task Stats_CountEachProperty()
    {
        AgentStats none = await Agents.StatsAsync("t1", default);
        Assert.Equal((0L, 0, default(AgentSpend)), (none.Total, none.ByRole.Count, none.Use));
        await Agents.CreateAsync("t1", Identity("id-1", "coder"), default);
        await Agents.CreateAsync("t1", Identity("id-2", "tester") with { Role = "tester", Budget = new AgentBudget(NanoDollars: 10) { Use = new(1, 1, 11) } }, default);
        await Agents.UpsertRemoteAsync("t1", Remote("r", "r", 1), default);
        await Agents.CreateAsync("t2", Identity("id-3", "coder"), default);
        AgentStats stats = await Agents.StatsAsync("t1", default);
        Assert.Equal((3L, 1L), (stats.Total, stats.OverBudget));
        Assert.Equal(new Dictionary<string, long> { ["llm"] = 2, ["remote"] = 1 }, stats.ByKind);
        Assert.Equal(new Dictionary<string, long> { ["developer"] = 1, ["tester"] = 1, [""] = 1 }, stats.ByRole);
        Assert.Equal(new Dictionary<string, long> { ["delivery"] = 2, [""] = 1 }, stats.ByCategory);
        Assert.Equal(new Dictionary<string, long> { ["idle"] = 2, ["online"] = 1 }, stats.ByStatus);
        Assert.Equal(new AgentSpend(1000, 0, 5_000_000_010), stats.Limits);
        Assert.Equal(new AgentSpend(11, 3, 41), stats.Use);
    }

    [Fact]
    public async Task EveryWrite_ManyAtOnce_EachSucceedsOrFailsByItself()
    {
        await Agents.CreateAsync("t1", Identity("taken", "taken"), default);
        AgentWrite[] written = await Task.WhenAll(Enumerable.Range(0, 300).Select(i => Task.Run(async () => i % 3 == 0
            ? await Agents.CreateAsync("t1", Identity($"id-{i}", "taken"), default)
            : await Agents.UpsertRemoteAsync("t1", Remote($"r-{i}", "r", i, "x.y"), default))));
        Assert.Equal(100, written.Count(w => w == AgentWrite.NameTaken));
        Assert.Equal(200, written.Count(w => w == AgentWrite.Done));
        Assert.Equal(200, (await Agents.FindCapableAsync("t1", "x.y", default)).Count);
        Assert.Equal(201, (await Agents.ListAsync("t1", new AgentFilter(Size: 1), default)).Total);
    }
}
