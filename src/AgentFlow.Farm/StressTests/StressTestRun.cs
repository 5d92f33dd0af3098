using System.Text.Json;

namespace AgentFlow.Farm.StressTests;

/// <summary>What a stress test came to, as its record says.</summary>
public static class StressTestStatus
{
    public const string Running = "running";
    public const string Completed = "completed";
    public const string CompletedWithFailures = "completed_with_failures";
    public const string FleetTimeout = "fleet_ingestion_timeout";
    public const string FleetFailed = "fleet_ingestion_failed";
    public const string ScenarioTimeout = "scenario_submission_timeout";
    public const string ScenarioFailed = "scenario_submission_failed";
    public const string Timeout = "timeout";
    public const string ExecutionError = "execution_error";
}

/// <summary>FARM's verdict about the platform.</summary>
public static class StressTestOutcome
{
    public const string Pending = "pending";
    public const string Passed = "passed";
    public const string Degraded = "degraded";
    public const string Failed = "failed";
}

/// <summary>One stress test: what was asked, what happened, and what FARM thinks of it. Written as it stands to the history.</summary>
/// <param name="Status">One of <see cref="StressTestStatus"/>.</param>
/// <param name="Outcome">One of <see cref="StressTestOutcome"/>.</param>
/// <param name="ScenarioId">As the platform names the scenario.</param>
/// <param name="Platform">The platform's own result, without the single tasks.</param>
/// <param name="Error">Why the test has no result.</param>
public sealed record StressTestRun(
    string RunId,
    string Status,
    string Outcome,
    string TargetUrl,
    string TenantId,
    string Scale,
    int WorkflowCount,
    double ChaosRate,
    long Seed,
    string ScenarioId,
    DateTimeOffset StartedAt,
    DateTimeOffset? CompletedAt = null,
    long? DurationMs = null,
    Observation? Observed = null,
    Validation? Validation = null,
    Analysis? Analysis = null,
    JsonElement? Platform = null,
    string? Error = null);

/// <summary>The answer of <c>GET /api/agents/stress-test-runs</c>: newest first.</summary>
/// <param name="TotalCount">Runs in the history, listed or not.</param>
public sealed record StressTestRuns(IReadOnlyList<StressTestRun> Runs, int Count, long TotalCount);

/// <summary>What was seen of the platform while it worked.</summary>
/// <param name="AgentsIngested">As the platform answered to the fleet.</param>
/// <param name="WorkflowsQueued">As the platform answered to the scenario.</param>
/// <param name="Polls">How often its result was asked for.</param>
/// <param name="PollFailures">How often that gave no usable answer.</param>
public sealed record Observation(
    long? AgentsIngested,
    long? WorkflowsQueued,
    int Polls,
    int PollFailures,
    string? LastPollFailure,
    DashboardObservation Dashboard,
    EventObservation Events);

/// <param name="Samples">Dashboards that were read.</param>
/// <param name="Last">The last of them.</param>
public sealed record DashboardObservation(int Samples, int Failures, long? PeakActiveWorkflows, double? RecoveryRate, double? CostUsd, JsonElement? Last);

/// <param name="Transport"><c>sse</c>, <c>websocket</c> or <c>none</c>.</param>
/// <param name="Connections">How often the platform accepted a connection.</param>
/// <param name="Unreadable">Events that were no JSON object.</param>
/// <param name="ByType">Events about this scenario.</param>
public sealed record EventObservation(string Transport, int Connections, long Received, long Unreadable, IReadOnlyDictionary<string, long> ByType, string? Problem);

/// <summary>How the platform's answer compares to what was expected.</summary>
/// <param name="AllPassed">Whether every one of <paramref name="Checks"/> passed.</param>
/// <param name="Checks"><c>completion_rate</c>, <c>chaos_recovery</c> and <c>task_completion</c>, as the platform judged itself where it did.</param>
/// <param name="Verdict">The platform's own.</param>
/// <param name="FarmVerdict">By FARM's reading of the platform's figures.</param>
/// <param name="AlignmentScore">Matched comparisons by comparisons; 1 when nothing could be compared.</param>
/// <param name="NotReported">Comparisons that the platform's answer has no figures for.</param>
/// <param name="Discrepancies">What did not match, in sentences.</param>
public sealed record Validation(
    bool AllPassed,
    IReadOnlyDictionary<string, bool> Checks,
    string? Verdict,
    string FarmVerdict,
    double AlignmentScore,
    IReadOnlyList<Comparison> Comparisons,
    IReadOnlyList<string> NotReported,
    IReadOnlyList<string> Discrepancies);

/// <param name="Expected">By the oracle.</param>
/// <param name="Actual">By the platform.</param>
public sealed record Comparison(string Check, string Expected, string Actual, bool Matched);

/// <summary>What an operator should know.</summary>
public sealed record Analysis(string Verdict, string Title, string Summary, AnalysisSections Sections, IReadOnlyList<string> Recommendations, AnalysisMetrics Metrics);

public sealed record AnalysisSections(AnalysisSection Reliability, AnalysisSection Performance, AnalysisSection Resilience);

public sealed record AnalysisSection(string Verdict, IReadOnlyList<string> Findings);

/// <summary>Figures, left out where the platform gives nothing to compute them from.</summary>
public sealed record AnalysisMetrics(double? CompletionRate, double? ChaosRecoveryRate, double? ErrorRate, double? ThroughputTasksPerSec, double? AvgLatencyMs, double? TotalCostUsd);
