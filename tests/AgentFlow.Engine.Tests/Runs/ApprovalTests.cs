using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

/// <summary>Steps that somebody has to approve before they run.</summary>
public class ApprovalTests
{
    private static readonly Assignee Approver = new("approver", null);

    private static Play Asked(string name = "step")
    {
        var play = new Play(Define(Machine("m", new State(Call("a")) { Next = "z", OnError = "sorry" }, new State(Call("sorry")) { Final = true }, new State(Call("z")) { Final = true })));
        Assert.True(play.Feed(Request(play, name)));
        return play;
    }

    private static ApprovalRequested Request(Play play, string name = "step") => new(play.Node("a").Id, name, ApprovalRequest.Of(name, "Approve a", "it costs", Approver).Order.ToPayload());

    private static ApprovalDecided Decide(Play play, bool granted, string name = "step") => new(play.Node("a").Id, name, granted, "user:anna", "because");

    [Fact]
    public void Requested_Step_LetsTheRunRestAndSurvivesASnapshot()
    {
        Play play = Asked();
        Assert.Equal((NodePhase.AwaitingApproval, true), (play.Node("a").Phase, play.State.IsIdle));
        byte[] snapshot = Play.Bytes(play.State);
        RunState restored = SnapshotCodec.TryDecode(snapshot, "default", RunId, play.State.Definition, play.Blob)!;
        Assert.Equal(play.Node("a").Approval, restored.Open[play.Node("a").Id].Approval);
        Assert.True(snapshot.AsSpan().SequenceEqual(Play.Bytes(play.Reload().State)));
    }

    [Fact]
    public void Granted_Step_RunsAndIsNotAskedAgain()
    {
        Play play = Asked();
        Assert.False(play.Feed(new StepStarted(play.Node("a").Id, 1, 0, false)));
        Assert.True(play.Feed(Decide(play, granted: true)));
        Assert.Equal((NodePhase.Scheduled, "step"), (play.Node("a").Phase, Assert.Single(play.Node("a").Approvals)));
        Assert.True(Play.Bytes(play.State).AsSpan().SequenceEqual(Play.Bytes(play.Reload().State)));
        Assert.False(play.Feed(Decide(play, granted: true)));
        Assert.True(play.Feed(new StepStarted(play.Node("a").Id, 1, 0, false)));
    }

    [Fact]
    public void Denied_Step_FailsWithWhoAndWhy()
    {
        Play play = Asked();
        Assert.True(play.Feed(Decide(play, granted: false)));
        Assert.Equal(["sorry"], play.Open);
        StepError error = play.Journal.OfType<NodeFinished>().Single().Error!;
        Assert.Equal(("APPROVAL_DENIED", ErrorCategory.Permission, "user:anna did not approve step 'a#1': because."), (error.Code, error.Category, error.Message));
    }

    [Fact]
    public void Decision_AboutAnotherApproval_MeansNothing() => Assert.False(Asked().Feed(new ApprovalDecided(1, "policy 1", true, "user:anna", "")));

    [Fact]
    public void Cancelled_Run_EndsAtOnce()
    {
        Play play = Asked();
        ApprovalDecided late = Decide(play, granted: true);
        Assert.True(play.Feed(new CancelRequested("ops", "enough")));
        Assert.IsType<RunCancelled>(play.Journal[^1]);
        Assert.False(play.Feed(late));
    }

    [Fact]
    public void Approvals_OfSeveralNames_AreAskedForOneAfterTheOther()
    {
        Play play = Asked();
        play.Feed(Decide(play, granted: true));
        Assert.True(play.Feed(Request(play, "policy 1")));
        Assert.True(play.Feed(Decide(play, granted: true, "policy 1")));
        Assert.Equal(["step", "policy 1"], play.Node("a").Approvals);
    }

    private static Play Held(PlanNode root, RunPolicies? policies = null, bool watches = false)
    {
        var play = new Play(Define(root, policies), """{"n":1}""", watches, holds: true);
        Assert.True(play.Feed(new ApprovalRequested(0, "preflight", ApprovalRequest.Of("preflight", "Approve a run", "it costs", Approver).Order.ToPayload())));
        Assert.Equal((NodePhase.AwaitingApproval, true, 1), (play.State.Root!.Phase, play.State.IsIdle, play.State.Open.Count));
        AssertReplays(play);
        return play;
    }

