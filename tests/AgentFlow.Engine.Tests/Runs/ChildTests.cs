using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Steps;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

/// <summary>Steps that other runs do.</summary>
public class ChildTests
{
    private static readonly Ulid First = Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FB0");
    private static readonly Ulid Second = Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FB1");

    private static CallNode Child(string id, bool cancels = true, RetryPolicy? retry = null, CallNode? undo = null) => new()
    {
        Id = id,
        Tool = new WorkflowTool("billing"),
        Child = new ChildCall("billing", VersionRange.Parse("1.x"), cancels),
        Retry = retry ?? RetryPolicy.None,
        Compensation = undo,
    };

    private static Play One(CallNode child, RunPolicies? policies = null) => new(Define(Machine("m", new State(child) { Final = true }), policies));

    private static Play Started(CallNode child, long reserved = 0, long due = 0)
    {
        Play play = One(child).Start("a");
        Adopt(play, First, reserved, due);
        return play;
    }

    private static void Adopt(Play play, Ulid run, long reserved = 0, long due = 0)
    {
        NodeRun node = play.Node("a");
        Assert.True(play.Feed(new ChildStarted(node.Id, node.Attempt, run, "billing", "1.2.0", new string('b', 64), reserved, due)));
    }

    private static bool Answer(Play play, string? output, StepError? error = null, long cost = 0, int? generation = null)
    {
        NodeRun node = play.Node("a");
        return play.Feed(new StepAnswered(node.Id, generation ?? node.Generation, output is null ? null : Payload.FromText(output), error, cost, $"run:{node.Child}"));
    }

    private static void AssertReplays(Play play)
    {
        byte[] live = Play.Bytes(play.State);
        Assert.Equal(live, Play.Bytes(play.Reload().State));
        Assert.Equal(live, Play.Bytes(SnapshotCodec.TryDecode(live, "default", RunId, play.State.Definition, play.Blob)!));
    }

    [Fact]
    public void Start_OfAChild_LeavesNothingInFlightAndHoldsTheReservation()
    {
        Play play = Started(Child("a"), reserved: 40);
        Assert.Equal((0, 40L, NodePhase.Awaiting, (Ulid?)First), (play.State.InFlight, play.State.ReservedNanoDollars, play.Node("a").Phase, play.Node("a").Child));
        Assert.True(play.State.IsIdle);
        AssertReplays(play);
    }

    [Fact]
    public void Success_OfTheChild_IsTheStepsWithItsCost()
    {
        Play play = Started(Child("a"), reserved: 40);
        Assert.True(Answer(play, "7", cost: 25));
        Assert.Equal((RunStatus.Completed, "7", 25L, 0L), (play.State.Status, play.State.Output!.ToString(), play.State.SpentNanoDollars, play.State.ReservedNanoDollars));
    }

    [Fact]
    public void Retry_AfterATransientFailureOfTheChild_IsANewIntent()
    {
        Play play = Started(Child("a", retry: new RetryPolicy { MaxAttempts = 2 }));
        Assert.True(Answer(play, null, FakeTool.Error(ErrorCategory.Transient)));
        Assert.Equal((1, NodePhase.Backoff, (Ulid?)null), (play.Node("a").Generation, play.Node("a").Phase, play.Node("a").Child));
        Assert.True(play.FireTimer("a"));
        play.Start("a");
        Adopt(play, Second);
        Assert.False(Answer(play, "1", generation: 0));
        AssertReplays(play);
        Assert.True(Answer(play, "2"));
        Assert.Equal("2", play.State.Output!.ToString());
    }

    [Fact]
    public void Recovery_BeforeTheChildWasStarted_StartsItUnderTheSameIntent()
    {
        Play play = One(Child("a")).Start("a");
        Assert.True(play.Feed(new RunRecovered("other")));
        Assert.Equal((NodePhase.Backoff, 0), (play.Node("a").Phase, play.Node("a").Generation));
    }

