using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

/// <summary>Steps whose outcome comes later, through the inbox.</summary>
public class HandOverTests
{
    private static readonly RetryPolicy Three = new() { MaxAttempts = 3, Initial = TimeSpan.FromMilliseconds(100), Jitter = 0 };

    private static Play One(RetryPolicy? retry = null) => new(Define(Machine("m", new State(Call("a", retry: retry)) { Final = true })));

    private static Play HandedOver(RetryPolicy? retry = null)
    {
        Play play = One(retry).Start("a");
        Assert.True(play.Feed(new StepHandedOver(play.Node("a").Id, 1, play.Now + 5000)));
        return play;
    }

    private static StepAnswered Success(Play play, int generation = 0) => new(play.Node("a").Id, generation, Payload.FromText("7"), null, 30, "agent:far");

    private static StepAnswered Failure(Play play, ErrorCategory category) => new(play.Node("a").Id, play.Node("a").Generation, null, FakeTool.Error(category), 10, "agent:far");

    private static RunCompleted Completed(Play play) => Assert.IsType<RunCompleted>(play.Journal[^1]);

    [Fact]
    public void HandedOver_Step_IsNotInFlightAndTheRunIsIdle()
    {
        Play play = HandedOver();
        Assert.Equal((NodePhase.Awaiting, 0, true), (play.Node("a").Phase, play.State.InFlight, play.State.IsIdle));
        Assert.True(Play.Bytes(play.State).AsSpan().SequenceEqual(Play.Bytes(play.Reload().State)));
    }

    [Fact]
    public void Answer_InTime_EndsTheStepAndSettlesItsCost()
    {
        Play play = HandedOver();
        Assert.True(play.Feed(Success(play)));
        Assert.Equal("7", Completed(play).Output.ToString());
        Assert.Equal((30L, 0L), (play.State.SpentNanoDollars, play.State.ReservedNanoDollars));
    }

    [Fact]
    public void Answer_BeforeTheCallHasReturned_EndsTheStepAndWhatTheCallSaysIsDropped()
    {
        Play play = One().Start("a");
        int id = play.Node("a").Id;
        Assert.True(play.Feed(Success(play)));
        Assert.Equal(0, play.State.InFlight);
        Assert.False(play.Feed(new StepHandedOver(id, 1, play.Now + 5000)));
        Completed(play);
    }

    [Fact]
    public void Answer_Twice_CountsOnce()
    {
        var play = new Play(Define(Machine("m", new State(Call("a")) { Next = "b" }, new State(Call("b")) { Final = true })));
        play.Start("a");
        StepAnswered answer = Success(play);
        Assert.True(play.Feed(answer));
        Assert.False(play.Feed(answer));
        Assert.Equal(30, play.State.SpentNanoDollars);
        Assert.Equal(["b"], play.Open);
    }

    [Fact]
    public void NoAnswer_InTime_RetriesUnderTheSameKeyAndHoldsTheReservation()
    {
        Play play = One(Three);
        Assert.True(play.Feed(new StepStarted(play.Node("a").Id, 1, 500, false)));
        play.Feed(new StepHandedOver(play.Node("a").Id, 1, play.Now + 5000));
        Assert.True(play.FireTimer("a"));
        StepExpired expired = play.Journal.OfType<StepExpired>().Single();
        Assert.Equal(("STEP_TIMEOUT", ErrorCategory.Transient), (expired.Error.Code, expired.Error.Category));
        Assert.Equal((NodePhase.Backoff, 0, 1, 500L), (play.Node("a").Phase, play.Node("a").Generation, play.Node("a").Failures, play.State.ReservedNanoDollars));
    }

    [Fact]
    public void NoAnswer_NoAttemptLeft_FailsTheRunAndReleasesTheReservation()
    {
        Play play = HandedOver();
        play.FireTimer("a");
        Assert.Equal("STEP_TIMEOUT", Assert.IsType<RunFailed>(play.Journal[^1]).Error.Code);
        Assert.Equal(0, play.State.ReservedNanoDollars);
    }

