using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every store of tasks for people promises. One subclass an implementation.</summary>
public abstract class HumanTaskStoreCompliance : IAsyncLifetime
{
    private const string Tenant = "t1";

    private readonly UlidFactory _ids = new(TimeProvider.System, CryptographicRandom.Shared);

    protected abstract IHumanTaskStore Tasks { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    private HumanTask New(string tenant = Tenant, string approval = "", Ulid? run = null, int step = 3, string? role = "approver", long timeout = 5000) => HumanTask.Create(
        _ids.Create(),
        tenant,
        run ?? _ids.Create(),
        new StepAddress(step, 2),
        approval,
        "flow",
        "ask#1",
        new HumanTaskOrder
        {
            Title = "Look\0at it",
            Data = Payload.FromText("""{"n":1}"""),
            Form = ApprovalRequest.Form,
            To = new Assignee(role, role is null ? "anna" : null),
            Priority = 8,
            Timeout = timeout == 0 ? null : TimeSpan.FromMilliseconds(timeout),
            Escalations = timeout == 0 ? [] : [new Escalation(TimeSpan.FromMilliseconds(timeout / 2), new Assignee(null, "bob"))],
        },
        1000);

    private async Task<HumanTask> FoundAsync(HumanTask task) => (await Tasks.FindAsync(task.Tenant, task.Id, default))!;

    [Fact]
    public async Task Add_IsReadAsWritten()
    {
        HumanTask task = New();
        Assert.Equal(task.Id, (await Tasks.AddAsync(task, default)).Id);
        Assert.Equivalent(task, await FoundAsync(task), strict: true);
    }

    [Fact]
    public async Task Add_ForTheSameStepAndApproval_GivesWhatStands()
    {
        HumanTask task = New();
        await Tasks.AddAsync(task, default);
        Assert.Equal(task.Id, (await Tasks.AddAsync(New(run: task.Run), default)).Id);
        HumanTask approval = New(run: task.Run, approval: "step");
        Assert.Equal(approval.Id, (await Tasks.AddAsync(approval, default)).Id);
        Assert.Equal(2, (await Tasks.ListAsync(Tenant, new HumanTaskFilter(), default)).Total);
    }

    [Fact]
    public async Task Replace_OfAnOlderVersion_WritesNothing()
    {
        HumanTask task = await Tasks.AddAsync(New(), default);
        Assert.True(await Tasks.ReplaceAsync(task.Claim("user:anna", 1100), default));
        Assert.False(await Tasks.ReplaceAsync(task.Claim("user:bob", 1200), default));
        HumanTask claimed = await FoundAsync(task);
        Assert.Equal((HumanTaskStatus.Claimed, "user:anna", 1), (claimed.Status, claimed.ClaimedBy, claimed.Version));
        HumanTask done = claimed.Complete(Payload.FromText("""{"approved":true}"""), "user:anna", "key", 1300);
        Assert.True(await Tasks.ReplaceAsync(done, default));
        Assert.Equivalent(done with { Version = 2 }, await FoundAsync(task), strict: true);
        Assert.False(await Tasks.ReplaceAsync(claimed.Cancel(1400), default));
    }

    [Fact]
    public async Task Tasks_OfAnotherTenant_AreNotThere()
    {
        HumanTask task = await Tasks.AddAsync(New(), default);
        Assert.Null(await Tasks.FindAsync("t2", task.Id, default));
        Assert.Empty((await Tasks.ListAsync("t2", new HumanTaskFilter(), default)).Tasks);
        Assert.Empty(await Tasks.OfStepAsync("t2", task.Run, 3, default));
        Assert.False(await Tasks.ReplaceAsync(task.Claim("user:eve", 1) with { Tenant = "t2" }, default));
    }

    [Fact]
    public async Task List_FiltersAndPages()
    {
        HumanTask[] tasks = [New(), New(role: null), New(approval: "step"), New(role: "other", timeout: 0)];
        foreach (HumanTask task in tasks)
        {
            await Tasks.AddAsync(task, default);
        }

        await Tasks.ReplaceAsync(tasks[0].Complete(Payload.Null, "user:anna", "", 1300), default);
        async Task<Ulid[]> IdsAsync(HumanTaskFilter filter) => [.. (await Tasks.ListAsync(Tenant, filter, default)).Tasks.Select(t => t.Id)];
        Assert.Equal([tasks[3].Id, tasks[2].Id, tasks[1].Id, tasks[0].Id], await IdsAsync(new HumanTaskFilter()));
        Assert.Equal([tasks[3].Id, tasks[2].Id, tasks[1].Id], await IdsAsync(new HumanTaskFilter(OpenOnly: true)));
        Assert.Equal([tasks[0].Id], await IdsAsync(new HumanTaskFilter(Status: HumanTaskStatus.Completed)));
        Assert.Equal([tasks[2].Id], await IdsAsync(new HumanTaskFilter(Approvals: true)));
        Assert.Equal([tasks[3].Id, tasks[1].Id, tasks[0].Id], await IdsAsync(new HumanTaskFilter(Approvals: false)));
        Assert.Equal([tasks[3].Id], await IdsAsync(new HumanTaskFilter(Role: "other")));
        Assert.Equal([tasks[1].Id], await IdsAsync(new HumanTaskFilter(User: "anna")));
        Assert.Equal([tasks[2].Id], await IdsAsync(new HumanTaskFilter(Run: tasks[2].Run)));
        HumanTaskPage page = await Tasks.ListAsync(Tenant, new HumanTaskFilter(Before: tasks[3].Id, Size: 2), default);
        Assert.Equal([tasks[2].Id, tasks[1].Id], page.Tasks.Select(t => t.Id));
        Assert.Equal((4L, true), (page.Total, page.HasMore));
    }

    [Fact]
    public async Task Due_IsWhatTimeChangesNext()
    {
        HumanTask task = await Tasks.AddAsync(New(timeout: 4000), default);
        await Tasks.AddAsync(New(timeout: 0), default);
        Assert.Empty(await Tasks.DueAsync(2999, 10, default));
        Assert.Equal([task.Id], (await Tasks.DueAsync(3000, 10, default)).Select(t => t.Id));
        Assert.True(await Tasks.ReplaceAsync(task.Age(3000), default));
        Assert.Empty(await Tasks.DueAsync(4999, 10, default));
        HumanTask due = Assert.Single(await Tasks.DueAsync(5000, 10, default));
        Assert.Equal((1, new Assignee(null, "bob")), (due.Level, due.To));
        Assert.True(await Tasks.ReplaceAsync(due.Age(5000), default));
        Assert.Empty(await Tasks.DueAsync(long.MaxValue, 10, default));
        Assert.Equal([task.Id], (await Tasks.UndeliveredAsync(default, 10, default)).Select(t => t.Id));
    }

    [Fact]
    public async Task Undelivered_AreEndsThatNoRunKnows()
    {
        HumanTask task = await Tasks.AddAsync(New(), default);
        await Tasks.ReplaceAsync(task.Complete(Payload.Null, "user:anna", "", 1300), default);
        HumanTask ended = Assert.Single(await Tasks.UndeliveredAsync(default, 10, default));
        Assert.Empty(await Tasks.UndeliveredAsync(task.Id, 10, default));
        Assert.Empty(await Tasks.OfStepAsync(Tenant, task.Run, 3, default));
        Assert.True(await Tasks.ReplaceAsync(ended with { IsDelivered = true }, default));
        Assert.Empty(await Tasks.UndeliveredAsync(default, 10, default));
    }
}
