using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

public class LoopBreakerTests
{
    [Fact]
    public void Machine_TwoRoundsAlike_StopsAndNamesTheCycle()
    {
        Play play = Started(Round(Call("c")));
        Go(play, "1", "2", "3");
        Go(play, "1", "2", "3");
        Assert.Equal(RunStatus.Failed, play.State.Status);
        Assert.Equal("LOOP_WITHOUT_PROGRESS", play.State.Error!.Code);
        Assert.Contains("a → b → c → a", play.State.Error.Message);
        Replays.Same(play);
    }

    [Fact]
    public void Machine_AnOutputChanges_GoesOn()
    {
        Play play = Started(Round(Call("c")));
        for (int i = 0; i < 20; i++)
        {
            Go(play, "1", $"{i + 10}", "3");
        }

        Assert.Equal(RunStatus.Running, play.State.Status);
        Go(play, "1", "29", "3");
        Assert.Equal("LOOP_WITHOUT_PROGRESS", play.State.Error!.Code);
    }

    [Fact]
    public void Machine_RoundsThatTakeTurns_AreNotAlike()
    {
        Play play = Started(Round(Call("c")));
        for (int i = 0; i < 20; i++)
        {
            Go(play, "1", i % 2 == 0 ? "1" : "2", "3");
        }

        Assert.Equal(RunStatus.Running, play.State.Status);
    }

    [Fact]
    public void Machine_TimePassesInTheRound_GoesOnUntilItsLimits()
    {
        Play play = Started(Round(Sleep("c", TimeSpan.FromSeconds(1))), new RunPolicies { MaxSteps = 60 });
        while (!play.State.Status.IsTerminal())
        {
            play.Succeed("a", "1");
            if (!play.State.Status.IsTerminal())
            {
                play.Succeed("b", "2");
            }

            if (!play.State.Status.IsTerminal())
            {
                play.FireTimer("c");
            }
        }

        Assert.Equal("STEP_LIMIT_EXCEEDED", play.State.Error!.Code);
        Assert.True(play.State.Visits > 60);
    }

    [Fact]
    public void Machine_ASignalComes_GoesOn()
    {
        Play play = Started(Round(Signal("c", "go")));
        for (int i = 0; i < 10; i++)
        {
            play.Succeed("a", "1").Succeed("b", "2");
            play.Feed(new SignalReceived("go", Payload.FromText("\"same\""), i + 1));
        }

        Assert.Equal(RunStatus.Running, play.State.Status);
        Replays.Same(play);
    }

    [Fact]
    public void Machine_AnswerOfAHandedOverStep_IsNewInformation()
    {
        Play play = Started(Round(Call("c")));
        for (int i = 0; i < 5; i++)
        {
            play.Succeed("a", "1").Succeed("b", "2").Start("c");
            NodeRun c = play.Node("c");
            play.Feed(new StepHandedOver(c.Id, 1, play.Now + 1000));
            play.Feed(new StepAnswered(c.Id, 0, Payload.FromText("3"), null, 0, "agent:x"));
        }

        Assert.Equal(RunStatus.Running, play.State.Status);
    }

    [Fact]
    public void Machine_ErrorsThatRepeat_Stop()
    {
        Play play = Started(Machine("m", new State(Call("try")) { Next = "done", OnError = "mend" }, new State(Call("mend")) { Next = "try" }, new State(Call("done")) { Final = true }));
        for (int i = 0; i < 2; i++)
        {
            play.Fail("try", FakeTool.Error(ErrorCategory.Permanent)).Succeed("mend", "0");
        }

        Assert.Contains("try → mend → try", play.State.Error!.Message);
    }

    [Theory]
    [InlineData("steps.a.visits > 30")]
    [InlineData("run.now > timestamp('2033-01-01T00:00:00Z')")]
    [InlineData("run.cost_dollars > 1.0")]
    [InlineData("size(steps) > 7")]
    public void Machine_ThatCanCountItsRounds_IsNotWatched(string condition)
    {
        Play play = Started(Round(Call("c"), condition));
        for (int i = 0; i < 10; i++)
        {
            Go(play, "1", "2", "3");
        }

        Assert.Equal(RunStatus.Running, play.State.Status);
        Assert.DoesNotContain(play.Journal, e => e is LoopsWatched);
    }