    [Fact]
    public void Success_DuringTheBackoff_EndsTheStep()
    {
        Play play = HandedOver(Three);
        play.FireTimer("a");
        Assert.True(play.Feed(Success(play)));
        Completed(play);
    }

    [Fact]
    public void Success_WhileTheNextAttemptRuns_EndsTheStepAndDropsWhatTheAttemptSays()
    {
        Play play = HandedOver(Three);
        play.FireTimer("a");
        play.FireTimer("a");
        play.Start("a");
        int id = play.Node("a").Id;
        Assert.True(play.Feed(Success(play)));
        Assert.False(play.Feed(new StepSucceeded(id, 2, Payload.Null, 0, 0, 0, "")));
        Assert.Equal(0, play.State.InFlight);
    }

    [Fact]
    public void Failure_DuringTheBackoff_IsDropped()
    {
        Play play = HandedOver(Three);
        play.FireTimer("a");
        Assert.False(play.Feed(Failure(play, ErrorCategory.Permanent)));
        Assert.Equal(1, play.Node("a").Failures);
    }

    [Fact]
    public void Failure_Transient_RetriesUnderTheSameKeyAndDefinite_Fails()
    {
        Play play = HandedOver(Three);
        Assert.True(play.Feed(Failure(play, ErrorCategory.Transient)));
        Assert.Equal((NodePhase.Backoff, 0), (play.Node("a").Phase, play.Node("a").Generation));
        play.FireTimer("a");
        play.Start("a");
        play.Feed(new StepHandedOver(play.Node("a").Id, 2, play.Now + 5000));
        Assert.True(play.Feed(Failure(play, ErrorCategory.Permanent)));
        Assert.Equal(RunStatus.Failed, play.State.Status);
    }

    [Fact]
    public void Answer_ToAnEarlierIntent_IsDropped()
    {
        Play play = HandedOver(Three with { On = [ErrorCategory.Permanent] });
        play.Feed(Failure(play, ErrorCategory.Permanent));
        play.FireTimer("a");
        play.Start("a");
        Assert.False(play.Feed(Success(play, generation: 0)));
        Assert.True(play.Feed(Success(play, generation: 1)));
    }

    [Fact]
    public void Answer_BeforeAnyAttempt_IsDropped()
    {
        Play play = One();
        Assert.False(play.Feed(Success(play)));
        Assert.Equal(NodePhase.Scheduled, play.Node("a").Phase);
    }

    [Fact]
    public void Recovery_WhileAwaiting_ChangesNothing()
    {
        Play play = HandedOver();
        Assert.False(play.Feed(new RunRecovered("w")));
        Assert.True(play.Feed(Success(play)));
    }

    [Fact]
    public void Cancel_WhileAwaiting_EndsAtOnceAndALateAnswerIsDropped()
    {
        Play play = HandedOver();
        StepAnswered answer = Success(play);
        play.Feed(new CancelRequested("ops", "enough"));
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
        Assert.False(play.Feed(answer));
    }

    [Fact]
    public void HandedOver_AfterTheCancel_EndsTheRun()
    {
        Play play = One().Start("a");
        play.Feed(new CancelRequested("ops", "enough"));
        Assert.Equal(RunStatus.Cancelling, play.State.Status);
        Assert.True(play.Feed(new StepHandedOver(play.Node("a").Id, 1, play.Now + 5000)));
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
    }

    [Fact]
    public void Answer_ToAStepThatIsAsked_Settles()
    {
        var play = new Play(Define(Machine("m", new State(Call("a", unknown: OnUnknown.Ask)) { Final = true })));
        play.Start("a");
        play.Feed(new RunRecovered("w"));
        Assert.Equal(NodePhase.Asked, play.Node("a").Phase);
        Assert.True(play.Feed(Success(play)));
        Completed(play);
    }
}
