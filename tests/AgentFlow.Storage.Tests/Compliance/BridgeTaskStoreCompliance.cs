using System.Text;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every store of remote agents' tasks promises. One subclass an implementation.</summary>
public abstract class BridgeTaskStoreCompliance : IAsyncLifetime
{
    private const string Tenant = "t1";

    private readonly UlidFactory _ids = new(TimeProvider.System, CryptographicRandom.Shared);

    protected abstract IBridgeTaskStore Tasks { get; }

    /// <summary>Over the same database.</summary>
    protected abstract IRunStore Runs { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    private static ReadOnlyMemory<byte> Json(string text) => Encoding.UTF8.GetBytes(text);

    private BridgeTask New(Guid? id = null, string agent = "a", long at = 1000) => new(id ?? Guid.NewGuid(), _ids.Create(), "doc.read", Json("""{"n":1}"""))
    {
        Tenant = Tenant,
        Agent = agent,
        RequestedBy = "user:1",
        TraceId = "trace",
        Resources = new BridgeResources(3, 5000, 1),
        CreatedAt = at,
    };

    private async Task<BridgeTask> SentAsync(string agent = "a", long due = 9000, bool isLast = false, string tenant = Tenant)
    {
        BridgeTask task = await Tasks.AddAsync(tenant, New(agent: agent) with { Tenant = tenant }, default);
        Assert.True(await Tasks.BeginTryAsync(tenant, task.Id, new BridgeTry(agent, new StepAddress(4, 2), 1, 2000, due, isLast), default));
        return (await Tasks.FindAsync(tenant, task.Id, default))!;
    }

    private async Task<ReportOutcome> ReportAsync(BridgeTask task, BridgeTaskStatus status, string result = "", string error = "", string agent = "a") =>
        await Tasks.ReportAsync(task.Tenant, task.Id, new BridgeReport(agent, status, Json(result), Json(error), 3000), default);

    [Fact]
    public async Task Add_Again_GivesWhatStands()
    {
        BridgeTask task = New() with { ReplayOf = Guid.NewGuid() };
        BridgeTask added = await Tasks.AddAsync(Tenant, task, default);
        Assert.True(added.Number > 0);
        Assert.Equal((task.Id, task.Run, Tenant, "a", "doc.read", "user:1", "trace", task.Resources, task.ReplayOf, 1000L), (added.Id, added.Run, added.Tenant, added.Agent, added.Action, added.RequestedBy, added.TraceId, added.Resources, added.ReplayOf, added.CreatedAt));
        Assert.Equal("""{"n":1}""", Encoding.UTF8.GetString(added.Payload.Span));
        Assert.Equal((BridgeTaskStatus.Queued, 0, 0L, false, null), (added.Status, added.Tries, added.Due, added.IsDelivered, added.Address));
        BridgeTask again = await Tasks.AddAsync(Tenant, task with { Action = "other" }, default);
        Assert.Equal((added.Number, "doc.read"), (again.Number, again.Action));
        Assert.Single(await Tasks.HistoryAsync(Tenant, task.Id, default));
    }

    [Fact]
    public async Task Tasks_OfAnotherTenant_AreNotThere()
    {
        BridgeTask task = await SentAsync();
        Assert.Null(await Tasks.FindAsync("t2", task.Id, default));
        Assert.Empty(await Tasks.HistoryAsync("t2", task.Id, default));
        Assert.Empty((await Tasks.ListAsync("t2", new BridgeTaskFilter(), default)).Tasks);
        Assert.Empty(await Tasks.LoadsAsync("t2", default));
        Assert.False(await Tasks.BeginTryAsync("t2", task.Id, new BridgeTry("x", new StepAddress(1, 0), 2, 1, 2, false), default));
        Assert.Equal(ReportOutcome.Missing, await ReportAsync(task with { Tenant = "t2" }, BridgeTaskStatus.Succeeded, "1"));
        Assert.False(await Tasks.EndAsync("t2", task.Id, BridgeTaskStatus.Dead, Json("{}"), "", 1, default));
        await Tasks.NoteAsync("t2", task.Id, new BridgeTaskStep(1, BridgeTaskStatus.Queued, "x", "y"), 0, default);
        await Tasks.MarkDeliveredAsync("t2", task.Id, default);
        Assert.False(await Tasks.MarkReplayedAsync("t2", task.Id, Guid.NewGuid(), default));
        Assert.Equivalent(task, await Tasks.FindAsync(Tenant, task.Id, default));
    }

    [Fact]
    public async Task BeginTry_MovesForwardOnly()
    {
        BridgeTask task = await SentAsync();
        Assert.Equal((BridgeTaskStatus.Dispatched, 1, 9000L, new StepAddress(4, 2)), (task.Status, task.Tries, task.Due, task.Address));
        Assert.Equal(ReportOutcome.Moved, await ReportAsync(task, BridgeTaskStatus.InProgress));
        Assert.True(await Tasks.BeginTryAsync(Tenant, task.Id, new BridgeTry("b", new StepAddress(4, 2), 2, 4000, 9500, true), default));
        BridgeTask now = (await Tasks.FindAsync(Tenant, task.Id, default))!;
        Assert.Equal((BridgeTaskStatus.InProgress, "b", 2, true), (now.Status, now.Agent, now.Tries, now.IsLastTry));
        Assert.True(await Tasks.EndAsync(Tenant, task.Id, BridgeTaskStatus.TimedOut, Json("{}"), "late", 5000, default));
        Assert.False(await Tasks.BeginTryAsync(Tenant, task.Id, new BridgeTry("c", new StepAddress(4, 2), 3, 6000, 9900, true), default));
        Assert.Equal(["queued", "dispatched", "in_progress", "dispatched", "timed_out"], (await Tasks.HistoryAsync(Tenant, task.Id, default)).Select(h => h.Status.Word()));
    }

    [Fact]
    public async Task Note_EndsTheTry()
    {
        BridgeTask task = await SentAsync(isLast: true);
        await Tasks.NoteAsync(Tenant, task.Id, new BridgeTaskStep(2500, BridgeTaskStatus.Dispatched, "a", "429"), 0, default);
        BridgeTask now = (await Tasks.FindAsync(Tenant, task.Id, default))!;
        Assert.Equal((0, 0L, false, "a"), (now.Tries, now.Due, now.IsLastTry, now.Agent));
        Assert.Equal(new BridgeTaskStep(2500, BridgeTaskStatus.Dispatched, "a", "429"), (await Tasks.HistoryAsync(Tenant, task.Id, default))[^1]);
    }

    [Fact]
    public async Task Report_EachKind_HasItsOutcome()
    {
        BridgeTask task = await SentAsync();
        Assert.Equal(ReportOutcome.NotTheirs, await ReportAsync(task, BridgeTaskStatus.Accepted, agent: "b"));
        Assert.Equal(ReportOutcome.Moved, await ReportAsync(task, BridgeTaskStatus.InProgress));
        Assert.Equal(ReportOutcome.Known, await ReportAsync(task, BridgeTaskStatus.Accepted));
        Assert.Equal(ReportOutcome.Known, await ReportAsync(task, BridgeTaskStatus.InProgress));
        Assert.Equal(ReportOutcome.Moved, await ReportAsync(task, BridgeTaskStatus.Succeeded, """{"a":1,"b":2}"""));
        Assert.Equal(ReportOutcome.Known, await ReportAsync(task, BridgeTaskStatus.Succeeded, """{"a":1,"b":2}"""));
        Assert.Equal(ReportOutcome.Known, await ReportAsync(task, BridgeTaskStatus.Succeeded, """{ "b": 2, "a": 1 }"""));
        Assert.Equal(ReportOutcome.Known, await ReportAsync(task, BridgeTaskStatus.Accepted));
        Assert.Equal(ReportOutcome.Conflict, await ReportAsync(task, BridgeTaskStatus.Succeeded, """{"a":2}"""));
        Assert.Equal(ReportOutcome.Conflict, await ReportAsync(task, BridgeTaskStatus.Failed, "", "{}"));
        Assert.Equal(ReportOutcome.NotTheirs, await ReportAsync(task, BridgeTaskStatus.Succeeded, """{"a":1,"b":2}""", agent: "b"));
        Assert.Equal(ReportOutcome.Missing, await ReportAsync(task with { Id = Guid.NewGuid() }, BridgeTaskStatus.Accepted));
        BridgeTask ended = (await Tasks.FindAsync(Tenant, task.Id, default))!;
        Assert.Equal((BridgeTaskStatus.Succeeded, """{"a":1,"b":2}"""), (ended.Status, Encoding.UTF8.GetString(ended.Result.Span)));
        Assert.False(await Tasks.EndAsync(Tenant, task.Id, BridgeTaskStatus.TimedOut, Json("{}"), "", 1, default));
    }

    [Fact]
    public async Task Report_ManyAtOnce_OneMoves()
    {
        BridgeTask task = await SentAsync();
        ReportOutcome[] outcomes = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(() => ReportAsync(task, BridgeTaskStatus.Succeeded, $"{i}"))));
        int winner = Array.IndexOf(outcomes, ReportOutcome.Moved);
        Assert.Equal(15, outcomes.Count(o => o == ReportOutcome.Conflict));
        Assert.Equal($"{winner}", Encoding.UTF8.GetString((await Tasks.FindAsync(Tenant, task.Id, default))!.Result.Span));
    }

    [Fact]
    public async Task List_Pages_FollowEachOther()
    {
        var added = new List<Guid>();
        for (int i = 0; i < 5; i++)
        {
            added.Add((await SentAsync(agent: i % 2 == 0 ? "a" : "b")).Id);
        }

        await Tasks.EndAsync(Tenant, added[1], BridgeTaskStatus.Dead, Json("{}"), "gone", 5000, default);
        await Tasks.EndAsync(Tenant, added[3], BridgeTaskStatus.TimedOut, Json("{}"), "late", 5000, default);
        added.Reverse();
        BridgeTaskPage first = await Tasks.ListAsync(Tenant, new BridgeTaskFilter(Size: 2), default);
        Assert.Equal((5L, true), (first.Total, first.HasMore));
        BridgeTaskPage rest = await Tasks.ListAsync(Tenant, new BridgeTaskFilter(Before: first.Tasks[^1].Number, Size: 10), default);
        Assert.False(rest.HasMore);
        Assert.Equal(added, first.Tasks.Concat(rest.Tasks).Select(t => t.Id));
        Assert.Equal([added[1], added[3]], (await Tasks.ListAsync(Tenant, new BridgeTaskFilter(DeadOnly: true), default)).Tasks.Select(t => t.Id));
        Assert.Equal([added[3]], (await Tasks.ListAsync(Tenant, new BridgeTaskFilter(BridgeTaskStatus.Dead, "b", "doc.read"), default)).Tasks.Select(t => t.Id));
        Assert.Equal(0, (await Tasks.ListAsync(Tenant, new BridgeTaskFilter(Action: "other"), default)).Total);
        Assert.Equal(new Dictionary<string, int> { ["a"] = 3 }, await Tasks.LoadsAsync(Tenant, default));
    }

    [Fact]
    public async Task Due_ListsWhatHasNoFurtherTry_OrIsFarOver()
    {
        BridgeTask last = await SentAsync(due: 5000, isLast: true);
        BridgeTask other = await SentAsync(due: 5000, tenant: "t2");
        BridgeTask ended = await SentAsync(due: 5000, isLast: true);
        await Tasks.AddAsync(Tenant, New(), default);
        await ReportAsync(ended, BridgeTaskStatus.Succeeded, "1");
        Assert.Empty(await Tasks.DueAsync(4999, 0, 10, default));
        Assert.Equal([last.Id], (await Tasks.DueAsync(5000, 4999, 10, default)).Select(t => t.Id));
        Assert.Equal(new[] { last.Id, other.Id }.Order(), (await Tasks.DueAsync(5000, 5000, 10, default)).Select(t => t.Id).Order());
    }

    [Fact]
    public async Task Undelivered_EndsUntilTheRunKnows()
    {
        BridgeTask open = await SentAsync();
        BridgeTask ended = await SentAsync(tenant: "t2");
        Assert.Empty(await Tasks.UndeliveredAsync(0, 10, default));
        await Tasks.MarkDeliveredAsync(Tenant, open.Id, default);
        await ReportAsync(ended, BridgeTaskStatus.Failed, "", """{"code":"X","message":"y"}""");
        BridgeTask found = Assert.Single(await Tasks.UndeliveredAsync(0, 10, default));
        Assert.Equal((ended.Id, "t2"), (found.Id, found.Tenant));
        Assert.Empty(await Tasks.UndeliveredAsync(found.Number, 10, default));
        await Tasks.MarkDeliveredAsync("t2", ended.Id, default);
        Assert.Empty(await Tasks.UndeliveredAsync(0, 10, default));
    }

    [Fact]
    public async Task Abandoned_WhenTheRunHasEnded()
    {
        var run = new RunAppend
        {
            Tenant = Tenant,
            Run = _ids.Create(),
            FirstSeq = 0,
            Frame = new byte[] { 1 },
            Change = RowChange.Create,
            Then = RowChange.End,
            Status = RunStatus.Cancelled,
            Creation = new RunCreation("w", "1.0.0", new string('a', 64), null, ""),
            At = 1,
            NextSeq = 1,
        };
        await Runs.CommitAsync(new CommitBatch { Frames = { run } }, default);
        BridgeTask left = await Tasks.AddAsync(Tenant, new BridgeTask(Guid.NewGuid(), run.Run, "doc.read", Json("{}")) { Tenant = Tenant, CreatedAt = 1 }, default);
        await SentAsync();
        Assert.Equal([left.Id], (await Tasks.AbandonedAsync(0, 10, default)).Select(t => t.Id));
        Assert.Empty(await Tasks.AbandonedAsync(left.Number, 10, default));
        await Tasks.EndAsync(Tenant, left.Id, BridgeTaskStatus.Dead, Json("{}"), "", 5, default);
        Assert.Empty(await Tasks.AbandonedAsync(0, 10, default));
    }

    [Fact]
    public async Task MarkReplayed_ByTwo_TakesOne()
    {
        BridgeTask task = await SentAsync();
        (Guid one, Guid two) = (Guid.NewGuid(), Guid.NewGuid());
        Assert.False(await Tasks.MarkReplayedAsync(Tenant, task.Id, one, default));
        await Tasks.EndAsync(Tenant, task.Id, BridgeTaskStatus.Dead, Json("{}"), "", 5000, default);
        Assert.True(await Tasks.MarkReplayedAsync(Tenant, task.Id, one, default));
        Assert.True(await Tasks.MarkReplayedAsync(Tenant, task.Id, one, default));
        Assert.False(await Tasks.MarkReplayedAsync(Tenant, task.Id, two, default));
        Assert.Equal(one, (await Tasks.FindAsync(Tenant, task.Id, default))!.ReplayedAs);
    }

    [Fact]
    public async Task Forget_OnlyWhatIsOverAndKnown()
    {
        BridgeTask[] tasks = [await SentAsync(), await SentAsync(), await SentAsync()];
        await ReportAsync(tasks[0], BridgeTaskStatus.Succeeded, "1");
        await ReportAsync(tasks[1], BridgeTaskStatus.Succeeded, "1");
        await Tasks.MarkDeliveredAsync(Tenant, tasks[0].Id, default);
        Assert.Equal(0, await Tasks.ForgetAsync(3000, 10, default));
        Assert.Equal(1, await Tasks.ForgetAsync(3001, 10, default));
        Assert.Null(await Tasks.FindAsync(Tenant, tasks[0].Id, default));
        Assert.Empty(await Tasks.HistoryAsync(Tenant, tasks[0].Id, default));
        Assert.NotNull(await Tasks.FindAsync(Tenant, tasks[1].Id, default));
    }
}
