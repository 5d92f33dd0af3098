using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

public class GraphTests
{
    [Fact]
    public void Diamond_StartsWhatIsReady_AndJoins()
    {
        var play = new Play(Define(Graph("g",
            new Step(Call("a")),
            new Step(Call("b")) { After = ["a"] },
            new Step(Call("c")) { After = ["a"] },
            new Step(Call("d", input: """["${steps.b.output}","${steps.c.output}"]""")) { After = ["b", "c"] })));
        play.Succeed("a");
        Assert.Equal(["b", "c"], play.Open);
        play.Succeed("c", "3");
        Assert.Equal(["b"], play.Open);
        play.Succeed("b", "2");
        Assert.Equal("[2,3]", play.Node("d").Input!.ToString());
        play.Succeed("d", "4");
        Assert.Equal("4", play.State.Output!.ToString());
    }

    [Fact]
    public void Output_SeveralSinks_MapsTheirIds()
    {
        var play = new Play(Define(Graph("g", new Step(Call("a")), new Step(Call("b")))));
        play.Succeed("b", "2").Succeed("a", "1");
        Assert.Equal("""{"a":1,"b":2}""", play.State.Output!.ToString());
    }

    [Fact]
    public void Condition_False_SkipsTheStepAndWhatHangsOnIt()
    {
        var play = new Play(Define(Graph("g",
            new Step(Call("a")),
            new Step(Call("b")) { After = ["a"], If = "steps.a.output.go" },
            new Step(Call("c")) { After = ["b"] },
            new Step(Call("d")) { After = ["c"], If = "always()" })));
        play.Succeed("a", """{"go":false}""");
        Assert.Equal(["d"], play.Open);
        Assert.Equal(2, play.Journal.OfType<NodeSkipped>().Count());
    }

    [Fact]
    public void Abort_CancelsSiblingsSkipsPendingRunsCleanupAndFails()
    {
        var play = new Play(Define(Graph("g",
            new Step(Call("a")),
            new Step(Call("b")),
            new Step(Call("c")) { After = ["b"] },
            new Step(Call("cleanup")) { After = ["a", "b"], If = "failed()" })));
        play.Start("b").Fail("a", FakeTool.Error(Contracts.Errors.ErrorCategory.Permanent));
        Assert.Equal(["b"], play.Open);
        play.Feed(new StepCancelled(play.Node("b").Id, 1));
        Assert.Equal(["cleanup"], play.Open);
        play.Succeed("cleanup");
        Assert.Equal(RunStatus.Failed, play.State.Status);
        Assert.Equal("TEST_ERROR", play.State.Error!.Code);
    }

    [Fact]
    public void Continue_FailureSkipsDependentsOnly_AndTheGraphSucceeds()
    {
        var play = new Play(Define(Graph("g",
            new Step(Call("a")) { OnError = OnStepError.Continue },
            new Step(Call("b")),
            new Step(Call("c")) { After = ["a"] },
            new Step(Call("rescue")) { After = ["a"], If = "failed() && steps.a.error.code == 'TEST_ERROR'" })));
        play.Fail("a", FakeTool.Error(Contracts.Errors.ErrorCategory.Permanent));
        Assert.Equal(["b", "rescue"], play.Open);
        play.Succeed("rescue", "1").Succeed("b", "2");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        Assert.Equal("""{"b":2,"rescue":1}""", play.State.Output!.ToString());
    }

    [Fact]
    public void MaxParallel_KeepsTheRestPending_InDocumentOrder()
    {
        var steps = Enumerable.Range(0, 7).Select(i => (Body: (Engine.Nodes.PlanNode)Call("s" + i), new StepRules())).ToArray();
        var play = new Play(Define(new GraphNode(steps) { Id = "g", MaxParallel = 3 }));
        Assert.Equal(["s0", "s1", "s2"], play.Open);
        play.Succeed("s1");
        Assert.Equal(["s0", "s2", "s3"], play.Open);
        foreach (string id in new[] { "s0", "s2", "s3", "s4", "s5", "s6" })
        {
            play.Succeed(id);
        }

        Assert.Equal(RunStatus.Completed, play.State.Status);
    }

    [Fact]
    public void Constructor_Cycle_IsRefusedByName()
    {
        var e = Assert.Throws<ArgumentException>(() => Graph("g", new Step(Call("a")) { After = ["c"] }, new Step(Call("b")) { After = ["a"] }, new Step(Call("c")) { After = ["b"] }));
        Assert.Contains("a, b, c", e.Message);
    }

    [Fact]
    public void Cancel_NestedGraphs_EndsWhenTheLastStepInFlightHasStopped()
    {
        var play = new Play(Define(Graph("g",
            new Step(Graph("inner", new Step(Call("x")), new Step(Call("y")))),
            new Step(Call("z")))));
        play.Start("x").Start("z");
        play.Feed(new CancelRequested("me", ""));
        Assert.Equal(RunStatus.Cancelling, play.State.Status);
        play.Feed(new StepCancelled(play.Node("z").Id, 1));
        Assert.Equal(RunStatus.Cancelling, play.State.Status);
        play.Succeed("x");
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
    }

    [Fact]
    public void ScopeTimeout_NestedGraph_FailsItAloneAndOnErrorFollows()
    {
        var inner = new GraphNode([(Call("x"), new StepRules())]) { Id = "inner", Timeout = TimeSpan.FromSeconds(5) };
        var play = new Play(Define(Machine("m", new State(inner) { Next = "end", OnError = "late" }, new State(Call("end")) { Final = true }, new State(Call("late")) { Final = true })));
        Assert.True(play.FireTimer("inner"));
        Assert.Equal(["late"], play.Open);
    }

    [Fact]
    public void Output_ThatDoublesWithEachRound_FailsBeforeItFillsTheMemory()
    {
        var play = new Play(Define(Machine("m",
            new State(Graph("both", new Step(new Engine.Nodes.Control.PassNode { Id = "x" }), new Step(new Engine.Nodes.Control.PassNode { Id = "y" }))) { Next = "again" },
            new State(new Engine.Nodes.Control.PassNode { Id = "again" }) { Next = "both" })));
        Assert.Equal(RunStatus.Failed, play.State.Status);
        Assert.Equal("RESULT_TOO_LARGE", play.State.Error!.Code);
    }
}
