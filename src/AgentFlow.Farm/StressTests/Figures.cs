using AgentFlow.Farm.Generation;
using AgentFlow.Farm.Platform;

namespace AgentFlow.Farm.StressTests;

/// <summary>
/// A platform's result in rates, by FARM's reading: counts before rates, and against what was sent, not against what the
/// platform says that it got. <see langword="null"/>: not reported.
/// </summary>
/// <param name="Completion">Workflows that completed, of those that were sent.</param>
/// <param name="Recovery">Faults recovered from, of those that struck; 1 when none was planted.</param>
/// <param name="Errors">Tasks that failed, of those that were sent.</param>
/// <param name="TasksDone">Tasks that completed, of those that were sent.</param>
/// <param name="LatencyMs">Mean duration of the tasks that wait for no person.</param>
/// <param name="Throughput">Tasks a second.</param>
public sealed record Figures(double? Completion, double? Recovery, double? Errors, double? TasksDone, double? LatencyMs, double? Throughput)
{
    /// <summary>
    /// The verdict about what was done: completion, recovery, errors and tasks. How fast it was is judged apart, because a
    /// slow machine is not an unsound platform.
    /// </summary>
    public Verdict Soundness => Verdicts.Worst(
        Completion is { } completion ? Thresholds.Completion(completion) : Verdict.Fail,
        Recovery is { } recovery ? Thresholds.Recovery(recovery) : Verdict.Pass,
        Errors is { } errors ? Thresholds.Errors(errors) : Verdict.Pass,
        TasksDone is { } done and < Thresholds.TasksCompleted ? Verdict.Degraded : Verdict.Pass);

    public Verdict Speed => Verdicts.Worst(
        LatencyMs is { } latency ? Thresholds.Latency(latency) : Verdict.Pass,
        Throughput is { } throughput ? Thresholds.Throughput(throughput) : Verdict.Pass);

    public static Figures Of(Scenario scenario, PlatformReport report)
    {
        ArgumentNullException.ThrowIfNull(scenario);
        ArgumentNullException.ThrowIfNull(report);
        double workflows = scenario.Summary.TotalWorkflows;
        double tasks = scenario.Summary.TotalTasks;
        long? completed = report.WorkflowsCompleted ?? (report.Workflows.Count > 0 ? report.Workflows.Count(w => w.Status == "completed") : null);
        HashSet<string> approvals = scenario.Workflows.Workflows.SelectMany(w => w.Tasks).Where(t => t.Type == TaskCatalog.Approval).Select(t => t.TaskId).ToHashSet(StringComparer.Ordinal);
        double[] durations = [.. report.Workflows.SelectMany(w => w.Tasks).Where(t => t.IsDone && t.DurationMs is >= 0 && !approvals.Contains(t.Id)).Select(t => t.DurationMs!.Value)];
        return new Figures(
            completed / workflows ?? report.CompletionRate,
            report.ChaosTotal is > 0 and { } struck && report.ChaosRecovered is { } recovered ? (double)recovered / struck
                : report.ChaosTotal is 0 || scenario.Summary.ChaosEventsExpected == 0 ? 1
                : report.ChaosRecoveryRate,
            report.TasksFailed / tasks,
            report.TasksCompleted / tasks,
            durations.Length > 0 ? durations.Average() : report.Latency,
            report.Throughput ?? (report is { TasksCompleted: { } done, DurationMs: > 0 and { } took } ? done / (took / 1000) : null));
    }
}
