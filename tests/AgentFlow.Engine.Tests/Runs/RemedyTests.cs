using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

/// <summary>Failures for which a step has a remedy.</summary>
public class RemedyTests
{
    private static readonly StepError Invalid = new("OUTPUT_INVALID", ErrorCategory.Permanent, "it has no name");
    private static readonly StepError TooLong = new("CONTEXT_EXCEEDED", ErrorCategory.Validation, "too long");
    private static readonly StepError Busy = new("RATE_LIMITED", ErrorCategory.Resource, "slow down", TimeSpan.FromSeconds(3));

    private static readonly Remedy Repair = new(["OUTPUT_INVALID"]) { Call = Call("fix"), IsAnswer = true };
    private static readonly Remedy Shorten = new(["CONTEXT_EXCEEDED"]) { Call = Call("shorten") };
    private static readonly Remedy Wait = new(["RATE_LIMITED"]) { Times = 2, Backoff = new RetryPolicy { Initial = TimeSpan.FromMilliseconds(100), Jitter = 0 } };

    /// <summary>A step with remedies between two others, beside one that runs at the same time.</summary>
    private static Play Work(RetryPolicy? retry = null, Func<ReadOnlyMemory<byte>, string?>? contract = null, params Remedy[] remedies)
    {
        var play = new Play(Define(Graph(
            "g",
            new Step(Call("first")),
            new Step(new CallNode { Id = "work", Tool = FakeTool.External, Retry = retry ?? RetryPolicy.None, Remedies = remedies, OutputValidator = contract, Compensation = Call("undo") }) { After = ["first"] },
            new Step(Call("beside")) { After = ["first"] },
            new Step(Call("last")) { After = ["work"] })));
        return play.Succeed("first", """{"text":"hello"}""");
    }

    private static Play Reject(Play play, StepError error, string output = """{"nme":"x"}""")
    {
        play.Start("work");
        NodeRun node = play.Node("work");
        Assert.True(play.Feed(new StepRejected(node.Id, node.Attempt, error, Payload.FromText(output), 7)));
        return play;
    }

    /// <summary>The journal alone, and a snapshot with what follows, give the same state.</summary>
    private static void AssertReplays(Play play)
    {
        Assert.Equal(Play.Bytes(play.State), Play.Bytes(play.Reload().State));
        byte[] snapshot = Play.Bytes(play.State);
        Assert.Equal(snapshot, Play.Bytes(play.Reload(new StoredSnapshot(play.State.Seq, snapshot)).State));
    }

    [Fact]
    public void Answer_OfARemedy_IsTheStepsOutput()
    {
        Play play = Reject(Work(remedies: [Repair]), Invalid);
        Assert.Equal(NodePhase.Remedied, play.Node("work").Phase);
        Assert.Equal("""{"input":{"text":"hello"},"output":{"nme":"x"},"error":{"code":"OUTPUT_INVALID","message":"it has no name"}}""", play.Node("fix").Input!.ToString());
        AssertReplays(play);
        play.Succeed("fix", """{"name":"x"}""");
        Assert.Equal("""{"name":"x"}""", play.Node("last").Input!.ToString());
        play.Succeed("last").Succeed("beside");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        Assert.Equal(7, play.State.SpentNanoDollars);
    }

    [Fact]
    public void Answer_ThatBreaksTheContractToo_FailsTheStep()
    {
        Play play = Reject(Work(null, output => "there is no name", Repair), Invalid);
        play.Succeed("fix", "{}");
        Assert.Contains(play.Journal.OfType<NodeFinished>(), e => e.Status == NodeStatus.Failed && e.Error!.Code == "OUTPUT_INVALID" && e.Error.Message.Contains("'fix'", StringComparison.Ordinal));
    }

    [Fact]
    public void NewInput_OfARemedy_IsAnotherIntent()
    {
        Play play = Work(remedies: [Shorten]);
        play.Fail("work", TooLong);
        Assert.Contains("\"output\":null", play.Node("shorten").Input!.ToString());
        play.Succeed("shorten", "\"brief\"");
        AssertReplays(play);
        Assert.Equal((NodePhase.Backoff, 1, "\"brief\""), (play.Node("work").Phase, play.Node("work").Generation, play.Node("work").Input!.ToString()));
        play.FireTimer("work");
        play.Succeed("work").Succeed("last").Succeed("beside");
        Assert.Equal(RunStatus.Completed, play.State.Status);
    }

