using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

public class WaitForTests
{
    [Fact]
    public void Any_FirstSignal_SaysWhichAndWhat()
    {
        Play play = Started(new WaitForNode([Signal("yes", "yes"), Signal("no", "no"), Sleep("timer", TimeSpan.FromHours(1))]) { Id = "w" });
        Replays.Same(play);
        play.Feed(new SignalReceived("no", Payload.FromText("\"too dear\""), 1));
        Assert.Equal("""{"which":"no","output":"too dear"}""", play.State.Output!.ToString());
        Replays.Same(play);
    }

    [Fact]
    public void Any_TheTimer_GivesNull()
    {
        Play play = Started(new WaitForNode([Signal("yes", "yes"), Sleep("timer", TimeSpan.FromHours(1))]) { Id = "w" });
        Assert.True(play.FireTimer("timer"));
        Assert.Equal("""{"which":"timer","output":null}""", play.State.Output!.ToString());
    }

    [Fact]
    public void Any_SignalsThatComeTogether_OnlyTheFirstIsTaken()
    {
        var play = new Play(Define(Machine("m", new State(new WaitForNode([Signal("a", "a"), Signal("b", "b")]) { Id = "w" }) { Next = "later" }, new State(Signal("later", "b")) { Final = true })));
        Assert.True(play.Machine.HandleSignals([new SignalReceived("a", Payload.FromText("1"), 1) { At = play.Now }, new SignalReceived("b", Payload.FromText("2"), 2) { At = play.Now }]));
        Assert.Equal("2", play.State.Output!.ToString());
        Assert.Empty(play.State.Signals);
    }

    [Fact]
    public void Any_SignalThatCameBefore_IsTakenAtOnce()
    {
        var play = new Play(Define(Machine("m", new State(Call("a")) { Next = "w" }, new State(new WaitForNode([Signal("x", "x"), Signal("y", "y")]) { Id = "w" }) { Final = true })));
        play.Feed(new SignalReceived("x", Payload.FromText("1"), 1));
        play.Feed(new SignalReceived("y", Payload.FromText("2"), 2));
        play.Succeed("a");
        Assert.Equal("""{"which":"x","output":1}""", play.State.Output!.ToString());
        Assert.Single(play.State.Signals);
        Replays.Same(play);
    }

    [Fact]
    public void All_InAnyOrder_GivesEachPayload()
    {
        Play play = Started(new WaitForNode([Signal("a", "a"), Signal("b", "b"), Sleep("timer", TimeSpan.FromSeconds(5))]) { Id = "w", All = true });
        play.Feed(new SignalReceived("b", Payload.FromText("2"), 1));
        Replays.Same(play);
        play.FireTimer("timer");
        play.Feed(new SignalReceived("b", Payload.FromText("3"), 2));
        Assert.Equal(RunStatus.Running, play.State.Status);
        play.Feed(new SignalReceived("a", Payload.FromText("1"), 3));
        Assert.Equal("""{"a":1,"b":2,"timer":null}""", play.State.Output!.ToString());
        Replays.Same(play);
    }

    [Fact]
    public void Timeout_FailsWithWaitTimeout()
    {
        Play play = Started(new WaitForNode([Signal("a", "a"), Signal("b", "b")]) { Id = "w", All = true, Timeout = TimeSpan.FromSeconds(5) });
        play.Feed(new SignalReceived("b", Payload.FromText("2"), 1));
        Assert.True(play.FireTimer("w"));
        Assert.Equal("WAIT_TIMEOUT", play.State.Error!.Code);
        Assert.Contains("1 of 2 came to 'w'", play.State.Error.Message);
        Replays.Same(play);
    }

    [Theory]
    [InlineData("timestamp('2023-11-14T22:13:21.0005Z')", 1_001)]
    [InlineData("timestamp('2033-11-14T22:13:20Z')", 315_619_200_000)]
    [InlineData("run.now + duration('90s')", 90_000)]
    public void Until_InTheFuture_IsNeverEarly(string until, long after)
    {
        Play play = Started(new WaitNode { Id = "w", Until = Cel(until) });
        Assert.Equal(1_700_000_000_000 + after, play.Node("w").Due);
        Replays.Same(play);
        Assert.True(play.FireTimer("w"));
        Assert.Equal(RunStatus.Completed, play.State.Status);
    }

    [Theory]
    [InlineData("timestamp('2003-11-14T22:13:20Z')")]
    [InlineData("run.now")]
    public void Until_ThatHasPassed_EndsAtOnce(string until) =>
        Assert.Equal(RunStatus.Completed, Started(new WaitNode { Id = "w", Until = Cel(until) }).State.Status);

    [Theory]
    [InlineData("'2033-11-14T22:13:20Z'", "instead of a timestamp")]
    [InlineData("timestamp('tomorrow')", "failed")]
    public void Until_ThatIsNoTime_FailsCleanly(string until, string message)
    {
        Play play = Started(new WaitNode { Id = "w", Until = Cel(until) });
        Assert.Equal("EXPRESSION_FAILED", play.State.Error!.Code);
        Assert.Contains(message, play.State.Error.Message);
    }

    private static Play Started(PlanNode wait) => new(Define(Machine("m", new State(wait) { Final = true })));
}
