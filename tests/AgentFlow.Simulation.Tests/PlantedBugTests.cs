using System.Globalization;
using AgentFlow.Engine.Faults;

namespace AgentFlow.Simulation.Tests;

/// <summary>
/// Bugs are planted into the engine, one at a time; worlds must find each, by the invariant that it breaks. A run that merely
/// does not end is no finding.
/// </summary>
[Collection("worlds")]
[Trait("Flavour", "faults")]
public sealed class PlantedBugTests(ITestOutputHelper output) : IDisposable
{
    private const int Seeds = 3000;

    /// <summary>The bugs of the engine, and what finds them (either of two: another owner may have announced the attempt). The stores' are in AgentFlow.Storage.Tests.</summary>
    public static TheoryData<Bug, string> Bugs { get; } = new()
    {
        { Bug.AcknowledgeBeforeCommit, "nothing acknowledged is lost" },
        { Bug.EffectBeforeFrame, "announced before it happens|an attempt happens once" },
        { Bug.PublishBeforeDurable, "only the durable is visible" },
        { Bug.StaleOutcome, "an outcome belongs to its attempt|no call without its permit" },
        { Bug.KeyPerAttempt, "the key names the intent" },
        { Bug.AttemptCountedTwice, "a step gets its attempts" },
        { Bug.SignalTakenTwice, "outsiders only knock" },
        { Bug.SignalDroppedOnLoad, "nobody sleeps over work" },
        { Bug.RecoveryBehindStarts, "only what was called can be unknown|no call without its permit" },
        { Bug.PlaceBehindTimeout, "who was counted is let through" },
        { Bug.WakeCountedAhead, "outsiders are heard in turn" },
        { Bug.ItemAcknowledgedUnwritten, "nothing acknowledged is lost" },
        { Bug.ItemAcknowledgedDeferred, "nothing acknowledged is lost" },
        { Bug.SnapshotAhead, "a snapshot is a cache" },
        { Bug.TimerEarly, "a timer is never early" },
        { Bug.TimerLost, "nobody sleeps over work" },
        { Bug.ParkedByRunTime, "a wake-up leads somewhere" },
        { Bug.TimeBackwards, "time never goes back" },
        { Bug.ReplayDiffers, "replay is exact" },
        { Bug.ReservationLeaked, "an end leaves nothing behind" },
        { Bug.EndInFlight, "an end leaves nothing behind" },
    };

    public void Dispose() => Plant(null);

    [Theory]
    [MemberData(nameof(Bugs))]
    public void Run_WithABugPlanted_BreaksTheInvariantThatItIsAbout(Bug bug, string invariants)
    {
        Plant(bug);
        for (ulong seed = 1; seed <= Seeds; seed++)
        {
            try
            {
                new World(seed).Run();
            }
            catch (InvariantViolationException e)
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{bug}: {e.Message}"));
                Assert.Contains(e.Invariant, invariants.Split('|'));
                Plant(null);
                new World(seed).Run();
                return;
            }
        }

        Assert.Fail($"{bug} is planted and {Seeds} worlds did not see it.");
    }

    private static void Plant(Bug? bug)
    {
#if AF_FAULTS
        Planted.Now = bug;
#else
        Assert.True(bug is null, "These tests need the faults flavour. Build it with: dotnet build tests/AgentFlow.Simulation.Tests -p:Faults=true -m:2 -v q; then run: dotnet artifacts/faults/bin/AgentFlow.Simulation.Tests/debug/AgentFlow.Simulation.Tests.dll -trait Flavour=faults");
#endif
    }
}
