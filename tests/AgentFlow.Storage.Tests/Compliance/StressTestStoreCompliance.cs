using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.StressTests;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every store of stress tests promises. One subclass an implementation.</summary>
public abstract class StressTestStoreCompliance : IAsyncLifetime
{
    private const long Now = 1_700_000_000_000;

    protected abstract IStressTestStore Store { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    private static Ulid Id(int number) => new(Now + number, 0, (ulong)number);

    private static StressScenario Scenario(string tenant, int round, string hash = "h") => new(tenant, "s", Id(round), hash, "{}"u8.ToArray(), 2, Now + round);

    private static StressWorkflow Workflow(string tenant, int id, int? round = null, int position = 0) =>
        new(Id(id), tenant, $"w{id}", System.Text.Encoding.UTF8.GetBytes($$"""{"n":{{id}}}"""), Now) { Round = round is { } r ? Id(r) : null, Position = position };

    private static StressOutcome Outcome(string status = "completed", long at = Now + 500) => new(Id(900), status, Now, at, 4, 3, 1, 2, 1, 1, 2_500_000_000, "{\"d\":1}"u8.ToArray());

    [Fact]
    public async Task Scenario_WithItsWorkflows_IsReadAsAdded()
    {
        StressScenario added = await Store.AddScenarioAsync(Scenario("t1", 1), [Workflow("t1", 11, 1, 1), Workflow("t1", 10, 1)], default);
        Assert.Equal(Id(1), added.Round);
        StressScenario found = (await Store.FindScenarioAsync("t1", "s", default))!;
        Assert.Equal(("h", 2, Now + 1, (long?)null, "{}"), (found.RequestHash, found.Workflows, found.ReceivedAt, found.EndedAt, System.Text.Encoding.UTF8.GetString(found.Document.Span)));
        IReadOnlyList<StressWorkflow> workflows = await Store.WorkflowsAsync("t1", Id(1), default);
        Assert.Equal(["w10", "w11"], workflows.Select(w => w.Workflow));
        Assert.Equal((Id(1), 0, Now, (StressOutcome?)null), (workflows[0].Round, workflows[0].Position, workflows[0].ReceivedAt, workflows[0].Outcome));
        Assert.Empty(await Store.WorkflowsAsync("t2", Id(1), default));
    }

    [Fact]
    public async Task Scenario_WhileItsRoundIsUnderWay_IsNotAddedAgain()
    {
        await Store.AddScenarioAsync(Scenario("t1", 1), [Workflow("t1", 10, 1)], default);
        Assert.Equal(Id(1), (await Store.AddScenarioAsync(Scenario("t1", 2, "other"), [Workflow("t1", 20, 2)], default)).Round);
        Assert.Equal(1, await Store.CountPendingAsync(default));
        // Another tenant's has nothing to do with it.
        Assert.Equal(Id(3), (await Store.AddScenarioAsync(Scenario("t2", 3), [], default)).Round);

        Assert.True(await Store.EndScenarioAsync("t1", Id(1), "{\"r\":1}"u8.ToArray(), Now + 9, default));
        Assert.False(await Store.EndScenarioAsync("t1", Id(1), "{\"r\":2}"u8.ToArray(), Now + 10, default));
        StressScenario ended = (await Store.FindScenarioAsync("t1", "s", default))!;
        Assert.Equal((Now + 9, "{\"r\":1}"), (ended.EndedAt, System.Text.Encoding.UTF8.GetString(ended.Result.Span)));
        Assert.Equal([Id(3)], (await Store.OpenScenariosAsync(default)).Select(s => s.Round));
        Assert.Equal(Id(4), (await Store.AddScenarioAsync(Scenario("t1", 4), [], default)).Round);
    }

    [Fact]
    public async Task Find_WithoutATenant_TakesTheNewestOfAny()
    {
        await Store.AddScenarioAsync(Scenario("t1", 1), [], default);
        await Store.AddScenarioAsync(Scenario("t2", 2), [], default);
        await Store.AddWorkflowAsync(Workflow("t1", 10), null, default);
        Assert.Equal("t2", (await Store.FindScenarioAsync(null, "s", default))!.Tenant);
        Assert.Null(await Store.FindScenarioAsync("t3", "s", default));
        Assert.Equal("t1", (await Store.FindWorkflowAsync(null, Id(10), default))!.Tenant);
        Assert.Null(await Store.FindWorkflowAsync("t2", Id(10), default));
    }

    [Fact]
    public async Task Workflow_UnderTheSameKey_IsTheFirst()
    {
        Assert.Equal(Id(10), (await Store.AddWorkflowAsync(Workflow("t1", 10), "k", default)).Id);
        Assert.Equal(Id(10), (await Store.AddWorkflowAsync(Workflow("t1", 11), "k", default)).Id);
        Assert.Equal(Id(12), (await Store.AddWorkflowAsync(Workflow("t2", 12), "k", default)).Id);
        Assert.Equal(Id(13), (await Store.AddWorkflowAsync(Workflow("t1", 13), null, default)).Id);
        Assert.Equal(3, await Store.CountPendingAsync(default));
    }

    [Fact]
    public async Task Pending_IsWhatHasNotEnded_OldestFirst()
    {
        for (int i = 1; i <= 5; i++)
        {
            await Store.AddWorkflowAsync(Workflow(i % 2 == 0 ? "t2" : "t1", i), null, default);
        }

        await Store.EndWorkflowAsync("t2", Id(2), Outcome(), default);
        IReadOnlyList<StressWorkflow> first = await Store.PendingAsync(0, 2, default);
        Assert.Equal(["w1", "w3"], first.Select(w => w.Workflow));
        Assert.Equal(["w4", "w5"], (await Store.PendingAsync(first[^1].Number, 10, default)).Select(w => w.Workflow));
        Assert.Equal(["w1", "w3", "w5"], (await Store.PendingAsync("t1", 10, default)).Select(w => w.Workflow));
    }

    [Fact]
    public async Task Outcome_OfAWorkflow_IsTheFirstThatWasNoted()
    {
        await Store.AddWorkflowAsync(Workflow("t1", 10), null, default);
        await Store.EndWorkflowAsync("t2", Id(10), Outcome("failed"), default);
        await Store.EndWorkflowAsync("t1", Id(10), Outcome(), default);
        await Store.EndWorkflowAsync("t1", Id(10), Outcome("failed"), default);
        StressOutcome noted = (await Store.FindWorkflowAsync("t1", Id(10), default))!.Outcome!;
        Assert.Equal(Outcome() with { Details = default }, noted with { Details = default });
        Assert.Equal("{\"d\":1}", System.Text.Encoding.UTF8.GetString(noted.Details.Span));
    }

    [Fact]
    public async Task Totals_SumWhatATenantHas()
    {
        foreach ((int id, string status, long at) in new[] { (1, "completed", Now + 100), (2, "partial", Now + 1100), (3, "completed", Now + 1900) })
        {
            await Store.AddWorkflowAsync(Workflow("t1", id), null, default);
            await Store.EndWorkflowAsync("t1", Id(id), Outcome(status, at), default);
        }

        await Store.AddWorkflowAsync(Workflow("t1", 4), null, default);
        await Store.AddWorkflowAsync(Workflow("t2", 5), null, default);
        Assert.Equal(new StressTotals(1, 2, 1, 12, 9, 6, 3, 3, 7_500_000_000), await Store.TotalsAsync("t1", 0, default));
        Assert.Equal(new StressTotals(1, 1, 1, 8, 6, 4, 2, 2, 5_000_000_000), await Store.TotalsAsync("t1", Now + 1000, default));
        Assert.Equal(default, await Store.TotalsAsync("t3", 0, default));
        Assert.Equal(
            [new StressPoint(Now, new StressTotals(0, 1, 0, 4, 3, 2, 1, 1, 2_500_000_000)), new StressPoint(Now + 1000, new StressTotals(0, 1, 1, 8, 6, 4, 2, 2, 5_000_000_000))],
            await Store.PointsAsync("t1", Now, 1000, default));
    }

    [Fact]
    public async Task Writes_ThatComeTogether_AreAllKept()
    {
        await Task.WhenAll(Enumerable.Range(1, 200).Select(i => Store.AddWorkflowAsync(Workflow("t1", i), $"k{i % 100}", default).AsTask()));
        Assert.Equal(100, await Store.CountPendingAsync(default));
    }
}
