using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

public class StepTests
{
    private static readonly RetryPolicy Three = new() { MaxAttempts = 3, Initial = TimeSpan.FromMilliseconds(100), Jitter = 0 };

    private static Play One(RetryPolicy? retry = null, OnUnknown unknown = OnUnknown.Retry, RunPolicies? policies = null) =>
        new(Define(Machine("m", new State(Call("a", retry: retry, unknown: unknown)) { Final = true }), policies));

    private static string Key(Play play, string id) => StepIdentity.IdempotencyKey(play.State, play.Node(id));

    [Fact]
    public void Retry_TransientFailures_BacksOffExponentiallyUnderOneKey()
    {
        Play play = One(Three);
        string key = Key(play, "a");
        play.Fail("a");
        Assert.Equal(100, play.Node("a").Due - play.Now);
        Assert.True(play.FireTimer("a"));
        play.Fail("a");
        Assert.Equal(200, play.Node("a").Due - play.Now);
        play.FireTimer("a");
        Assert.Equal(key, Key(play, "a"));
        play.Fail("a");
        Assert.Equal(RunStatus.Failed, play.State.Status);
    }

    [Fact]
    public void Retry_TimerBeforeItsTime_IsDroppedAndNothingIsJournaled()
    {
        Play play = One(Three);
        play.Fail("a");
        int events = play.Journal.Count;
        Assert.False(play.Feed(new TimerFired(play.Node("a").Id, play.Node("a").Due - 1)));
        Assert.Equal(events, play.Journal.Count);
    }

    [Theory]
    [InlineData(ErrorCategory.Permanent)]
    [InlineData(ErrorCategory.Validation)]
    [InlineData(ErrorCategory.Permission)]
    public void Retry_NotRetryable_FailsAtOnce(ErrorCategory category)
    {
        Play play = One(Three);
        play.Fail("a", FakeTool.Error(category));
        Assert.Equal(RunStatus.Failed, play.State.Status);
    }

    [Fact]
    public void Retry_DefiniteFailureThatThePolicyRetries_RaisesTheGeneration()
    {
        Play play = One(Three with { On = [ErrorCategory.Permanent] });
        string key = Key(play, "a");
        play.Fail("a", FakeTool.Error(ErrorCategory.Permanent));
        play.FireTimer("a");
        Assert.NotEqual(key, Key(play, "a"));
    }

    [Fact]
    public void Retry_AfterWish_WaitsAtLeastThatLong()
    {
        Play play = One(Three);
        play.Fail("a", new StepError("RATE", ErrorCategory.Resource, "slow down", TimeSpan.FromSeconds(7)));
        Assert.Equal(7000, play.Node("a").Due - play.Now);
    }

    [Fact]
    public void Jitter_SameRunAndAttempt_SameDelay()
    {
        RetryPolicy jittered = Three with { Jitter = 0.5 };
        Play first = One(jittered);
        Play second = One(jittered);
        first.Fail("a");
        second.Fail("a");
        Assert.Equal(first.Node("a").Due, second.Node("a").Due);
        Assert.InRange(first.Node("a").Due - first.Now, 50, 150);
    }

    [Fact]
    public void Delay_Property_StaysWithinJitterAndCap()
    {
        var policy = new RetryPolicy { MaxAttempts = 9, Initial = TimeSpan.FromMilliseconds(50), Max = TimeSpan.FromSeconds(2), Jitter = 0.3 };
        for (ulong i = 0; i < 2000; i++)
        {
            int attempt = (int)(i % 40) + 1;
            double plain = Math.Min(50 * Math.Pow(2, attempt - 1), 2000);
            Assert.InRange(policy.DelayAfter(attempt, i * 0x9E3779B97F4A7C15).TotalMilliseconds, Math.Floor(plain * 0.7), Math.Ceiling(plain * 1.3) + 1);
        }
    }

    [Fact]
    public void Recovery_UnknownOutcome_RetriesUnderTheSameKeyWithoutCountingAsFailure()
    {
        Play play = One(Three);
        string key = Key(play, "a");
        play.Start("a");
        for (int crash = 0; crash < 5; crash++)
        {
            Assert.True(play.Feed(new RunRecovered("w")));
            play.FireTimer("a");
            Assert.Equal(NodePhase.Scheduled, play.Node("a").Phase);
            play.Start("a");
        }

        Assert.Equal(key, Key(play, "a"));
        Assert.Equal(6, play.Node("a").Attempt);
        play.Succeed("a");
        Assert.Equal(RunStatus.Completed, play.State.Status);
    }

    [Fact]
    public void Recovery_OnUnknownFail_FailsSayingSo()
    {
        Play play = One(unknown: OnUnknown.Fail);
        play.Start("a");
        play.Feed(new RunRecovered("w"));
        Assert.Equal("STEP_OUTCOME_UNKNOWN", play.State.Error!.Code);
    }

