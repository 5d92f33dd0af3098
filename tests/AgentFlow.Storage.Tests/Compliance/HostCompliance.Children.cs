using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Steps;

namespace AgentFlow.Storage.Tests.Compliance;

/// <content>Steps that other runs do.</content>
public abstract partial class HostCompliance
{
    private static CallNode Child(string id, string workflow, string versions = "*", bool cancels = true, TimeSpan? timeout = null, RetryPolicy? retry = null, CallNode? undo = null) => new()
    {
        Id = id,
        Tool = new WorkflowTool(workflow),
        Child = new ChildCall(workflow, VersionRange.Parse(versions), cancels),
        Timeout = timeout,
        Retry = retry ?? RetryPolicy.None,
        Compensation = undo,
    };

    private async Task<WorkflowDefinition> Publish(string name, string version, PlanNode root, RunPolicies? policies = null)
    {
        var definition = new WorkflowDefinition(root)
        {
            Name = name,
            Version = version,
            Hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(name + version))),
            Planner = "test",
            Source = new WorkflowSource("", WorkflowAssets.Empty, name + version),
            Policies = policies ?? RunPolicies.Default,
        };
        _definitions[name + version] = definition;
        await Catalogue.SaveAsync("t1", new StoredWorkflow(name, version, definition.Hash, "test", "", definition.Source, 0), default);
        return definition;
    }

    private async Task<RunRow> OnlyChild(Ulid parent)
    {
        RunPage page = await Store.ListAsync("t1", new RunFilter(Parent: parent), default);
        return Assert.Single(page.Rows);
    }

    [Fact]
    public async Task Child_HighestVersionThatFits_DoesTheStepAndItsOutputIsTheSteps()
    {
        foreach (string version in new[] { "1.2.0", "1.3.0", "2.0.0", "1.4.0-beta" })
        {
            await Publish("billing", version, Chain(new PassNode { Id = "a" }, new WaitNode { Id = "go", Signal = "go" }));
        }

        var after = new Ledger();
        StartOutcome start = await Host.StartAsync(Request(await Define(Chain(Child("bill", "billing", "1.x"), Call("after", after))), """{"n":1}"""), default).WaitAsync(Patience);
        await UntilAsync(start.Run, RunStatus.Waiting);
        RunRow child = await OnlyChild(start.Run);
        Assert.Equal(("billing", "1.3.0", start.Run), (child.Workflow, child.Version, child.Parent));
        await UntilAsync(child.Run, RunStatus.Waiting);
        await Evicted();
        await Publish("billing", "1.9.0", Chain(new PassNode { Id = "a" }));
        await RestartAsync();
        await Send(child.Run, "7", "s");
        RunEnd end = (await End(start.Run))!;
        Assert.Equal((RunStatus.Completed, "7"), (end.Status, end.Output!.ToString()));
        Assert.Equal("7", Encoding.UTF8.GetString(Assert.Single(after.Calls).Input.Span));
        ChildStarted started = Assert.Single((await Journal(start.Run)).OfType<ChildStarted>());
        Assert.Equal((child.Run, "1.3.0"), (started.Child, started.Version));
        List<JournalEvent> childJournal = await Journal(child.Run);
        Assert.Equal((start.Run, 1), childJournal.OfType<RunAdopted>().Select(a => (a.Parent, a.Depth)).Single());
        Assert.Equal("""{"n":1}""", ((RunStarted)childJournal[0]).Input.ToString());
        Assert.Equal(((RunStarted)(await Journal(start.Run))[0]).TraceId, ((RunStarted)childJournal[0]).TraceId);
    }

    [Fact]
    public async Task Child_ThatEndsWhileItIsCreated_AnswersItsParent()
    {
        await Publish("quick", "1.0.0", Chain(new PassNode { Id = "a" }));
        WorkflowDefinition definition = await Define(Chain(Child("a", "quick"), Child("b", "quick")));
        for (int i = 0; i < 20; i++)
        {
            (_, RunEnd end) = await Host.ExecuteAsync(Request(definition, $$"""{"n":{{i}}}"""), default).WaitAsync(Patience);
            Assert.Equal((RunStatus.Completed, $$"""{"n":{{i}}}"""), (end.Status, end.Output!.ToString()));
        }
    }

    [Theory]
    [InlineData("nothing", "*", "There is no workflow 'nothing'")]
    [InlineData("known", "3.x", "there is 1.0.0")]
    public async Task Child_NoSuchVersion_FailsTheStepAndNamesTheRemedy(string name, string versions, string words)
    {
        await Publish("known", "1.0.0", Chain(new PassNode { Id = "a" }));
        (_, RunEnd end) = await Host.ExecuteAsync(Request(await Define(Chain(Child("a", name, versions)))), default).WaitAsync(Patience);
        Assert.Equal((RunStatus.Failed, "WORKFLOW_NOT_FOUND"), (end.Status, end.Error!.Code));
        Assert.Contains(words, end.Error.Message);
    }

    [Fact]
    public async Task Child_Failure_IsTheStepsFailureAndEachRetryIsANewChild()
    {
        int calls = 0;
        var ledger = new Ledger((call, _) => ValueTask.FromResult(Interlocked.Increment(ref calls) < 3
            ? StepOutcome.Failure("BROKE", ErrorCategory.Transient, "no") with { CostNanoDollars = 10 }
            : StepOutcome.Success("5"u8.ToArray()) with { CostNanoDollars = 1 }));
        await Publish("flaky", "1.0.0", Chain(Call("try", ledger)));
        WorkflowDefinition definition = await Define(Chain(Child("a", "flaky", retry: new RetryPolicy { MaxAttempts = 3, Initial = TimeSpan.FromMilliseconds(5) })));
        (StartOutcome start, RunEnd end) = await Host.ExecuteAsync(Request(definition), default).WaitAsync(Patience);
        Assert.Equal((RunStatus.Completed, "5", 21L), (end.Status, end.Output!.ToString(), end.CostNanoDollars));
        ChildStarted[] started = [.. (await Journal(start.Run)).OfType<ChildStarted>()];
        Assert.Equal(3, started.Select(s => s.Child).Distinct().Count());
        int[] generations = await Task.WhenAll(started.Select(async s => (await Journal(s.Child)).OfType<RunAdopted>().Single().Generation));
        Assert.Equal([0, 1, 2], generations);
        Assert.Equal(3, ledger.Calls.Select(c => c.IdempotencyKey).Distinct().Count());
        calls = -10;
        (_, RunEnd failed) = await Host.ExecuteAsync(Request(await Define(Chain(Child("a", "flaky")))), default).WaitAsync(Patience);
        Assert.Equal((RunStatus.Failed, "BROKE"), (failed.Status, failed.Error!.Code));
    }

    [Fact]
    public async Task Cancel_OfTheParent_CancelsTheChildFirst()
    {
        await Publish("waits", "1.0.0", Chain(new WaitNode { Id = "w", Signal = "never" }));
        await Host.OpenAsync(default);
        StartOutcome start = await Host.StartAsync(Request(await Define(Chain(Child("a", "waits")))), default).WaitAsync(Patience);
        await UntilAsync(start.Run, RunStatus.Waiting);
        RunRow child = await OnlyChild(start.Run);
        await Host.SendAsync("t1", start.Run, InboxKind.Cancel, "c", new InboxContent { By = "me", Reason = "enough" }, default).WaitAsync(Patience);
        Assert.Equal(RunStatus.Cancelled, (await End(start.Run))!.Status);
        // Whoever sees the parent's end sees a child that has ended.
        Assert.Equal(RunStatus.Cancelled, (await Store.FindAsync("t1", child.Run, default))!.Status);
    }

    [Fact]
    public async Task ParentEnd_WithAnAbandonedChild_LetsItGoOn()
    {
        await Publish("waits", "1.0.0", Chain(new WaitNode { Id = "w", Signal = "go" }));
        await Host.OpenAsync(default);
        StartOutcome start = await Host.StartAsync(Request(await Define(Chain(Child("a", "waits", cancels: false)))), default).WaitAsync(Patience);
        await UntilAsync(start.Run, RunStatus.Waiting);
        RunRow child = await OnlyChild(start.Run);
        await Host.SendAsync("t1", start.Run, InboxKind.Cancel, "c", new InboxContent { By = "me", Reason = "enough" }, default).WaitAsync(Patience);
        Assert.Equal(RunStatus.Cancelled, (await End(start.Run))!.Status);
        await UntilAsync(child.Run, RunStatus.Waiting);
        await Send(child.Run, "1", "s");
        Assert.Equal(RunStatus.Completed, (await End(child.Run))!.Status);
    }

    [Fact]
    public async Task Child_ThatIsCancelledItself_FailsTheStep()
    {
        await Publish("waits", "1.0.0", Chain(new WaitNode { Id = "w", Signal = "go" }));
        StartOutcome start = await Host.StartAsync(Request(await Define(Chain(Child("a", "waits")))), default).WaitAsync(Patience);
        await UntilAsync(start.Run, RunStatus.Waiting);
        RunRow child = await OnlyChild(start.Run);
        await Host.SendAsync("t1", child.Run, InboxKind.Cancel, "c", new InboxContent { By = "me", Reason = "enough" }, default).WaitAsync(Patience);
        RunEnd end = (await End(start.Run))!;
        Assert.Equal((RunStatus.Failed, "RUN_CANCELLED"), (end.Status, end.Error!.Code));
        Assert.Contains(child.Run.ToString(), end.Error.Message);
    }

    [Fact]
    public async Task Child_ThatTakesTooLong_IsStoppedBeforeTheStepFails()
    {
        await Publish("waits", "1.0.0", Chain(new WaitNode { Id = "w", Signal = "never" }));
        await Host.OpenAsync(default);
        (StartOutcome start, RunEnd end) = await Host.ExecuteAsync(Request(await Define(Chain(Child("a", "waits", timeout: TimeSpan.FromMilliseconds(80))))), default).WaitAsync(Patience);
        Assert.Equal((RunStatus.Failed, "STEP_TIMEOUT"), (end.Status, end.Error!.Code));
        Assert.Equal(RunStatus.Cancelled, (await Store.FindAsync("t1", (await OnlyChild(start.Run)).Run, default))!.Status);
    }

    [Fact]
    public async Task Children_ThatCallThemselves_EndAtTheDepthLimit()
    {
        await Publish("again", "1.0.0", Chain(Child("a", "again")));
        (_, RunEnd end) = await Host.ExecuteAsync(Request(await Define(Chain(Child("a", "again")))), default).WaitAsync(Patience);
        Assert.Equal((RunStatus.Failed, "CHILD_DEPTH_EXCEEDED"), (end.Status, end.Error!.Code));
        Assert.Equal(ChildCall.MaxDepth + 1, (await Store.ListAsync("t1", new RunFilter(), default)).Total);
        Assert.All((await Store.ListAsync("t1", new RunFilter(), default)).Rows, r => Assert.Equal(RunStatus.Failed, r.Status));
    }

    [Fact]
    public async Task Child_ThatSucceeded_IsUndoneWithItsParent()
    {
        var undo = new Ledger();
        await Publish("book", "1.0.0", Chain(new PassNode { Id = "a" }));
        var broken = new Ledger((_, _) => ValueTask.FromResult(StepOutcome.Failure("BROKE", ErrorCategory.Permanent, "no")));
        (_, RunEnd end) = await Host.ExecuteAsync(Request(await Define(Chain(Child("book", "book", undo: Call("book.compensate", undo)), Call("b", broken))), """{"id":4}"""), default).WaitAsync(Patience);
        Assert.Equal((RunStatus.Failed, "BROKE"), (end.Status, end.Error!.Code));
        Assert.Equal("""{"id":4}""", Encoding.UTF8.GetString(Assert.Single(undo.Calls).Input.Span));
    }

    [Fact]
    public async Task Budget_OfTheParent_BoundsWhatAChildMaySpend()
    {
        var ledger = new Ledger(most: 60);
        await Publish("costly", "1.0.0", Chain(Call("a", ledger)));
        await Publish("modest", "1.0.0", Chain(Call("a", ledger)), new RunPolicies { MaxBudgetNanoDollars = 70 });
        (_, RunEnd end) = await Host.ExecuteAsync(Request(await Define(Chain(Child("a", "costly")), new RunPolicies { MaxBudgetNanoDollars = 50 })), default).WaitAsync(Patience);
        Assert.Equal((RunStatus.Failed, "BUDGET_EXCEEDED"), (end.Status, end.Error!.Code));
        (_, RunEnd fits) = await Host.ExecuteAsync(Request(await Define(Chain(Child("a", "modest")), new RunPolicies { MaxBudgetNanoDollars = 100 })), default).WaitAsync(Patience);
        Assert.Equal(RunStatus.Completed, fits.Status);
        (StartOutcome start, RunEnd tooMuch) = await Host.ExecuteAsync(Request(await Define(Chain(Child("a", "modest")), new RunPolicies { MaxBudgetNanoDollars = 65 })), default).WaitAsync(Patience);
        Assert.Equal("BUDGET_EXCEEDED", tooMuch.Error!.Code);
        Assert.Empty((await Store.ListAsync("t1", new RunFilter(Parent: start.Run), default)).Rows);
    }

    [Fact]
    public async Task Children_Hundred_AllEndAndJoinOnce()
    {
        var ledger = new Ledger();
        await Publish("work", "1.0.0", Chain(Call("a", ledger)));
        (PlanNode, StepRules)[] steps = [.. Enumerable.Range(0, 100).Select(i => ((PlanNode)Child("s" + i, "work"), new StepRules())), (Call("join", ledger), new StepRules { DependsOn = [.. Enumerable.Range(0, 100)] })];
        (StartOutcome start, RunEnd end) = await Host.ExecuteAsync(Request(await Define(new GraphNode(steps) { Id = "root" })), default).WaitAsync(Patience);
        Assert.Equal(RunStatus.Completed, end.Status);
        Assert.Equal(101, ledger.Calls.Count);
        Assert.Equal(100, (await Store.ListAsync("t1", new RunFilter(Parent: start.Run, Size: 200), default)).Total);
    }

    [Fact]
    public async Task Child_WhoseJournalIsDamaged_FailsTheStep()
    {
        await Publish("waits", "1.0.0", Chain(new WaitNode { Id = "w", Signal = "go" }, new WaitNode { Id = "x", Signal = "go" }));
        StartOutcome start = await Host.StartAsync(Request(await Define(Chain(Child("a", "waits")))), default).WaitAsync(Patience);
        await UntilAsync(start.Run, RunStatus.Waiting);
        RunRow child = await OnlyChild(start.Run);
        await UntilAsync(child.Run, RunStatus.Waiting);
        await Evicted();
        await StopAsync();
        await Damage(child.Run);
        await RestartAsync();
        await Send(child.Run, "2", "s2");
        RunEnd end = (await End(start.Run))!;
        Assert.Equal((RunStatus.Failed, "RUN_DIVERGED"), (end.Status, end.Error!.Code));
    }
}
