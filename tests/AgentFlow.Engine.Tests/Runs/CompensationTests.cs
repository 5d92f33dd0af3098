using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

/// <summary>Sagas: what was done is undone when a scope around it fails or is closed.</summary>
public class CompensationTests
{
    private static CallNode Undo(string id, string? input = null, bool bestEffort = false, RetryPolicy? retry = null) =>
        Call(id, input: input, bestEffort: bestEffort, retry: retry);

    /// <summary>Three calls one after the other, the first two undoable.</summary>
    private static Play Booking(CallNode? undoFlight = null, RunPolicies? policies = null) => new(Define(Machine(
        "trip",
        new State(Call("flight", undo: undoFlight ?? Undo("cancel_flight"))) { Next = "hotel" },
        new State(Call("hotel", undo: Undo("cancel_hotel", """{ "room": "${output.room}" }"""))) { Next = "car" },
        new State(Call("car")) { Final = true }), policies));

    private static Play Definitely(Play play, string id) => play.Fail(id, FakeTool.Error(ErrorCategory.Permanent));

    private static string Input(Play play, string id) => play.Node(id).Input!.ToString();

    [Fact]
    public void Failure_OfALaterStep_UndoesTheEarlierOnesInReverseOrder()
    {
        Play play = Booking();
        play.Succeed("flight", """{"seat":4}""").Succeed("hotel", """{"room":12}""");
        Definitely(play, "car");
        Assert.Equal((RunStatus.Compensating, "cancel_hotel"), (play.State.Status, Assert.Single(play.Open)));
        Assert.Equal("""{"room":12}""", Input(play, "cancel_hotel"));
        play.Succeed("cancel_hotel");
        Assert.Equal("cancel_flight", Assert.Single(play.Open));
        Assert.Equal("""{"seat":4}""", Input(play, "cancel_flight"));
        play.Succeed("cancel_flight");
        Assert.Equal(RunStatus.Failed, play.State.Status);
        Assert.Contains("'car'", Assert.IsType<RunFailed>(play.Journal[^1]).Error.Message);
        Assert.Empty(play.State.Compensables);
    }

    [Fact]
    public void Success_OfTheRun_UndoesNothing()
    {
        Play play = Booking();
        play.Succeed("flight").Succeed("hotel", """{"room":1}""").Succeed("car");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        Assert.DoesNotContain(play.Journal, e => e is CompensationStarted);
    }

    [Fact]
    public void Cancel_WithAStepDone_UndoesItAndIsCancelled()
    {
        Play play = Booking();
        play.Succeed("flight");
        play.Feed(new CancelRequested("ops", "changed my mind"));
        Assert.Equal(RunStatus.Compensating, play.State.Status);
        play.Succeed("cancel_flight");
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
    }

    [Fact]
    public void Cancel_WhileUndoing_IsNotTaken()
    {
        Play play = Booking();
        play.Succeed("flight").Succeed("hotel", """{"room":1}""");
        Definitely(play, "car");
        Assert.False(play.Feed(new CancelRequested("ops", "stop")));
        Assert.Equal("cancel_hotel", Assert.Single(play.Open));
    }

    [Fact]
    public void DefiniteFailure_OfTheStepItself_IsNotUndone()
    {
        Play play = Booking();
        play.Succeed("flight");
        Definitely(play, "hotel");
        Assert.Equal("cancel_flight", Assert.Single(play.Open));
    }

    [Fact]
    public void UnknownOutcome_ThatFailsTheStep_IsUndone()
    {
        var play = new Play(Define(Machine("m", new State(Call("pay", unknown: OnUnknown.Fail, undo: Undo("refund", """{ "of": "${input.order}" }"""))) { Final = true })), """{"order":7}""");
        play.Start("pay");
        play.Feed(new RunRecovered("w"));
        Assert.Equal("refund", Assert.Single(play.Open));
        Assert.Equal("""{"of":7}""", Input(play, "refund"));
    }

    [Fact]
    public void Timeout_OfAHandedOverStep_IsUndone()
    {
        var play = new Play(Define(Machine("m", new State(Call("ship", undo: Undo("recall"))) { Final = true })));
        play.Start("ship");
        play.Feed(new StepHandedOver(play.Node("ship").Id, 1, play.Now + 1000));
        play.FireTimer("ship");
        Assert.Equal("recall", Assert.Single(play.Open));
    }

