namespace AgentFlow.Server.Features.StressTests.Results;

/// <summary>A fleet was taken.</summary>
internal sealed record FleetView(string Status, int AgentsIngested, IReadOnlyDictionary<string, int> AgentsByType, string Message);

/// <summary>A scenario is on disk and will be run.</summary>
internal sealed record ScenarioQueuedView(string Status, string ScenarioId, int WorkflowsQueued, string Message);

/// <summary>A workflow is on disk and will be run.</summary>
internal sealed record WorkflowQueuedView(string Status, string WorkflowId, string ExecutionId, string Message);

/// <summary>What came of one task.</summary>
/// <param name="Status"><c>completed</c>, <c>failed</c> or <c>timeout</c>.</param>
/// <param name="StartedAt">In simulated time, where durations are simulated.</param>
/// <param name="RetryCount">Tries that failed and were followed by another one.</param>
/// <param name="ChaosRecovered">Whether the task went on, or was undone as it says; absent when nothing struck.</param>
/// <param name="Recovery">What recovered it.</param>
/// <param name="WaitedMs">What the rates of its agent made it wait, beside its duration; absent when it did not have to.</param>
internal sealed record TaskResultView(
    string TaskId,
    string TaskType,
    string Status,
    DateTimeOffset StartedAt,
    DateTimeOffset CompletedAt,
    long DurationMs,
    string AssignedAgentId,
    bool ChaosOccurred,
    string? ChaosType,
    bool? ChaosRecovered,
    string? Recovery,
    string? ErrorMessage,
    int RetryCount,
    decimal CostUsd,
    long? WaitedMs = null)
{
    [System.Text.Json.Serialization.JsonIgnore]
    public bool IsDone => Status == "completed";

    /// <summary>It failed itself, and was not merely stopped.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool HasFailed => !IsDone && ErrorMessage != Stopped;

    public const string Stopped = "It was stopped.";
}

/// <summary>What came of one workflow.</summary>
internal sealed record WorkflowResultView
{
    public required string WorkflowId { get; init; }

    public string? ExecutionId { get; init; }

    /// <summary>The run of the engine; its journal says everything.</summary>
    public string? RunId { get; init; }

    /// <summary><c>pending</c>, <c>running</c>, <c>completed</c>, <c>partial</c> or <c>failed</c>.</summary>
    public required string Status { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }

    public int TotalTasks { get; init; }

    public int TasksCompleted { get; init; }

    public int TasksFailed { get; init; }

    /// <summary>Tasks that were not begun, because of another one's failure.</summary>
    public int TasksSkipped { get; init; }

    public int TasksRetried { get; init; }

    /// <summary>Faults that struck.</summary>
    public int ChaosEvents { get; init; }

    /// <summary>Faults that were recovered from.</summary>
    public int ChaosHandled { get; init; }

    public long TotalDurationMs { get; init; }

    public decimal TotalCostUsd { get; init; }

    public string? ErrorMessage { get; init; }

    /// <summary>Equal for equal outcomes: statuses, tries, faults, agents, durations and costs of all tasks.</summary>
    public string? OutcomeHash { get; init; }

    /// <summary>Equal where the run did the same, value for value, whatever ran side by side with what.</summary>
    public string? JournalHash { get; init; }

    public IReadOnlyList<TaskResultView> TaskResults { get; init; } = [];
}

/// <summary>What came of a scenario.</summary>
internal sealed record ScenarioResultView
{
    public required string ScenarioId { get; init; }

    /// <summary><c>running</c>, <c>completed</c> or <c>failed</c>.</summary>
    public required string Status { get; init; }

    /// <summary><c>PENDING</c>, <c>PASS</c>, <c>DEGRADED</c> or <c>FAIL</c>.</summary>
    public required string Verdict { get; init; }

    public DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>Real time from the acceptance to the end, or until now.</summary>
    public long TotalDurationMs { get; init; }

    /// <summary>Simulated time of the workflow that took longest.</summary>
    public long SimulatedDurationMs { get; init; }

    public double CompletionRate { get; init; }

    public double ChaosRecoveryRate { get; init; }

    public int WorkflowsCompleted { get; init; }

    public int WorkflowsFailed { get; init; }

    public int TotalTasks { get; init; }

    public int TasksCompleted { get; init; }

    public int TasksFailed { get; init; }

    public int TasksSkipped { get; init; }

    public int ChaosEventsTotal { get; init; }

    public int ChaosEventsRecovered { get; init; }

    public double ThroughputWfPerSec { get; init; }

    public ValidationView? Validation { get; init; }

    public AnalysisView? Analysis { get; init; }

    public decimal TotalCostUsd { get; init; }

    /// <summary>Equal for equal outcomes of all workflows.</summary>
    public string? OutcomeHash { get; init; }

    /// <summary>Over the journals of all workflows, in the order of the scenario.</summary>
    public string? JournalHash { get; init; }

    public IReadOnlyList<WorkflowResultView> WorkflowResults { get; init; } = [];
}

internal sealed record ValidationView(RateCheckView CompletionRate, RateCheckView ChaosRecovery, TaskCheckView TaskCompletion);

internal sealed record RateCheckView(double Expected, double Actual, bool Passed);

internal sealed record TaskCheckView(int ExpectedTasks, int ActualTasks, bool Passed);

internal sealed record AnalysisView(string Verdict, string Title, string Summary, SectionsView Sections, IReadOnlyList<string> Recommendations, MetricsView Metrics);

internal sealed record SectionsView(SectionView Reliability, SectionView Performance, SectionView Resilience);

internal sealed record SectionView(string Verdict, IReadOnlyList<string> Findings);

internal sealed record MetricsView(double CompletionRate, double ChaosRecoveryRate, double ErrorRate, double ThroughputTasksPerSec, double AvgLatencyMs);