    [Fact]
    public void Recovery_WithAChildUnderWay_ChangesNothing() => Assert.False(Started(Child("a")).Feed(new RunRecovered("other")));

    [Fact]
    public void Cancel_WithAChild_AsksItToStopAndWaitsForItsEnd()
    {
        Play play = Started(Child("a"));
        play.Feed(new CancelRequested("ops", "enough"));
        Assert.Equal(RunStatus.Cancelling, play.State.Status);
        Assert.Single(play.Journal.OfType<ChildCancelling>());
        AssertReplays(play);
        Assert.True(Answer(play, null, FakeTool.Error(ErrorCategory.Permanent)));
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
    }

    [Fact]
    public void Cancel_OfAChildThatSucceedsAllTheSame_IsCancelledAndUndoesIt()
    {
        Play play = Started(Child("a", undo: Call("undo")));
        play.Feed(new CancelRequested("ops", "enough"));
        Assert.True(Answer(play, """{"id":3}"""));
        Assert.Equal((RunStatus.Compensating, "undo"), (play.State.Status, Assert.Single(play.Open)));
        play.Succeed("undo");
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
    }

    [Fact]
    public void Cancel_WithAnAbandonedChild_EndsAtOnce()
    {
        Play play = Started(Child("a", cancels: false));
        play.Feed(new CancelRequested("ops", "enough"));
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
        Assert.Empty(play.Journal.OfType<ChildCancelling>());
    }

    [Fact]
    public void Timeout_OfAChild_StopsItFirstAndFailsThen()
    {
        Play play = Started(Child("a"), due: 1_700_000_005_000);
        Assert.True(play.FireTimer("a"));
        Assert.Equal((RunStatus.Running, "STEP_TIMEOUT"), (play.State.Status, play.Journal.OfType<ChildCancelling>().Single().Error!.Code));
        AssertReplays(play);
        Assert.True(Answer(play, null, FakeTool.Error(ErrorCategory.Permanent)));
        Assert.Equal((RunStatus.Failed, "STEP_TIMEOUT"), (play.State.Status, play.State.Error!.Code));
    }

    [Fact]
    public void Timeout_OfAChildThatEndsWellAllTheSame_Succeeds()
    {
        Play play = Started(Child("a"), due: 1_700_000_005_000);
        play.FireTimer("a");
        Assert.True(Answer(play, "9"));
        Assert.Equal((RunStatus.Completed, "9"), (play.State.Status, play.State.Output!.ToString()));
    }

    [Fact]
    public void Adoption_SetsTheParentAndBoundsTheBudget()
    {
        Play play = One(Child("a"), new RunPolicies { MaxBudgetNanoDollars = 100 });
        Assert.True(play.Feed(new RunAdopted(First, 4, 1, 2, 60)));
        Assert.True(play.Feed(new RunPrioritized(-3)));
        Assert.False(play.Feed(new RunAdopted(Second, 4, 1, 2, 60)));
        Assert.Equal((First, 60L, -3), (play.State.Parent!.Parent, play.State.BudgetNanoDollars!.Value, play.State.Priority));
        AssertReplays(play);
    }

    [Fact]
    public void Id_OfAChild_IsAFunctionOfItsIntent()
    {
        Ulid id = StepIdentity.Child(RunId, "a#1", 0, 1_700_000_000_000);
        Assert.Equal(id, StepIdentity.Child(RunId, "a#1", 0, 1_700_000_000_000));
        Assert.Equal(1_700_000_000_000, id.UnixMilliseconds);
        Assert.Equal(4, new[] { id, StepIdentity.Child(RunId, "a#1", 1, 1_700_000_000_000), StepIdentity.Child(RunId, "a#2", 0, 1_700_000_000_000), StepIdentity.Child(First, "a#1", 0, 1_700_000_000_000) }.Distinct().Count());
    }
}
