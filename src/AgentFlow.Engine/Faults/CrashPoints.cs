namespace AgentFlow.Engine.Faults;

/// <summary>Where a process can be made to die (<c>AF_CRASH_POINT</c>). Compiled into the faults flavour, and into the tests that go through the list.</summary>
internal static class CrashPoints
{
    /// <summary>What one frame can hold; each is a point before and after the frame is durable.</summary>
    public static IReadOnlyList<string> FrameParts { get; } =
    [
        "created", "step_started", "step_succeeded", "step_failed", "retry_scheduled", "timer_set", "timer_fired", "signal_taken", "cancel_taken",
        "pause_taken", "resume_taken", "resolution_taken", "handed_over", "answer_taken", "approval_requested", "approval_taken", "plan_modified",
        "compensation_planned", "compensation_started", "recovered", "child_started", "child_cancelling", "place_requested", "place_granted", "place_left",
        "blob", "snapshot", "parked", "ended",
    ];

    /// <summary>What can be put into an inbox; each is a point before and after it is durable.</summary>
    public static IReadOnlyList<string> InboxKinds { get; } = ["signal", "cancel", "resolution", "pause", "resume", "answer", "approval", "modify"];

    /// <summary>Where the chain, what is said outside the database, and what was exported can disagree for a moment.</summary>
    public static IReadOnlyList<string> Audit { get; } =
    [
        .. Around("audit.end"), .. Around("audit.append"), .. Around("audit.seal"), "audit.seal.witnessed", "audit.retire.exported", .. Around("audit.retire"), "audit.retire.witnessed",
    ];

    /// <summary>Points on every store.</summary>
    public static IReadOnlyList<string> Everywhere { get; } =
    [
        .. FrameParts.SelectMany(part => Around("frame." + part)),
        .. InboxKinds.SelectMany(kind => Around("inbox." + kind)),
        .. Around("effect"),
        .. Around("claim"),
        .. Around("load"),
        .. Around("timers"),
        .. Around("set_aside"),
        .. Around("inbox.read"),
        .. Around("definition.saved"),
        .. Around("task.opened"),
        .. Around("task.changed"),
        .. Around("task.delivered"),
        .. Audit,
    ];

    public static IReadOnlyList<string> Sqlite { get; } =
    [
        "sqlite.begun", "sqlite.key_inserted", "sqlite.run_inserted", "sqlite.run_ended", "sqlite.frame_inserted", "sqlite.blob_inserted", "sqlite.item_consumed",
        "sqlite.snapshot_written", "sqlite.run_parked", "sqlite.timer_inserted", "sqlite.timer_deleted", "sqlite.item_inserted", "sqlite.run_woken",
        "sqlite.child_created", "sqlite.place_requested", "sqlite.place_returned", "sqlite.place_given",
        .. Around("sqlite.commit"), .. Around("sqlite.flush"), .. Around("sqlite.release"), .. Around("sqlite.checkpoint"), "sqlite.checkpoint.halfway",
    ];

    public static IReadOnlyList<string> Postgres { get; } =
    [
        .. Around("postgres.commit"), "postgres.undecided", .. Around("postgres.keys"), .. Around("postgres.register"), .. Around("postgres.renew"),
        .. Around("postgres.sweep"), .. Around("postgres.session_end"), .. Around("inbox.migrate"),
    ];

    private static string[] Around(string what) => [what + ".before", what + ".after"];
}
