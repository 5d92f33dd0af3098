using System.Diagnostics;

namespace AgentFlow.Engine.Faults;

/// <summary>
/// Bugs that can be switched on, one at a time, to find out whether the tests would see them. Every call is left out of
/// normal builds by the compiler; nothing happens in the faults flavour either until a test plants one.
/// </summary>
public static class Planted
{
#if AF_FAULTS
    private static int s_count;

    /// <summary>The bug that is switched on in this process; <see langword="null"/>: none.</summary>
    public static Bug? Now { get; set; }

    /// <summary>For bugs that change the flow.</summary>
    public static bool Is(Bug bug) => Now == bug;
#endif

    /// <summary>Another number at each look.</summary>
    public static int Count =>
#if AF_FAULTS
        Interlocked.Increment(ref s_count);
#else
        0;
#endif

    /// <summary>Puts a wrong value where the bug is planted.</summary>
    [Conditional("AF_FAULTS")]
    public static void Change<T>(Bug bug, ref T value, T wrong)
    {
#if AF_FAULTS
        if (Is(bug))
        {
            value = wrong;
        }
#endif
    }

    /// <summary>Does something wrong where the bug is planted.</summary>
    [Conditional("AF_FAULTS")]
    public static void Do(Bug bug, Action wrong)
    {
#if AF_FAULTS
        if (Is(bug))
        {
            wrong();
        }
#endif
    }
}

/// <summary>What can be planted. docs/architecture/simulation.md tells which invariant finds each.</summary>
public enum Bug
{
    /// <summary>A run is called accepted before its first frame is on disk.</summary>
    AcknowledgeBeforeCommit,

    /// <summary>A tool is called before the frame that announces the attempt is on disk.</summary>
    EffectBeforeFrame,

    /// <summary>Subscribers see a frame before it is on disk.</summary>
    PublishBeforeDurable,

    /// <summary>The late answer of an attempt that is over counts for the one that runs now.</summary>
    StaleOutcome,

    /// <summary>The idempotency key names the attempt.</summary>
    KeyPerAttempt,

    /// <summary>An attempt that failed counts twice for the retry policy.</summary>
    AttemptCountedTwice,

    /// <summary>A signal that comes from its sender and from the store acts twice.</summary>
    SignalTakenTwice,

    /// <summary>Signals that wait in the store are forgotten when the run is loaded.</summary>
    SignalDroppedOnLoad,

    /// <summary>A run that is recovered starts steps before it gives up what its last owner had under way.</summary>
    RecoveryBehindStarts,

    /// <summary>A run that gives up waiting and is given a place in the same turn gives up.</summary>
    PlaceBehindTimeout,

    /// <summary>An item that overtook an earlier one is taken as if nothing were missing.</summary>
    WakeCountedAhead,

    /// <summary>After a commit of unknown outcome, inbox items are taken for written.</summary>
    ItemAcknowledgedUnwritten,

    /// <summary>The sender of an inbox item hears of it before a commit or a flush has put it on disk.</summary>
    ItemAcknowledgedDeferred,

    /// <summary>A snapshot holds what its frame does not.</summary>
    SnapshotAhead,

    /// <summary>Timers fire a second early.</summary>
    TimerEarly,

    /// <summary>The system timer is not set again after it fired.</summary>
    TimerLost,

    /// <summary>A run that its timer woke parks again, because run time stands still while it waits.</summary>
    ParkedByRunTime,

    /// <summary>Run time follows the clock backwards.</summary>
    TimeBackwards,

    /// <summary>A decision depends on something that is not in the journal.</summary>
    ReplayDiffers,

    /// <summary>A cancelled attempt keeps its budget reservation.</summary>
    ReservationLeaked,

    /// <summary>A run ends while an attempt is in flight.</summary>
    EndInFlight,

    /// <summary>SQLite: a run is parked whatever has arrived.</summary>
    ParkedOverWork,

    /// <summary>SQLite: one idempotency key makes a run each time.</summary>
    RunDuplicated,

    /// <summary>SQLite: a commit that failed is called successful.</summary>
    CommitErrorSwallowed,

    /// <summary>PostgreSQL: frames are written whoever owns the run.</summary>
    FenceMissing,

    /// <summary>PostgreSQL: a claim leaves the epoch of the ownership before it.</summary>
    ClaimKeepsEpoch,
}
