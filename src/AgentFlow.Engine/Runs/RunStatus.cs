namespace AgentFlow.Engine.Runs;

/// <summary>
/// Where a run is in its life. Numbers are stored; append only. A run moves queued → running ⇄ waiting → completed |
/// failed | cancelled, with paused, cancelling and compensating between.
/// </summary>
public enum RunStatus : byte
{
    /// <summary>Accepted; nobody has claimed it yet.</summary>
    Queued = 0,

    /// <summary>Owned by a worker.</summary>
    Running = 1,

    /// <summary>Parked: only its row exists until something arrives for it.</summary>
    Waiting = 2,

    /// <summary>No new steps start; those in flight finish.</summary>
    Paused = 3,

    /// <summary>Closing; ends when no step is in flight.</summary>
    Cancelling = 4,

    /// <summary>Undoing what was done.</summary>
    Compensating = 5,

    Completed = 6,
    Failed = 7,
    Cancelled = 8,

    /// <summary>Replay gave another decision than the journal holds; nobody touches the run until an operator does.</summary>
    Diverged = 9,
}

public static class RunLifecycle
{
    public static bool IsTerminal(this RunStatus status) => status is RunStatus.Completed or RunStatus.Failed or RunStatus.Cancelled;

    /// <summary>The wire word, lower case.</summary>
    public static string Word(this RunStatus status) => status switch
    {
        RunStatus.Queued => "queued",
        RunStatus.Running => "running",
        RunStatus.Waiting => "waiting",
        RunStatus.Paused => "paused",
        RunStatus.Cancelling => "cancelling",
        RunStatus.Compensating => "compensating",
        RunStatus.Completed => "completed",
        RunStatus.Failed => "failed",
        RunStatus.Cancelled => "cancelled",
        _ => "diverged",
    };

    public static bool TryParse(string? word, out RunStatus status)
    {
        foreach (RunStatus candidate in Enum.GetValues<RunStatus>())
        {
            if (candidate.Word() == word)
            {
                status = candidate;
                return true;
            }
        }

        status = default;
        return false;
    }

    /// <summary>Whether a journal may move a run so. Waiting is how a parked running run shows; it is never journaled.</summary>
    public static bool CanMove(RunStatus from, RunStatus to) => from switch
    {
        RunStatus.Queued => to is RunStatus.Running,
        RunStatus.Running => to is RunStatus.Paused or RunStatus.Cancelling or RunStatus.Compensating or RunStatus.Completed or RunStatus.Failed,
        RunStatus.Paused => to is RunStatus.Running or RunStatus.Cancelling or RunStatus.Compensating or RunStatus.Completed or RunStatus.Failed,
        RunStatus.Cancelling => to is RunStatus.Cancelled or RunStatus.Failed or RunStatus.Compensating,
        RunStatus.Compensating => to is RunStatus.Cancelled or RunStatus.Failed,
        _ => false,
    };
}

/// <summary>An event does not fit the state that it is applied to: the journal is not one that this engine wrote.</summary>
public sealed class IllegalTransitionException(string message) : InvalidOperationException(message);
