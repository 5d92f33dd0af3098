using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Steps;
using AgentFlow.Engine.Tests.Runs;

namespace AgentFlow.Engine.Tests.Steps;

public class AgentPaceTests
{
    private const long Start = 1_700_000_000_000;
    private const long Minute = 60_000;

    private static readonly KnownPolicy TwoRequests = new("writer", new AgentPolicy { RequestsPerMinute = 2 }, null);
    private static readonly KnownPolicy HundredTokens = new("writer", new AgentPolicy { TokensPerMinute = 100 }, null);

    private readonly AgentPace _pace = new();

    private long Wait(int step, long at, KnownPolicy? policy = null, bool leaps = false, string tenant = "t1", int attempt = 0) =>
        _pace.Ask(tenant, policy ?? TwoRequests, (Flow.RunId, step, attempt), Start + at, leaps)?.WaitMs ?? 0;

    [Fact]
    public void Ask_MoreThanTheRate_GivesTurnsInTheOrderOfComing() =>
        Assert.Equal([0, 0, Minute, Minute, 2 * Minute], Enumerable.Range(1, 5).Select(step => Wait(step, 0)));

    [Fact]
    public void Ask_WhenItsTurnHasCome_IsLetThroughAndCountsOnce()
    {
        foreach (int step in Enumerable.Range(1, 5))
        {
            Wait(step, 0);
        }

        // Too early, and then in time; whoever is new waits behind those who have waited.
        Assert.Equal(1000, Wait(3, Minute - 1000));
        Assert.Equal(0, Wait(3, Minute));
        Assert.Equal(0, Wait(4, Minute));
        Assert.Equal(Minute, Wait(6, Minute));
        Assert.Equal(0, Wait(5, 2 * Minute));
        Assert.Equal(0, Wait(6, 2 * Minute));
        Assert.Equal(Minute, Wait(7, 2 * Minute));
    }

    [Fact]
    public void Ask_OldRequests_LeaveTheWindowOneByOne()
    {
        Assert.Equal([0, 0], [Wait(1, 0), Wait(2, 20_000)]);
        Assert.Equal(30_000, Wait(3, 30_000));
        Assert.Equal(20_000, Wait(4, 60_000));
        Assert.Equal(0, Wait(5, 3 * Minute));
    }

    [Fact]
    public void Ask_AnotherTryOfAStep_IsAnotherRequest() =>
        Assert.Equal([0, 0, Minute], new[] { 0, 1, 2 }.Select(attempt => Wait(1, 0, attempt: attempt)));

    [Fact]
    public void Ask_OtherTenantsAndAgents_AreCountedApart()
    {
        Assert.Equal([0, 0, Minute], [Wait(1, 0), Wait(2, 0), Wait(3, 0)]);
        Assert.Equal(0, Wait(4, 0, tenant: "t2"));
        Assert.Equal(0, Wait(5, 0, TwoRequests with { Agent = "reader" }));
    }

    [Fact]
    public void Ask_RateThatChanged_HoldsFromThenOn()
    {
        Assert.Equal([0, 0, Minute], [Wait(1, 0), Wait(2, 0), Wait(3, 0)]);
        // Raised: those who have waited are not overtaken. Lowered: what was done counts.
        Assert.Equal(Minute, Wait(4, 0, TwoRequests with { Policy = new AgentPolicy { RequestsPerMinute = 10 } }));
        Assert.Equal(2 * Minute, Wait(5, 0, TwoRequests with { Policy = new AgentPolicy { RequestsPerMinute = 1 } }));
    }

    [Fact]
    public void Ask_InALeapingTime_WaitsTheSameAndNobodyHasToComeBackLater()
    {
        Assert.Equal([0, 0, Minute], [Wait(1, 0, leaps: true), Wait(2, 0, leaps: true), Wait(3, 0, leaps: true)]);
        // Time has leapt to the turn: at the same moment of the machine's clock the step is let through, and another one has room.
        Assert.Equal([0, 0, Minute], [Wait(3, 0, leaps: true), Wait(4, 0, leaps: true), Wait(5, 0, leaps: true)]);
        Assert.Equal(0, Wait(6, 0));
    }

    [Fact]
    public void Spent_TokensOfTheLastMinute_HoldWhoComesUntilEnoughAreOld()
    {
        Assert.Equal(0, Wait(1, 0, HundredTokens));
        _pace.Spent("t1", HundredTokens, 60, Start, leaps: false);
        Assert.Equal(0, Wait(2, 10_000, HundredTokens));
        _pace.Spent("t1", HundredTokens, 70, Start + 10_000, leaps: false);
        Assert.Equal(50_000, Wait(3, 10_000, HundredTokens));
        Assert.Equal(0, Wait(3, Minute, HundredTokens));
        _pace.Spent("t1", HundredTokens, 500, Start + Minute, leaps: false);
        Assert.Equal(Minute, Wait(4, Minute, HundredTokens));
        Assert.Equal(0, Wait(4, 2 * Minute, HundredTokens));
    }
}