    private static void AssertReplays(Play play)
    {
        byte[] live = Play.Bytes(play.State);
        Assert.True(live.AsSpan().SequenceEqual(Play.Bytes(play.Reload().State)));
        Assert.True(live.AsSpan().SequenceEqual(Play.Bytes(SnapshotCodec.TryDecode(live, "default", RunId, play.State.Definition, play.Blob)!)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Held_Run_BeginsWhenItIsApproved(bool isOneCall)
    {
        // Loops are watched in runs of machines: the two notes behind the start stand together.
        Play play = isOneCall ? Held(Call("a")) : Held(Machine("m", new State(Call("a")) { Final = true }), watches: true);
        Assert.True(play.Feed(new ApprovalDecided(0, "preflight", true, "user:anna", "go")));
        Assert.Equal(NodePhase.Scheduled, play.Node("a").Phase);
        AssertReplays(play);
        play.Succeed("a", "7");
        Assert.Equal((RunStatus.Completed, "7"), (play.State.Status, play.State.Output!.ToString()));
        AssertReplays(play);
    }

    [Fact]
    public void Held_RunThatIsDenied_FailsWithoutAStep()
    {
        Play play = Held(Machine("m", new State(Call("a")) { Final = true }));
        Assert.True(play.Feed(new ApprovalDecided(0, "preflight", false, "user:anna", "too much")));
        Assert.Equal((RunStatus.Failed, "APPROVAL_DENIED", "user:anna did not approve the run: too much."), (play.State.Status, play.State.Error!.Code, play.State.Error.Message));
        Assert.Single(play.Journal.OfType<NodeEntered>());
        AssertReplays(play);
    }

    [Fact]
    public void Held_RunThatIsCancelled_EndsAtOnce()
    {
        Play play = Held(Machine("m", new State(Call("a")) { Final = true }));
        Assert.True(play.Feed(new CancelRequested("ops", "enough")));
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
        Assert.False(play.Feed(new ApprovalDecided(0, "preflight", true, "user:anna", "")));
        AssertReplays(play);
    }

    [Fact]
    public void Held_Run_HasItsDeadlineFromTheApprovalOn()
    {
        Play play = Held(Machine("m", new State(Call("a")) { Final = true }), new RunPolicies { Deadline = TimeSpan.FromMinutes(1) });
        Assert.Empty(play.Journal.OfType<TimerSet>());
        Assert.True(play.Feed(new ApprovalDecided(0, "preflight", true, "user:anna", "")));
        Assert.Equal(play.Journal[^1].At + 60_000, Assert.Single(play.Journal.OfType<TimerSet>()).Due);
    }

    [Fact]
    public void Request_ForARunThatHasBegun_MeansNothing() =>
        Assert.False(new Play(Define(Machine("m", new State(Call("a")) { Final = true }))).Feed(new ApprovalRequested(0, "preflight", Payload.EmptyObject)));

    [Theory]
    [InlineData("""{"amount":1001}""", true)]
    [InlineData("""{"amount":1000}""", false)]
    public void Admission_PolicyWithACondition_AsksWhenItHolds(string input, bool asks)
    {
        var policy = new ApprovalPolicy("policy 1", Approver) { When = Cel("input.amount > 1000"), Tools = new NamePatterns(["test.*"]), Reason = Template("\"It is ${input.amount}\""), Timeout = TimeSpan.FromHours(1) };
        var call = Call("a", new NamedTool());
        var play = new Play(Define(Machine("m", new State(call) { Final = true }), RunPolicies() with { Approvals = [policy] }), input);
        Verdict verdict = new ApprovalAdmission().Check(play.State, play.Node("a"), call);
        Assert.Null(verdict.Denied);
        Assert.Equal(asks, verdict.Asks is not null);
        if (verdict.Asks is { Order: var order })
        {
            Assert.Equal(("It is 1001", Approver, TimeSpan.FromHours(1)), (order.Description, order.To, order.Timeout));
            Assert.Equal(input, order.Data!.ToString());
            Assert.Equivalent(order, HumanTaskOrder.Read(order.ToPayload().Utf8));
        }
    }

    [Fact]
    public void Admission_ConditionThatFails_Refuses()
    {
        CallNode call = new() { Id = "a", Tool = new NamedTool(), Approval = new ApprovalPolicy("step", Approver) { When = Cel("input.missing > 1") } };
        var play = new Play(Define(Machine("m", new State(call) { Final = true })));
        Assert.Equal("EXPRESSION_FAILED", new ApprovalAdmission().Check(play.State, play.Node("a"), call).Denied?.Code);
    }

    [Fact]
    public void Admission_OfAnApprovedStep_Admits()
    {
        CallNode call = new() { Id = "a", Tool = new NamedTool(), Approval = new ApprovalPolicy("step", Approver) };
        var play = new Play(Define(Machine("m", new State(call) { Final = true })));
        Assert.NotNull(new ApprovalAdmission().Check(play.State, play.Node("a"), call).Asks);
        play.Feed(Request(play));
        play.Feed(Decide(play, granted: true));
        Assert.Equal(Verdict.Admit, new ApprovalAdmission().Check(play.State, play.Node("a"), call));
    }

    private static Engine.Definitions.RunPolicies RunPolicies() => Engine.Definitions.RunPolicies.Default;

    private sealed class NamedTool : ITool
    {
        public AgentFlow.Contracts.Tools.ToolContract Contract { get; } = new() { Id = "test.pay", Version = "1.0.0" };

        public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) => new(StepOutcome.Success(call.Input));
    }
}
