using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

public class StateMachineTests
{
    [Fact]
    public void Run_FinalState_RunsAndNamesTheOutcome()
    {
        var play = new Play(Define(Machine("m",
            new State(Call("a")) { Next = "b" },
            new State(Call("b")) { Final = true, Outcome = "answered" })));
        play.Succeed("a", """{"x":1}""").Succeed("b", """{"y":2}""");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        Assert.Equal("answered", play.State.Outcome);
        Assert.Equal("""{"y":2}""", play.State.Output!.ToString());
    }

    [Theory]
    [InlineData(0.2, "low")]
    [InlineData(0.7, "middle")]
    [InlineData(0.95, "high")]
    public void Transitions_FirstTrueCondition_Wins(double confidence, string expected)
    {
        var play = new Play(Define(Machine("m",
            new State(Call("classify")) { When = [("output.confidence < 0.5", "low"), ("output.confidence < 0.9", "middle")], Next = "high" },
            new State(Call("low")) { Final = true },
            new State(Call("middle")) { Final = true },
            new State(Call("high")) { Final = true })));
        play.Succeed("classify", $$"""{"confidence":{{confidence}}}""");
        Assert.Equal([expected], play.Open);
    }

    [Fact]
    public void Transitions_ConditionErrs_GoesToOnErrorWithTheReason()
    {
        var play = new Play(Define(Machine("m",
            new State(Call("a")) { When = [("output.missing > 1", "b")], Next = "b", OnError = "rescue" },
            new State(Call("b")) { Final = true },
            new State(Call("rescue")) { Final = true })));
        play.Succeed("a");
        Assert.Equal(["rescue"], play.Open);
    }

    [Fact]
    public void Transitions_NoneTrueAndNoOnSuccess_FailsNamingTheState()
    {
        var play = new Play(Define(Machine("m",
            new State(Call("a")) { When = [("false", "b")] },
            new State(Call("b")) { Final = true })));
        play.Succeed("a");
        Assert.Equal(RunStatus.Failed, play.State.Status);
        Assert.Equal("NO_TRANSITION", play.State.Error!.Code);
        Assert.Contains("'a'", play.State.Error.Message);
    }

    [Fact]
    public void Failure_WithoutOnError_FailsTheRun()
    {
        var play = new Play(Define(Machine("m", new State(Call("a")) { Final = true })));
        play.Fail("a", FakeTool.Error(ErrorCategory.Permanent));
        Assert.Equal(RunStatus.Failed, play.State.Status);
        Assert.Equal("TEST_ERROR", play.State.Error!.Code);
    }

    [Fact]
    public void Failure_WithOnError_SeesTheErrorInExpressions()
    {
        var play = new Play(Define(Machine("m",
            new State(Call("a")) { Final = true, OnError = "rescue" },
            new State(Call("rescue", input: """{"why":"${error.code}","from":"${steps.a.status}"}""")) { Final = true })));
        play.Fail("a");
        Assert.Equal("""{"why":"TEST_ERROR","from":"failed"}""", play.Node("rescue").Input!.ToString());
    }

    [Fact]
    public void Input_LoneExpression_KeepsItsTypeAndBytes()
    {
        var play = new Play(Define(Machine("m",
            new State(Call("a", input: "\"${input}\"")) { Next = "b" },
            new State(Call("b", input: """{"n":"${steps.a.output.n}","text":"n is ${steps.a.output.n}!","$":"$${x}"}""")) { Final = true })), """{"n": 1.50, "z":[1]}""");
        Assert.Equal("""{"n": 1.50, "z":[1]}""", play.Node("a").Input!.ToString());
        play.Succeed("a", """{"n":7}""");
        Assert.Equal("""{"n":7,"text":"n is 7!","$":"${x}"}""", play.Node("b").Input!.ToString());
    }

    [Fact]
    public void Loop_Revisits_CountVisitsAndSeeTheLatestOutput()
    {
        var play = new Play(Define(Machine("m",
            new State(Call("draft")) { Next = "review" },
            new State(Call("review")) { When = [("output.ok", "done")], Next = "draft" },
            new State(Call("done", input: """{"visits":"${steps.draft.visits}"}""")) { Final = true })));
        play.Succeed("draft").Succeed("review", """{"ok":false}""").Succeed("draft").Succeed("review", """{"ok":true}""");
        Assert.Equal("""{"visits":2}""", play.Node("done").Input!.ToString());
        Assert.Equal("done#1", play.Node("done").Path);
    }

    [Fact]
    public void Loop_WithoutEnd_StopsAtTheStepLimit()
    {
        var play = new Play(Define(
            Machine("m", new State(new Engine.Nodes.Control.PassNode { Id = "a" }) { Next = "b" }, new State(new Engine.Nodes.Control.PassNode { Id = "b" }) { Next = "a" }),
            new RunPolicies { MaxSteps = 500 }));
        Assert.Equal(RunStatus.Failed, play.State.Status);
        Assert.Equal("STEP_LIMIT_EXCEEDED", play.State.Error!.Code);
    }

    [Fact]
    public void Nested_MachineInsideMachine_FailureReachesTheOuterOnError()
    {
        var play = new Play(Define(Machine("m",
            new State(Machine("inner", new State(Call("x")) { Next = "y" }, new State(Call("y")) { Final = true })) { Next = "end", OnError = "rescue" },
            new State(Call("end")) { Final = true },
            new State(Call("rescue")) { Final = true })));
        play.Succeed("x").Fail("y");
        Assert.Equal(["rescue"], play.Open);
        Assert.Contains(play.Journal.OfType<NodeFinished>(), f => f.Status == NodeStatus.Failed);
    }

    [Fact]
    public void Output_Template_IsRenderedAtTheEnd()
    {
        var play = new Play(Define(Machine("m", new State(Call("a")) { Final = true }), output: Template("""{"answer":"${steps.a.output.text}"}""")));
        play.Succeed("a", """{"text":"hi"}""");
        Assert.Equal("""{"answer":"hi"}""", play.State.Output!.ToString());
    }
}
