using System.Text.Json;

namespace AgentFlow.Farm.Platform;

/// <summary>A scenario's result as the platform gave it; what it did not give is <see langword="null"/>.</summary>
/// <param name="Source">The whole answer.</param>
/// <param name="Latency">Mean milliseconds of a task, as the platform's own analysis says.</param>
/// <param name="Throughput">Tasks a second, as the platform's own analysis says.</param>
public sealed record PlatformReport(
    JsonElement Source,
    string Status,
    string? Verdict,
    double? CompletionRate,
    double? ChaosRecoveryRate,
    long? WorkflowsCompleted,
    long? WorkflowsFailed,
    long? TotalTasks,
    long? TasksCompleted,
    long? TasksFailed,
    long? ChaosTotal,
    long? ChaosRecovered,
    double? DurationMs,
    double? Latency,
    double? Throughput,
    double? CostUsd,
    IReadOnlyList<WorkflowReport> Workflows)
{
    /// <summary>Whether the platform is done with it, well or badly.</summary>
    public bool IsFinal => Status is "completed" or "failed" or "passed" or "degraded" or "cancelled" or "error";

    public static PlatformReport Read(JsonElement source)
    {
        JsonElement metrics = source.Member("analysis")?.Member("metrics") ?? default;
        return new PlatformReport(
            source,
            (source.Text("status") ?? "").Trim().ToLowerInvariant(),
            source.Text("verdict"),
            source.Number("completion_rate"),
            source.Number("chaos_recovery_rate"),
            source.Whole("workflows_completed"),
            source.Whole("workflows_failed"),
            source.Whole("total_tasks"),
            source.Whole("tasks_completed"),
            source.Whole("tasks_failed"),
            source.Whole("chaos_events_total"),
            source.Whole("chaos_events_recovered"),
            source.Number("total_duration_ms"),
            metrics.Number("avg_latency_ms"),
            metrics.Number("throughput_tasks_per_sec"),
            source.Number("total_cost_usd"),
            [.. source.Items("workflow_results").Select(WorkflowReport.Read)]);
    }
}

/// <summary>What the platform says about one workflow.</summary>
public sealed record WorkflowReport(string Id, string Status, long? TasksCompleted, long? TasksFailed, double? DurationMs, IReadOnlyList<TaskReport> Tasks)
{
    public static WorkflowReport Read(JsonElement source) => new(
        source.Text("workflow_id") ?? "",
        (source.Text("status") ?? "").Trim().ToLowerInvariant(),
        source.Whole("tasks_completed"),
        source.Whole("tasks_failed"),
        source.Number("total_duration_ms"),
        [.. source.Items("task_results").Select(TaskReport.Read)]);
}

/// <summary>What the platform says about one task.</summary>
public sealed record TaskReport(
    string Id,
    string Status,
    DateTimeOffset? StartedAt,
    DateTimeOffset? CompletedAt,
    double? DurationMs,
    string? AgentId,
    bool ChaosOccurred,
    string? ChaosType,
    string? Error,
    long? Retries)
{
    /// <summary>A task that needed retries may be called <c>retried</c>: it did its work all the same.</summary>
    public bool IsDone => Status is "completed" or "retried" or "success" or "succeeded";

    public static TaskReport Read(JsonElement source) => new(
        source.Text("task_id") ?? "",
        (source.Text("status") ?? "").Trim().ToLowerInvariant(),
        source.Time("started_at"),
        source.Time("completed_at"),
        source.Number("duration_ms"),
        source.Text("assigned_agent_id"),
        source.Flag("chaos_occurred") ?? source.Text("chaos_type") is not null,
        source.Text("chaos_type"),
        source.Text("error_message"),
        source.Whole("retry_count"));
}
