using AgentFlow.Farm.Platform;

namespace AgentFlow.Farm.Load;

/// <summary>Which load a platform is put under.</summary>
/// <param name="Rate">Workflows a second.</param>
/// <param name="Duration">How long workflows fall due.</param>
/// <param name="Drain">How long after that those that were not taken yet are still offered.</param>
/// <param name="Connections">Most requests at once.</param>
/// <param name="CheckLimit">How long to wait for the executions to end; <see langword="null"/>: not at all.</param>
public sealed record LoadRequest(Target Target, int Rate, TimeSpan Duration, TimeSpan Drain, double ChaosRate, long Seed, int Connections, TimeSpan? CheckLimit);

/// <summary>How far it has come.</summary>
public sealed record LoadProgress(long Due, long Accepted, long Refused, long Busy, long Ended);

/// <summary>What became of every workflow that fell due: taken, refused, or not delivered.</summary>
/// <param name="Due">Workflows that fell due.</param>
/// <param name="Accepted">Workflows that the platform took.</param>
/// <param name="Refused">Workflows that the platform will never take; <paramref name="FirstRefusal"/> says why.</param>
/// <param name="Undelivered">Workflows that nobody took in time.</param>
/// <param name="Busy">Answers that asked to come again later (429, 503); each workflow was offered again.</param>
/// <param name="Unclear">Requests without an answer; each workflow was offered again under its key.</param>
/// <param name="ElapsedSeconds">Until the last workflow was taken or given up.</param>
/// <param name="AcceptedPerSecond">Accepted by elapsed.</param>
/// <param name="FromDueMs">From when a workflow fell due to when it was taken: waiting counts.</param>
/// <param name="AnswerMs">From a request to its answer, for those that were taken.</param>
/// <param name="Executions">What became of those that were taken, when that was asked for.</param>
public sealed record LoadReport(
    string TargetUrl,
    int Rate,
    double DurationSeconds,
    long Due,
    long Accepted,
    long Refused,
    long Undelivered,
    long Busy,
    long Unclear,
    double ElapsedSeconds,
    double AcceptedPerSecond,
    Percentiles FromDueMs,
    Percentiles AnswerMs,
    string? FirstRefusal,
    string? LastProblem,
    ExecutionCounts? Executions,
    bool Interrupted)
{
    /// <summary>Whether everything that fell due was taken, and ended where that was asked for.</summary>
    public bool IsComplete => Accepted == Due && !Interrupted && (Executions is not { } e || e.Completed + e.Partial + e.Failed == Accepted);
}

/// <summary>Milliseconds.</summary>
public sealed record Percentiles(double P50, double P90, double P99, double P999, double Max)
{
    internal static Percentiles Of(LatencyHistogram histogram) => new(
        Milliseconds(histogram.Percentile(0.50)),
        Milliseconds(histogram.Percentile(0.90)),
        Milliseconds(histogram.Percentile(0.99)),
        Milliseconds(histogram.Percentile(0.999)),
        Milliseconds(histogram.Most));

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 2);
}

/// <param name="ExpectedCompleted">Of those that ended, how many the oracle expects to complete; what it planted in the others is beyond recovery.</param>
/// <param name="Unexpected">Executions that ended and completed although the oracle expects otherwise, or the other way round.</param>
/// <param name="FirstUnexpected">One of them, in words.</param>
/// <param name="Open">Executions that had not ended when FARM stopped asking.</param>
/// <param name="Unknown">Executions that the platform does not know, or took without giving their id.</param>
public sealed record ExecutionCounts(long Completed, long Partial, long Failed, long Open, long Unknown, long ExpectedCompleted, long Unexpected, string? FirstUnexpected);