    [Fact]
    public void Remedy_LeavesTheRetriesOfTheStepAlone()
    {
        Play play = Work(new RetryPolicy { MaxAttempts = 2, Jitter = 0 }, null, Wait);
        play.Fail("work", Busy);
        Assert.Equal((0, 1, play.Now + 3000), (play.Node("work").Failures, play.Node("work").FailedAttempts, play.Node("work").Due));
        AssertReplays(play);
        play.FireTimer("work");
        play.Fail("work");
        play.FireTimer("work");
        play.Fail("work", Busy with { RetryAfter = null });
        Assert.Equal(play.Now + 200, play.Node("work").Due);
        play.FireTimer("work");
        play.Succeed("work").Succeed("last").Succeed("beside");
        Assert.Equal(RunStatus.Completed, play.State.Status);
    }

    [Fact]
    public void Remedy_UsedUp_LeavesTheFailureToTheRetryPolicy()
    {
        Play play = Work(remedies: [Wait]);
        for (int i = 0; i < 2; i++)
        {
            play.Fail("work", Busy);
            play.FireTimer("work");
        }

        play.Fail("work", Busy);
        Assert.DoesNotContain("work", play.Open);
    }

    [Fact]
    public void Remedy_ThatFails_FailsTheStepWithItsOwnError()
    {
        Play play = Reject(Work(remedies: [Repair]), Invalid);
        play.Fail("fix", FakeTool.Error(ErrorCategory.Permanent));
        StepError error = play.Journal.OfType<NodeFinished>().First(e => e is { Status: NodeStatus.Failed, Error.Code: "OUTPUT_INVALID" }).Error!;
        Assert.Contains("'fix' did not help", error.Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Abort_WhileARemedyRuns_ClosesItAndTheStep(bool started)
    {
        Play play = Reject(Work(remedies: [Repair]), Invalid);
        if (started)
        {
            play.Start("fix");
        }

        play.Fail("beside", FakeTool.Error(ErrorCategory.Permanent));
        if (started)
        {
            Assert.Equal(NodePhase.InFlight, play.Node("fix").Phase);
            AssertReplays(play);
            Assert.True(play.Feed(new StepCancelled(play.Node("fix").Id, 1)));
        }

        Assert.Equal(RunStatus.Failed, play.State.Status);
        Assert.Empty(play.State.Open);
    }

    [Fact]
    public void Cancel_WhileARemedyRuns_EndsTheRun()
    {
        Play play = Reject(Work(remedies: [Repair]), Invalid);
        play.Start("fix");
        play.Feed(new CancelRequested("ops", "enough"));
        Assert.True(play.Feed(new StepCancelled(play.Node("fix").Id, 1)));
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
    }

    [Fact]
    public void RemediedStep_IsUndoneLikeAnyOther()
    {
        Play play = Reject(Work(remedies: [Repair]), Invalid);
        play.Succeed("fix", """{"name":"x"}""");
        play.Fail("last", FakeTool.Error(ErrorCategory.Permanent));
        Assert.Contains("undo", play.Open);
    }

    [Fact]
    public void Remedies_AreReadFromAFile()
    {
        Remedy[] remedies = [.. ((CallNode)Definitions.Loading.Loading.Definition("""
            language: 1
            name: w
            version: 1.0.0
            planner: dag
            steps:
              - id: a
                tool: skill.echo
                remedies:
                  - { on: [OUTPUT_INVALID], tool: skill.echo, then: accept }
                  - { on: [RATE_LIMITED, BUSY], times: 2, initial: 1s, factor: 3 }
            """).Nodes.Single(n => n.Id == "a")).Remedies];
        Assert.Equal((true, "skill.echo", 1), (remedies[0].IsAnswer, remedies[0].Call!.Tool.Contract.Id, remedies[0].Times));
        Assert.Null(remedies[1].Call);
        Assert.Equal((2, TimeSpan.FromSeconds(1), 3.0), (remedies[1].Times, remedies[1].Backoff.Initial, remedies[1].Backoff.Factor));
        Assert.Equal(["RATE_LIMITED", "BUSY"], remedies[1].On);
    }
}
