using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Access;
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

    /// <summary>Somebody whose roles start only some workflows.</summary>
    private static RunAuthority Starter(params RolePolicies[] starts) => new(PermissionSet.EveryTool, null) { Starts = new StartLimits(starts) };

    [Fact]
    public async Task Child_OfAWorkflowThatTheStarterMayNotStart_IsDeniedAndNothingOfItExists()
    {
        var ledger = new Ledger();
        await Publish("payroll", "1.0.0", Chain(Call("pay", ledger)));
        await Publish("between", "1.0.0", Chain(Child("pay", "payroll")));
        RunAuthority authority = Starter(new RolePolicies { Workflows = new NamePatterns(["w*", "between"]) });
        (StartOutcome start, RunEnd end) = await Host.ExecuteAsync(Request(await Define(Chain(Child("pay", "payroll", retry: new RetryPolicy { MaxAttempts = 3 })))) with { Authority = authority }, default).WaitAsync(Patience);
        Assert.Equal((RunStatus.Failed, "PERMISSION_DENIED"), (end.Status, end.Error!.Code));
        Assert.Contains("its starter's roles start between, w*, not 'payroll'", end.Error.Message);
        List<JournalEvent> journal = await Journal(start.Run);
        Assert.Equal("PERMISSION_DENIED", Assert.Single(journal.OfType<StepDenied>()).Error.Code);
        Assert.Empty(journal.OfType<StepStarted>());

        // Whoever may be started in between does not help.
        (StartOutcome above, RunEnd deep) = await Host.ExecuteAsync(Request(await Define(Chain(Child("go", "between")))) with { Authority = authority }, default).WaitAsync(Patience);
        Assert.Equal((RunStatus.Failed, "PERMISSION_DENIED"), (deep.Status, deep.Error!.Code));
        Assert.Single((await Journal((await OnlyChild(above.Run)).Run)).OfType<StepDenied>());
        Assert.Equal(0, (await Store.ListAsync("t1", new RunFilter(Workflow: "payroll"), default)).Total);
        Assert.Empty(ledger.Calls);
        Assert.Equal(RunStatus.Completed, (await Host.ExecuteAsync(Request(await Define(Chain(Child("pay", "payroll")))), default).WaitAsync(Patience)).End.Status);
    }

    [Fact]
    public async Task Child_OfARunThatWasParked_IsHeldToWhatItsStarterCouldDo()
    {
        await Publish("payroll", "1.0.0", Chain(new PassNode { Id = "a" }));
        await Publish("report", "1.0.0", Chain(new PassNode { Id = "a" }));
        StartRequest request = Request(await Define(Chain(new WaitNode { Id = "w", Signal = "go" }, Child("report", "report"), Child("pay", "payroll"))));
        StartOutcome start = await Host.StartAsync(request with { Authority = Starter(new RolePolicies { Workflows = new NamePatterns(["report"]) }) }, default).WaitAsync(Patience);
        await UntilAsync(start.Run, RunStatus.Waiting);
        await Evicted();
        await RestartAsync();
        await Send(start.Run, """{"n":1}""", "s");
        RunEnd end = (await End(start.Run))!;
        Assert.Equal((RunStatus.Failed, "PERMISSION_DENIED"), (end.Status, end.Error!.Code));
        Assert.Equal("report", (await OnlyChild(start.Run)).Workflow);
    }

    [Fact]
    public async Task Child_ThatMayCostMoreThanTheStarterMayStart_IsNotStarted()
    {
        await Publish("dear", "1.0.0", Chain(new PassNode { Id = "a" }), new RunPolicies { MaxBudgetNanoDollars = 70 });
        await Publish("endless", "1.0.0", Chain(new PassNode { Id = "a" }));
        RunAuthority authority = Starter(new RolePolicies { Workflows = new NamePatterns(["w*"]) }, new RolePolicies { MaxRunNanoDollars = 60 });
        async Task<RunEnd> Outcome(string child, RunPolicies? policies = null) =>
            (await Host.ExecuteAsync(Request(await Define(Chain(Child("a", child)), policies)) with { Authority = authority }, default).WaitAsync(Patience)).End;

        RunEnd dear = await Outcome("dear");
        Assert.Equal((RunStatus.Failed, "PERMISSION_DENIED"), (dear.Status, dear.Error!.Code));
        Assert.Contains("at most $0.00000006, and this one may cost $0.00000007", dear.Error.Message);
        Assert.Contains("and this one has no limit", (await Outcome("endless")).Error!.Message);
        // What the parent has left is the most that a child may cost which has no limit of its own.
        Assert.Equal(RunStatus.Completed, (await Outcome("endless", new RunPolicies { MaxBudgetNanoDollars = 60 })).Status);
        Assert.Equal("PERMISSION_DENIED", (await Outcome("endless", new RunPolicies { MaxBudgetNanoDollars = 61 })).Error!.Code);
        Assert.Equal(0, (await Store.ListAsync("t1", new RunFilter(Workflow: "dear"), default)).Total);
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