    [Fact]
    public void Policy_Off_LeavesItToTheLimits()
    {
        Play play = Started(Round(Call("c")), new RunPolicies { BreaksLoops = false });
        for (int i = 0; i < 10; i++)
        {
            Go(play, "1", "2", "3");
        }

        Assert.Equal(RunStatus.Running, play.State.Status);
    }

    [Fact]
    public void Journal_WithoutTheMark_GoesOnAsItDid()
    {
        var play = new Play(Define(Round(Call("c"))));
        for (int i = 0; i < 5; i++)
        {
            Go(play, "1", "2", "3");
        }

        Assert.Equal(RunStatus.Running, play.Reload().State.Status);
    }

    [Fact]
    public void While_SameOutputTwice_Stops()
    {
        Play play = Started(Machine("m", new State(new WhileNode(Call("do")) { Id = "loop", Until = Cel("output == 9") }) { Final = true }));
        play.Succeed("do", "1").Succeed("do", "2").Succeed("do", "1");
        Assert.Equal(RunStatus.Running, play.State.Status);
        play.Succeed("do", "1");
        Assert.Equal("LOOP_WITHOUT_PROGRESS", play.State.Error!.Code);
        Replays.Same(play);
    }

    [Fact]
    public void Repeat_SameOutputTwice_StopsOnlyWithACondition()
    {
        Play until = Started(new RepeatNode(Call("do")) { Id = "r", Times = 9, Until = Cel("output == 9") });
        until.Succeed("do", "1").Succeed("do", "1");
        Assert.Equal("LOOP_WITHOUT_PROGRESS", until.State.Error!.Code);
        Play times = Started(new RepeatNode(Call("do")) { Id = "r", Times = 3 });
        times.Succeed("do", "1").Succeed("do", "1").Succeed("do", "1");
        Assert.Equal(RunStatus.Completed, times.State.Status);
    }

    [Fact]
    public void Plan_ThatChanges_BeginsToCountAnew()
    {
        var loaded = Definitions.Loading.Loading.Loader.Load(new WorkflowSource("""
            language: 1
            name: round
            version: 1.0.0
            planner: fsm
            initial_state: a
            final_states: [z]
            states:
              a: { tool: skill.http_call, on_success: b }
              b: { tool: skill.http_call, transitions: [{ condition: output == 9, target: z }], on_success: a }
              z: {}
            """, WorkflowAssets.Empty));
        var play = new Play(loaded.Definition!, watches: true);
        play.Succeed("a", "1").Succeed("b", "1");
        Assert.True(play.Feed(new PlanModified("changes: [{ insert: { id: c, tool: skill.http_call }, before: z }]", -1, "", "", "")));
        play.Succeed("a", "1").Succeed("b", "1").Succeed("a", "1").Succeed("b", "1");
        Assert.Equal(RunStatus.Running, play.State.Status);
        Replays.Same(play);
        play.Succeed("a", "1");
        Assert.Equal("LOOP_WITHOUT_PROGRESS", play.State.Error!.Code);
    }

    private static PlanNode Round(PlanNode third, string end = "output == 9") => Machine(
        "m",
        new State(Call("a")) { Next = "b" },
        new State(Call("b")) { Next = "c", When = [(end, "z")] },
        new State(third) { Next = "a" },
        new State(Call("z")) { Final = true });

    private static Play Started(PlanNode root, RunPolicies? policies = null) => new(Define(root, policies), watches: true);

    private static void Go(Play play, params string[] outputs)
    {
        foreach ((string id, string output) in new[] { "a", "b", "c" }.Zip(outputs))
        {
            if (!play.State.Status.IsTerminal())
            {
                play.Succeed(id, output);
            }
        }
    }
}