    [Fact]
    public void Compensation_ThatFailsForGood_WaitsForSomebodyAndGoesOnAsHeSays()
    {
        Play play = Booking();
        play.Succeed("flight").Succeed("hotel", """{"room":1}""");
        Definitely(play, "car");
        Definitely(play, "cancel_hotel");
        Assert.Equal(NodePhase.Asked, play.Node("cancel_hotel").Phase);
        Assert.True(play.Feed(new StepResolved(play.Node("cancel_hotel").Id, StepResolution.Retry, null, "ops")));
        play.FireTimer("cancel_hotel");
        Definitely(play, "cancel_hotel");
        Assert.True(play.Feed(new StepResolved(play.Node("cancel_hotel").Id, StepResolution.Fail, null, "ops")));
        Assert.Equal("cancel_flight", Assert.Single(play.Open));
        play.Succeed("cancel_flight");
        Assert.Equal(RunStatus.Failed, play.State.Status);
    }

    [Fact]
    public void Compensation_BestEffort_IsPassedOverWhenItFails()
    {
        Play play = Booking(Undo("cancel_flight", bestEffort: true));
        play.Succeed("flight");
        Definitely(play, "hotel");
        Definitely(play, "cancel_flight");
        Assert.Equal(RunStatus.Failed, play.State.Status);
    }

    [Fact]
    public void Compensation_IsRetriedAsItsPolicySays()
    {
        Play play = Booking(Undo("cancel_flight", retry: new RetryPolicy { MaxAttempts = 2, Jitter = 0 }));
        play.Succeed("flight");
        Definitely(play, "hotel");
        play.Fail("cancel_flight");
        Assert.Equal(NodePhase.Backoff, play.Node("cancel_flight").Phase);
        play.FireTimer("cancel_flight");
        play.Succeed("cancel_flight");
        Assert.Equal(RunStatus.Failed, play.State.Status);
    }

    [Fact]
    public void Compensation_InputThatCannotBeComputed_WaitsForSomebody()
    {
        Play play = Booking();
        play.Succeed("flight").Succeed("hotel", """{"no_room":true}""");
        Assert.Contains("compensation of step 'hotel#1'", play.Journal.OfType<CompensationPlanned>().Last().Error!.Message);
        Definitely(play, "car");
        int id = play.Node("cancel_hotel").Id;
        Assert.True(play.Feed(new StepResolved(id, StepResolution.Retry, null, "ops")));
        Assert.Equal(NodePhase.Asked, play.Node("cancel_hotel").Phase);
        Assert.True(play.Feed(new StepResolved(id, StepResolution.Succeed, Payload.Null, "ops")));
        Assert.Equal("cancel_flight", Assert.Single(play.Open));
    }

    [Fact]
    public void Loop_EachVisitIsUndoneOnceUnderItsOwnKey()
    {
        var play = new Play(Define(Machine(
            "m",
            new State(Call("buy", undo: Undo("sell"))) { Next = "check" },
            new State(Call("check")) { Next = "buy", OnError = null })));
        play.Succeed("buy", "1").Succeed("check").Succeed("buy", "2");
        Definitely(play, "check");
        HashSet<string> keys = [];
        foreach (string amount in new[] { "2", "1" })
        {
            Assert.Equal(amount, Input(play, "sell"));
            Assert.True(keys.Add(StepIdentity.IdempotencyKey(play.State, play.Node("sell"))));
            play.Succeed("sell");
        }

        Assert.Equal(RunStatus.Failed, play.State.Status);
    }

