using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

/// <summary>Places at what runs share: semaphores and barriers.</summary>
public class PlaceTests
{
    private static SharedUse Semaphore(string name = "\"ledger\"", int permits = 2, TimeSpan? timeout = null) => new(SharedKind.Semaphore, Template(name), permits, timeout);

    private static T With<T>(T node, SharedUse semaphore)
        where T : PlanNode
    {
        node.Semaphore = semaphore;
        return node;
    }

    private static BarrierNode Barrier(string id, string name = "\"gate\"", int parties = 3, TimeSpan? timeout = null) => new() { Id = id, Barrier = new SharedUse(SharedKind.Barrier, Template(name), parties, timeout) };

    private static Play Of(PlanNode node, string input = "{}") => new(Define(Machine("m", new State(node) { Final = true })), input);

    private static bool Grant(Play play, string id, int position = 1) => play.Feed(new PlaceGranted(play.Node(id).Id, 77, position));

    private static void AssertReplays(Play play)
    {
        byte[] live = Play.Bytes(play.State);
        Assert.Equal(live, Play.Bytes(play.Reload().State));
        Assert.Equal(live, Play.Bytes(SnapshotCodec.TryDecode(live, "default", RunId, play.State.Definition, play.Blob)!));
    }

    [Fact]
    public void Semaphore_OnACall_HoldsItBackUntilThePermitAndReturnsItWithTheOutcome()
    {
        Play play = Of(With(Call("a", retry: new RetryPolicy { MaxAttempts = 2 }), Semaphore()));
        Assert.Equal((NodePhase.Queued, true), (play.Node("a").Phase, play.State.IsIdle));
        Assert.Equal(("ledger", 2), play.Journal.OfType<PlaceRequested>().Select(p => (p.Name, p.Size)).Single());
        Assert.Empty(play.Journal.OfType<StepScheduled>());
        AssertReplays(play);
        Assert.True(Grant(play, "a"));
        Assert.False(Grant(play, "a"));
        play.Fail("a");
        // Between two attempts it is kept.
        Assert.Empty(play.Journal.OfType<PlaceLeft>());
        AssertReplays(play);
        play.FireTimer("a");
        play.Succeed("a");
        Assert.Equal(RunStatus.Completed, play.State.Status);
        Assert.True(Assert.Single(play.Journal.OfType<PlaceLeft>()).Held);
        Assert.Empty(play.State.Places);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Semaphore_RunIsCancelled_GivesThePlaceBack(bool held)
    {
        Play play = Of(With(Call("a"), Semaphore()));
        if (held)
        {
            Grant(play, "a");
        }

        play.Feed(new CancelRequested("ops", "enough"));
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
        Assert.Equal(held, Assert.Single(play.Journal.OfType<PlaceLeft>()).Held);
    }

    [Fact]
    public void Semaphore_OnAScope_IsHeldUntilTheScopeHasEndedAndItsTimeCountsFromThePermit()
    {
        var scope = new Engine.Nodes.BehaviorTree.TimeoutNode(Call("inner")) { Id = "scope", Timeout = TimeSpan.FromSeconds(10) };
        Play play = Of(With(scope, Semaphore()));
        Assert.Empty(play.Journal.OfType<TimerSet>());
        Assert.True(Grant(play, "scope"));
        Assert.Single(play.Journal.OfType<TimerSet>());
        play.Succeed("inner");
        Assert.IsType<PlaceLeft>(play.Journal[play.Journal.FindIndex(e => e is NodeFinished { Id: 1 }) + 1]);
    }

    [Fact]
    public void Semaphore_NoPermitInTime_FailsAndGivesUpThePlace()
    {
        Play play = Of(With(Call("a"), Semaphore(timeout: TimeSpan.FromMinutes(1))));
        Assert.True(play.FireTimer("a"));
        Assert.Equal((RunStatus.Failed, "SEMAPHORE_TIMEOUT"), (play.State.Status, play.State.Error!.Code));
        Assert.False(Assert.Single(play.Journal.OfType<PlaceLeft>()).Held);
        Play granted = Of(With(Call("a"), Semaphore(timeout: TimeSpan.FromMinutes(1))));
        long due = granted.Node("a").Due;
        Grant(granted, "a");
        Assert.False(granted.Feed(new TimerFired(granted.Node("a").Id, due)));
    }

    [Theory]
    [InlineData("\"for-${input.who}\"", "for-me", null)]
    [InlineData("\"${input.n}\"", null, "1 to 200 characters")]
    [InlineData("\"${input.nothing}\"", null, "nothing")]
    public void Name_IsComputedWhenTheNodeIsEntered(string template, string? name, string? problem)
    {
        Play play = Of(With(Call("a"), Semaphore(template)), """{"who":"me","n":5}""");
        Assert.Equal(name, play.Journal.OfType<PlaceRequested>().FirstOrDefault()?.Name);
        if (problem is not null)
        {
            Assert.Equal("EXPRESSION_FAILED", play.State.Error!.Code);
            Assert.Contains(problem, play.State.Error.Message);
        }
    }

    [Fact]
    public void Barrier_ThatOpens_EndsWithRoundAndPosition()
    {
        Play play = Of(Barrier("a"));
        Assert.Equal((SharedKind.Barrier, "gate", 3), play.Journal.OfType<PlaceRequested>().Select(p => (p.Kind, p.Name, p.Size)).Single());
        AssertReplays(play);
        Assert.True(Grant(play, "a", position: 3));
        Assert.Equal("""{"round":77,"position":3,"parties":3}""", play.State.Output!.ToString());
        Assert.Empty(play.Journal.OfType<PlaceLeft>());
    }

    [Fact]
    public void Barrier_NotInTime_FailsAndWithdraws()
    {
        Play play = Of(Barrier("a", timeout: TimeSpan.FromMinutes(5)));
        Assert.True(play.FireTimer("a"));
        Assert.Equal("BARRIER_TIMEOUT", play.State.Error!.Code);
        Assert.False(Assert.Single(play.Journal.OfType<PlaceLeft>()).Held);
        Assert.False(play.Feed(new PlaceGranted(1, 1, 1)));
    }

    [Fact]
    public void Effects_OfAFrame_SayWhatItDoesToOthers()
    {
        Play play = Of(With(Call("a"), Semaphore()));
        CrossAppend asked = CrossEffects.Of(play.State, play.Journal, null, null)!;
        Assert.Equal(new PlaceRequest(1, SharedKind.Semaphore, "ledger", 2), Assert.Single(asked.Requests));
        play.Feed(new CancelRequested("ops", "enough"));
        // Asked for and given up in one frame: nobody ever sees it.
        Assert.Null(CrossEffects.Of(play.State, play.Journal, null, null));
        CrossAppend left = CrossEffects.Of(play.State, [.. play.Journal.SkipWhile(e => e is not CancelRequested)], null, null)!;
        Assert.Equal((new PlaceReturn(1, SharedKind.Semaphore, "ledger", false), true), (Assert.Single(left.Returns), left.Withdraws));
        var adopted = new RunAdopted(RunId, 5, 2, 1, null);
        CrossItem item = Assert.Single(CrossEffects.Of(play.State, [], adopted, null)!.Items);
        Assert.Equal((RunId, InboxKind.Answer, $"child:{RunId}"), (item.Run, item.Kind, item.Dedupe));
        Assert.Equal((5, 2, "RUN_CANCELLED"), (InboxContent.Read(item.Data).Node, InboxContent.Read(item.Data).Generation, InboxContent.Read(item.Data).Error!.Code));
    }
}
