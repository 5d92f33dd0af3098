using System.Diagnostics;
using AgentFlow.Engine.Ports;
#if AF_FAULTS
using System.Globalization;
using System.Runtime.InteropServices;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
#endif

namespace AgentFlow.Engine.Faults;

/// <summary>
/// Moments around durable writes at which a test lets the process die: <c>AF_CRASH_POINT=name[:n]</c> sends it signal 9 when
/// the point is reached for the n-th time (default 1). Calls exist in the faults flavour alone (<c>-p:Faults=true</c>).
/// </summary>
public static class CrashPoint
{
    [Conditional("AF_FAULTS")]
    public static void Reach(string point)
    {
#if AF_FAULTS
        if (point == Wanted && Interlocked.Increment(ref s_reached) == Nth)
        {
            Die();
        }
#endif
    }

    /// <summary>The points of everything that a batch holds.</summary>
    /// <param name="moment"><c>before</c> or <c>after</c> the batch is durable.</param>
    [Conditional("AF_FAULTS")]
    public static void ReachAll(CommitBatch batch, string moment)
    {
#if AF_FAULTS
        batch.Frames.ForEach(append => Reach(append, moment));
        batch.Inbox.ForEach(item => Reach(item, moment));
#endif
    }

    [Conditional("AF_FAULTS")]
    public static void Reach(RunAppend append, string moment)
    {
#if AF_FAULTS
        if (Wanted.StartsWith("frame.", StringComparison.Ordinal))
        {
            foreach (string part in Parts(append))
            {
                Reach($"frame.{part}.{moment}");
            }
        }
#endif
    }

    [Conditional("AF_FAULTS")]
    public static void Reach(InboxAppend item, string moment)
    {
#if AF_FAULTS
        Reach($"inbox.{item.Kind.ToString().ToLowerInvariant()}.{moment}");
#endif
    }

#if AF_FAULTS
    private const int SigKill = 9;

    private static readonly string Wanted;
    private static readonly int Nth = 1;
    private static int s_reached;

    static CrashPoint()
    {
        string[] words = (Environment.GetEnvironmentVariable("AF_CRASH_POINT") ?? "").Split(':');
        Wanted = words[0];
        if (words.Length > 1)
        {
            Nth = int.Parse(words[1], CultureInfo.InvariantCulture);
        }

        if (Wanted.Length > 0 && !CrashPoints.Everywhere.Concat(CrashPoints.Sqlite).Concat(CrashPoints.Postgres).Contains(Wanted))
        {
            throw new InvalidOperationException($"AF_CRASH_POINT names '{Wanted}', which is no crash point; CrashPoints.cs lists them.");
        }
    }

    private static void Die()
    {
        Console.Error.WriteLine($"crash point {Wanted}:{Nth}");
        _ = Kill(Environment.ProcessId, SigKill);
        Thread.Sleep(Timeout.Infinite);
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int Kill(int process, int signal);

    private static HashSet<string> Parts(RunAppend append)
    {
        HashSet<string> parts = new(StringComparer.Ordinal);
        void Add(bool holds, string part)
        {
            if (holds)
            {
                parts.Add(part);
            }
        }

        Add(append.Change != RowChange.None, "created");
        Add(append.Blobs.Count > 0, "blob");
        Add(append.Snapshot is not null, "snapshot");
        Add(append.Then == RowChange.Park, "parked");
        Add(append.Then == RowChange.End, "ended");
        if (append.Frame.IsEmpty)
        {
            return parts;
        }

        foreach (JournalEvent e in FrameCodec.Decode(append.Frame, static _ => Payload.Null).Events)
        {
            Add(true, e switch
            {
                StepStarted => "step_started",
                StepSucceeded => "step_succeeded",
                StepFailed => "step_failed",
                RetryScheduled => "retry_scheduled",
                TimerSet => "timer_set",
                TimerFired => "timer_fired",
                SignalReceived => "signal_taken",
                CancelRequested => "cancel_taken",
                PauseRequested => "pause_taken",
                ResumeRequested => "resume_taken",
                StepResolved => "resolution_taken",
                StepHandedOver => "handed_over",
                StepAnswered => "answer_taken",
                ApprovalRequested => "approval_requested",
                ApprovalDecided => "approval_taken",
                PlanModified => "plan_modified",
                CompensationPlanned => "compensation_planned",
                CompensationStarted => "compensation_started",
                RunRecovered => "recovered",
                ChildStarted => "child_started",
                ChildCancelling => "child_cancelling",
                StepHeld => "step_held",
                PlaceRequested => "place_requested",
                PlaceGranted => "place_granted",
                PlaceLeft => "place_left",
                _ => "",
            });
        }

        return parts;
    }
#endif
}
