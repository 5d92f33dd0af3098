namespace AgentFlow.Simulation;

/// <summary>What can go wrong in a world.</summary>
public enum Fault
{
    /// <summary>A worker dies between any two steps of its work.</summary>
    Crash,

    /// <summary>The machine dies with its worker: what was written and not put on disk is gone.</summary>
    PowerLost,

    /// <summary>A worker stands still while another takes its runs over, and then goes on.</summary>
    StaleOwner,

    /// <summary>A commit fails and nothing was written.</summary>
    CommitLost,

    /// <summary>A commit succeeds and its caller sees an error.</summary>
    CommitAmbiguous,

    /// <summary>A commit takes its time.</summary>
    CommitSlow,

    /// <summary>Every commit fails for a while.</summary>
    DiskFull,

    /// <summary>A signal is sent twice.</summary>
    MessageDuplicated,

    /// <summary>A sender dies before it hears the answer, and sends again.</summary>
    MessageLost,

    /// <summary>Another process puts an item into a run's inbox, and this one hears of it later.</summary>
    SentElsewhere,

    /// <summary>Work happens in another order than it was queued.</summary>
    Reordered,

    /// <summary>The wall clock jumps.</summary>
    ClockJump,

    /// <summary>A tool answers an error, or nothing at all.</summary>
    ToolFailed,
    ToolHung,

    /// <summary>Somebody who took a step over never answers.</summary>
    AnswerLost,
}