    [Theory]
    [InlineData(StepResolution.Succeed, RunStatus.Completed)]
    [InlineData(StepResolution.Fail, RunStatus.Failed)]
    [InlineData(StepResolution.Retry, RunStatus.Running)]
    public void Recovery_OnUnknownAsk_WaitsForAnAnswerAndFollowsIt(StepResolution resolution, RunStatus expected)
    {
        Play play = One(unknown: OnUnknown.Ask);
        play.Start("a");
        play.Feed(new RunRecovered("w"));
        Assert.True(play.State.IsIdle);
        int id = play.Node("a").Id;
        Assert.True(play.Feed(new StepResolved(id, resolution, Payload.FromText("1"), "ops")));
        Assert.Equal(expected, play.State.Status);
        Assert.False(play.Feed(new StepResolved(id, resolution, null, "ops")));
    }

    [Fact]
    public void Outcome_OfAnEarlierAttempt_IsDropped()
    {
        Play play = One(Three);
        play.Start("a");
        int id = play.Node("a").Id;
        play.Feed(new RunRecovered("w"));
        play.FireTimer("a");
        play.Start("a");
        Assert.False(play.Feed(new StepSucceeded(id, 1, Payload.Null, 0, 0, 0, "")));
        Assert.True(play.Feed(new StepSucceeded(id, 2, Payload.Null, 0, 0, 0, "")));
    }

    [Fact]
    public void Cancel_StepInFlight_EndsOnlyWithItsOutcome()
    {
        Play play = One();
        play.Start("a");
        Assert.True(play.Feed(new CancelRequested("me", "enough")));
        Assert.Equal(RunStatus.Cancelling, play.State.Status);
        Assert.Single(play.Machine.Stopping);
        play.Feed(new StepCancelled(play.Node("a").Id, 1));
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
        Assert.Equal("enough", play.State.CancelReason);
    }

    [Fact]
    public void Cancel_StepThatSucceedsAllTheSame_EndsCancelledWithTheOutcomeOnRecord()
    {
        Play play = One();
        play.Start("a");
        play.Feed(new CancelRequested("me", ""));
        play.Succeed("a", "42");
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
        Assert.Contains(play.Journal, e => e is StepSucceeded);
    }

    [Fact]
    public void Cancel_DuringBackoff_EndsAtOnce()
    {
        Play play = One(Three);
        play.Fail("a");
        play.Feed(new CancelRequested("me", ""));
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
    }

    [Fact]
    public void Cancel_Twice_SecondIsDropped()
    {
        Play play = One();
        play.Start("a");
        Assert.True(play.Feed(new CancelRequested("me", "")));
        Assert.False(play.Feed(new CancelRequested("me", "")));
    }

    [Fact]
    public void Deadline_Passes_FailsTheRunOnceTheStepHasStopped()
    {
        Play play = One(policies: new RunPolicies { Deadline = TimeSpan.FromSeconds(60) });
        play.Start("a");
        int root = play.State.Root!.Id;
        play.Advance(TimeSpan.FromSeconds(60));
        Assert.True(play.Feed(new TimerFired(root, play.State.Root.Due)));
        play.Feed(new StepCancelled(play.Node("a").Id, 1));
        Assert.Equal(RunStatus.Failed, play.State.Status);
        Assert.Equal("RUN_TIMEOUT", play.State.Error!.Code);
    }

    [Fact]
    public void Denied_ByAdmission_FailsWithoutAttempt()
    {
        Play play = One(Three);
        play.Feed(new StepDenied(play.Node("a").Id, new StepError("PERMISSION_DENIED", ErrorCategory.Permission, "no")));
        Assert.Equal("PERMISSION_DENIED", play.State.Error!.Code);
        Assert.DoesNotContain(play.Journal, e => e is StepStarted);
    }

    [Fact]
    public void Budget_UnknownOutcome_HoldsItsReservationUntilSettled()
    {
        Play play = One();
        NodeRun node = play.Node("a");
        play.Feed(new StepStarted(node.Id, 1, 500, false));
        play.Feed(new RunRecovered("w"));
        Assert.Equal(500, play.State.ReservedNanoDollars);
        play.FireTimer("a");
        play.Feed(new StepStarted(node.Id, 2, 500, false));
        Assert.Equal(1000, play.State.ReservedNanoDollars);
        play.Feed(new StepSucceeded(node.Id, 2, Payload.Null, 300, 0, 0, ""));
        Assert.Equal(0, play.State.ReservedNanoDollars);
        Assert.Equal(300, play.State.SpentNanoDollars);
    }

    [Fact]
    public void Pause_Run_HoldsNewStepsAndResumes()
    {
        var play = new Play(Define(Machine("m", new State(Call("a")) { Next = "b" }, new State(Call("b")) { Final = true })));
        play.Start("a");
        Assert.True(play.Feed(new PauseRequested("ops")));
        play.Succeed("a");
        Assert.Equal(RunStatus.Paused, play.State.Status);
        Assert.True(play.State.IsIdle);
        Assert.True(play.Feed(new ResumeRequested("ops")));
        Assert.False(play.State.IsIdle);
        play.Succeed("b");
        Assert.Equal(RunStatus.Completed, play.State.Status);
    }
}
