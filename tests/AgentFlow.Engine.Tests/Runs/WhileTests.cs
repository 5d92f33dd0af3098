using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

public class WhileTests
{
    [Fact]
    public void Condition_BeforeEachRound_SeesTheOutputOfTheLast()
    {
        Play play = Started("1", new WhileNode(Call("do", input: """{"round":"${index}","last":"${output}"}""")) { Id = "loop", Condition = Cel("output < 3") });
        Assert.Equal("""{"round":0,"last":1}""", play.Node("do").Input!.ToString());
        play.Succeed("do", "2");
        Assert.Equal("""{"round":1,"last":2}""", play.Node("do").Input!.ToString());
        Replays.Same(play);
        play.Succeed("do", "3");
        Assert.Equal("3", play.State.Output!.ToString());
        Replays.Same(play);
    }

    [Fact]
    public void Condition_FalseAtOnce_GivesTheLatestOutput()
    {
        Play play = Started("9", new WhileNode(Call("do")) { Id = "loop", Condition = Cel("output < 3") });
        Assert.Equal("9", play.State.Output!.ToString());
    }

    [Fact]
    public void Until_AfterEachRound_EndsTheLoop()
    {
        Play play = Started("1", new WhileNode(Call("do")) { Id = "loop", Until = Cel("output == 'done'") });
        play.Succeed("do", "\"not yet\"").Succeed("do", "\"done\"");
        Assert.Equal("\"done\"", play.State.Output!.ToString());
        Replays.Same(play);
    }

    [Fact]
    public void Max_RoundsAreUsedUp_FailsWithWhileLimit()
    {
        Play play = Started("1", new WhileNode(Call("do")) { Id = "loop", Condition = Cel("true"), Max = 2 });
        play.Succeed("do", "1").Succeed("do", "2");
        Assert.Equal("WHILE_LIMIT", play.State.Error!.Code);
        Replays.Same(play);
    }

    [Fact]
    public void Delay_BetweenRounds_KeepsTheOutput()
    {
        Play play = Started("1", new WhileNode(Call("do"), TimeSpan.FromSeconds(5)) { Id = "loop", Condition = Cel("output < 3") });
        play.Succeed("do", "2");
        Assert.Equal(["pause"], play.Open);
        Replays.Same(play);
        Assert.True(play.FireTimer("pause"));
        Assert.Equal("2", play.Node("do").Input!.ToString());
        play.Succeed("do", "3");
        Assert.Equal("3", play.State.Output!.ToString());
    }

    [Fact]
    public void Body_Fails_TheLoopFails()
    {
        Play play = Started("1", new WhileNode(Call("do")) { Id = "loop", Condition = Cel("true") });
        play.Fail("do");
        Assert.Equal("TEST_ERROR", play.State.Error!.Code);
    }

    [Theory]
    [InlineData("nothing.there == 1", "EXPRESSION_FAILED")]
    [InlineData("1", "EXPRESSION_FAILED")]
    public void Condition_ThatCannotBeEvaluated_IsAnError(string condition, string code)
    {
        Play play = Started("1", new WhileNode(Call("do")) { Id = "loop", Condition = Cel(condition.Replace("nothing", "input", StringComparison.Ordinal)) });
        Assert.Equal(code, play.State.Error!.Code);
    }

    [Fact]
    public void Scope_AsBody_BeginsAnewInEachRound()
    {
        Play play = Started("1", new WhileNode(Graph("do", new Step(Call("a")), new Step(Call("b")) { After = ["a"] })) { Id = "loop", Until = Cel("output == 2") });
        play.Succeed("a", "0").Succeed("b", "1").Succeed("a", "0");
        Assert.Equal(["b"], play.Open);
        Assert.Equal("loop#1/do#2/b#1", play.Node("b").Path);
        play.Succeed("b", "2");
        Assert.Equal("2", play.State.Output!.ToString());
        Replays.Same(play);
    }

    [Fact]
    public void Cancel_BetweenRounds_EndsTheRun()
    {
        Play play = Started("1", new WhileNode(Call("do"), TimeSpan.FromHours(1)) { Id = "loop", Condition = Cel("true") });
        play.Succeed("do", "2");
        play.Feed(new CancelRequested("ops", "enough"));
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
    }

    private static Play Started(string input, WhileNode loop) => new(Define(Machine("m", new State(loop) { Final = true })), input);
}
