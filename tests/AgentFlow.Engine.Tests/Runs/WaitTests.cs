using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

public class WaitTests
{
    private static Play TwoWaits() => new(Define(Machine("m",
        new State(Signal("first", "go")) { Next = "second" },
        new State(Signal("second", "go")) { Final = true })));

    [Fact]
    public void Signal_EndsTheWaitWithItsPayload()
    {
        Play play = TwoWaits();
        Assert.True(play.State.IsIdle);
        play.Feed(new SignalReceived("go", Payload.FromText("1"), 1));
        Assert.Equal(["second"], play.Open);
        play.Feed(new SignalReceived("go", Payload.FromText("2"), 2));
        Assert.Equal("2", play.State.Output!.ToString());
    }

    [Fact]
    public void Signal_ThatCameEarly_WaitsFirstInFirstOut()
    {
        var play = new Play(Define(Machine("m",
            new State(Call("a")) { Next = "first" },
            new State(Signal("first", "go")) { Next = "second" },
            new State(Signal("second", "go")) { Final = true })));
        play.Feed(new SignalReceived("go", Payload.FromText("1"), 1));
        play.Feed(new SignalReceived("other", Payload.FromText("x"), 2));
        play.Feed(new SignalReceived("go", Payload.FromText("2"), 3));
        play.Succeed("a");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        Assert.Equal("2", play.State.Output!.ToString());
        Assert.Equal("other", Assert.Single(play.State.Signals).Name);
    }

    [Fact]
    public void Signal_TwoWaiters_TheFirstOpenedTakesIt()
    {
        var play = new Play(Define(Graph("g", new Step(Signal("a", "go")), new Step(Signal("b", "go")))));
        play.Feed(new SignalReceived("go", Payload.FromText("1"), 1));
        Assert.Equal(["b"], play.Open);
    }

    [Fact]
    public void SignalLimit_Passes_FailsWithWaitTimeout()
    {
        var play = new Play(Define(Machine("m", new State(Signal("w", "go", TimeSpan.FromMinutes(1))) { Final = true })));
        Assert.Equal(60_000, play.Node("w").Due - play.Now);
        play.FireTimer("w");
        Assert.Equal("WAIT_TIMEOUT", play.State.Error!.Code);
    }

    [Fact]
    public void Sleep_TimerFires_Succeeds()
    {
        var play = new Play(Define(Machine("m", new State(Sleep("w", TimeSpan.FromDays(400))) { Final = true })));
        play.FireTimer("w");
        Assert.Equal(RunStatus.Completed, play.State.Status);
    }

    [Fact]
    public void Timer_OfAClosedWait_IsDropped()
    {
        Play play = TwoWaits();
        Assert.False(play.Feed(new TimerFired(1, 5)));
    }
}