    [Fact]
    public void NestedScope_ThatFails_UndoesItsOwnAndTheOuterGoesOn()
    {
        var play = new Play(Define(Machine(
            "outer",
            new State(Call("before", undo: Undo("undo_before"))) { Next = "inner" },
            new State(Machine("inner", new State(Call("a", undo: Undo("undo_a"))) { Next = "b" }, new State(Call("b")) { Final = true })) { Next = "end", OnError = "plan_b" },
            new State(Call("plan_b")) { Next = "end" },
            new State(Call("end")) { Final = true })));
        play.Succeed("before").Succeed("a");
        Definitely(play, "b");
        Assert.Equal((RunStatus.Running, "undo_a"), (play.State.Status, Assert.Single(play.Open)));
        play.Succeed("undo_a");
        Assert.Equal("plan_b", Assert.Single(play.Open));
        play.Succeed("plan_b").Succeed("end");
        Assert.Equal(RunStatus.Completed, play.State.Status);
    }

    [Fact]
    public void NestedScope_ThatSucceeded_IsUndoneWhenTheOuterFails()
    {
        var play = new Play(Define(Machine(
            "outer",
            new State(Machine("inner", new State(Call("a", undo: Undo("undo_a"))) { Final = true })) { Next = "z" },
            new State(Call("z")) { Final = true })));
        play.Succeed("a");
        Definitely(play, "z");
        Assert.Equal("undo_a", Assert.Single(play.Open));
        Assert.StartsWith("undo_a#", play.Node("undo_a").Path);
    }

    [Fact]
    public void ParallelBranches_AreUndoneInReverseOrderOfTheirEnds()
    {
        var play = new Play(Define(Graph(
            "g",
            new Step(Call("a", undo: Undo("undo_a"))),
            new Step(Call("b", undo: Undo("undo_b"))),
            new Step(Call("c", undo: Undo("undo_c"))))));
        play.Start("a").Start("b").Start("c");
        play.Succeed("c").Succeed("a");
        Definitely(play, "b");
        Assert.Equal("undo_a", Assert.Single(play.Open));
        play.Succeed("undo_a");
        Assert.Equal("undo_c", Assert.Single(play.Open));
        play.Succeed("undo_c");
        Assert.Equal(RunStatus.Failed, play.State.Status);
    }

    [Fact]
    public void ParallelBranch_CancelledInFlight_IsUndoneBecauseItMayHaveHappened()
    {
        var play = new Play(Define(Graph("g", new Step(Call("a", undo: Undo("undo_a"))), new Step(Call("b")) { OnError = OnStepError.Abort })));
        play.Start("a").Start("b");
        Definitely(play, "b");
        Assert.True(play.Feed(new StepCancelled(play.Node("a").Id, 1)));
        Assert.Equal("undo_a", Assert.Single(play.Open));
    }

    [Fact]
    public void Timeout_OfTheRun_UndoesAndTheTimerThatFiredBeforeInterruptsNothing()
    {
        Play play = Booking(policies: new RunPolicies { Deadline = TimeSpan.FromSeconds(10) });
        play.Succeed("flight");
        play.Start("hotel");
        int root = play.State.Root!.Id;
        play.Advance(TimeSpan.FromSeconds(10));
        Assert.True(play.Feed(new TimerFired(root, play.State.Root.Due)));
        play.Feed(new StepCancelled(play.Node("hotel").Id, 1));
        // The hotel may have been booked: its input cannot be computed without an output, so somebody is asked.
        play.Feed(new StepResolved(play.Node("cancel_hotel").Id, StepResolution.Succeed, Payload.Null, "ops"));
        play.Succeed("cancel_flight");
        Assert.Equal("RUN_TIMEOUT", Assert.IsType<RunFailed>(play.Journal[^1]).Error.Code);
    }

    [Fact]
    public void Reload_AtEveryEvent_GivesTheSameState()
    {
        Play play = Booking();
        void Same() => Assert.True(Play.Bytes(play.State).AsSpan().SequenceEqual(Play.Bytes(play.Reload().State)));
        play.Succeed("flight");
        Same();
        play.Succeed("hotel", """{"room":1}""");
        Same();
        Definitely(play, "car");
        Same();
        byte[] snapshot = Play.Bytes(play.State);
        Assert.True(snapshot.AsSpan().SequenceEqual(Play.Bytes(SnapshotCodec.TryDecode(snapshot, "default", RunId, play.State.Definition, play.Blob)!)));
        play.Start("cancel_hotel");
        Same();
        play.Succeed("cancel_hotel");
        Same();
    }
}
