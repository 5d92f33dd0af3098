using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AgentFlow.Server.Features.StressTests.Chaos;
using AgentFlow.Server.Features.StressTests.Submissions;

namespace AgentFlow.Server.Features.StressTests.Results;

/// <summary>
/// Judges a scenario by what its workflows came to. The verdict is about what was done (workflows completed, faults recovered from, tasks
/// failed and completed); how fast it was is judged in a section of its own, because a slow machine is not an unsound platform.
/// </summary>
internal static class ScenarioJudge
{
    private const int NamedAtMost = 10;

    /// <param name="workflows">In the order of the scenario.</param>
    /// <param name="endedAt"><see langword="null"/> while workflows are under way.</param>
    public static ScenarioResultView Judge(ScenarioPlan plan, IReadOnlyList<WorkflowResultView> workflows, DateTimeOffset receivedAt, DateTimeOffset now, DateTimeOffset? endedAt)
    {
        bool isOver = endedAt is not null;
        TaskResultView[] tasks = [.. workflows.SelectMany(w => w.TaskResults)];
        int completed = workflows.Count(w => w.Status == "completed");
        int failed = workflows.Count(w => w.Status is "failed" or "partial");
        int done = workflows.Sum(w => w.TasksCompleted);
        int broken = workflows.Sum(w => w.TasksFailed);
        int struck = workflows.Sum(w => w.ChaosEvents);
        int recovered = workflows.Sum(w => w.ChaosHandled);
        double seconds = Math.Max(((endedAt ?? now) - receivedAt).TotalSeconds, 0.001);
        var figures = new MetricsView(
            Share(completed, plan.Workflows),
            struck == 0 ? 1 : Share(recovered, struck),
            Share(broken, plan.Tasks),
            Math.Round(done / seconds, 2),
            Math.Round(tasks.Where(t => t.IsDone && t.TaskType != PlannedTask.Approval).Select(t => (double)t.DurationMs).DefaultIfEmpty().Average(), 1));
        Verdict soundness = Thresholds.Worst(
            Thresholds.Completion(figures.CompletionRate),
            Thresholds.Recovery(figures.ChaosRecoveryRate),
            Thresholds.Errors(figures.ErrorRate),
            Share(done, plan.Tasks) >= Thresholds.TasksCompleted ? Verdict.Pass : Verdict.Degraded);
        return new ScenarioResultView
        {
            ScenarioId = plan.ScenarioId,
            Status = isOver ? "completed" : "running",
            Verdict = isOver ? soundness.Word() : "PENDING",
            StartedAt = receivedAt,
            CompletedAt = endedAt,
            TotalDurationMs = (long)(seconds * 1000),
            SimulatedDurationMs = workflows.Select(w => w.TotalDurationMs).DefaultIfEmpty().Max(),
            CompletionRate = figures.CompletionRate,
            ChaosRecoveryRate = figures.ChaosRecoveryRate,
            WorkflowsCompleted = completed,
            WorkflowsFailed = failed,
            TotalTasks = plan.Tasks,
            TasksCompleted = done,
            TasksFailed = broken,
            TasksSkipped = workflows.Sum(w => w.TasksSkipped),
            ChaosEventsTotal = struck,
            ChaosEventsRecovered = recovered,
            ThroughputWfPerSec = Math.Round((completed + failed) / seconds, 3),
            Validation = isOver ? Validate(plan, figures, done) : null,
            Analysis = isOver ? Analyse(plan, workflows, tasks, figures, soundness) : null,
            TotalCostUsd = workflows.Sum(w => w.TotalCostUsd),
            OutcomeHash = isOver ? Hash(workflows, w => w.OutcomeHash) : null,
            JournalHash = isOver ? Hash(workflows, w => w.JournalHash) : null,
            WorkflowResults = workflows,
        };
    }

    /// <summary>The expectation is the submitter's, where it is lower than the threshold: what cannot be recovered from is not held against the platform here.</summary>
    private static ValidationView Validate(ScenarioPlan plan, MetricsView figures, int done)
    {
        double completion = Math.Min(Thresholds.Completed, plan.ExpectedCompletion ?? Thresholds.Completed);
        double recovery = Math.Min(Thresholds.Recovered, plan.ExpectedRecovery ?? Thresholds.Recovered);
        return new ValidationView(
            new RateCheckView(completion, figures.CompletionRate, figures.CompletionRate >= completion),
            new RateCheckView(recovery, figures.ChaosRecoveryRate, figures.ChaosRecoveryRate >= recovery),
            new TaskCheckView(plan.Tasks, done, Share(done, plan.Tasks) >= Thresholds.TasksCompleted));
    }

    private static AnalysisView Analyse(ScenarioPlan plan, IReadOnlyList<WorkflowResultView> workflows, TaskResultView[] tasks, MetricsView figures, Verdict soundness)
    {
        Verdict reliability = Thresholds.Worst(Thresholds.Completion(figures.CompletionRate), Thresholds.Errors(figures.ErrorRate));
        Verdict speed = Thresholds.Worst(Thresholds.Latency(figures.AvgLatencyMs), Thresholds.Throughput(figures.ThroughputTasksPerSec));
        Verdict resilience = Thresholds.Recovery(figures.ChaosRecoveryRate);
        return new AnalysisView(
            soundness.Word(),
            soundness switch { Verdict.Pass => "Stress Test PASSED", Verdict.Degraded => "Stress Test DEGRADED", _ => "Stress Test FAILED" },
            $"Platform achieved {Percent(figures.CompletionRate)} completion rate with {Percent(figures.ChaosRecoveryRate)} chaos recovery.",
            new SectionsView(
                new SectionView(reliability.Word(), [.. Reliability(plan, workflows, tasks)]),
                new SectionView(speed.Word(), [.. Performance(plan, workflows, tasks, figures)]),
                new SectionView(resilience.Word(), [.. Resilience(tasks)])),
            [.. Recommendations(plan, tasks, figures)],
            figures);
    }

    private static IEnumerable<string> Reliability(ScenarioPlan plan, IReadOnlyList<WorkflowResultView> workflows, TaskResultView[] tasks)
    {
        yield return $"{workflows.Count(w => w.Status == "completed")} of {plan.Workflows} workflows and {tasks.Count(t => t.IsDone)} of {plan.Tasks} tasks completed; {tasks.Count(t => t.HasFailed)} tasks failed, {workflows.Sum(w => w.TasksSkipped)} were not begun.";
        if (tasks.Count(t => t is { IsDone: true, RetryCount: > 0 }) is > 0 and var again)
        {
            yield return $"{again} tasks completed after {tasks.Where(t => t.IsDone).Sum(t => t.RetryCount)} tries that failed.";
        }

        WorkflowResultView[] bad = [.. workflows.Where(w => w.Status != "completed")];
        foreach (WorkflowResultView workflow in bad.Take(NamedAtMost))
        {
            yield return $"{workflow.WorkflowId} is {workflow.Status}: {workflow.ErrorMessage ?? "it has not ended"}";
        }

        if (bad.Length > NamedAtMost)
        {
            yield return $"{bad.Length - NamedAtMost} more workflows did not complete.";
        }

        if (plan.Without.Count > 0)
        {
            yield return $"Switched off by the submitter: {string.Join(", ", plan.Without)}.";
        }
    }

    private static IEnumerable<string> Performance(ScenarioPlan plan, IReadOnlyList<WorkflowResultView> workflows, TaskResultView[] tasks, MetricsView figures)
    {
        yield return string.Create(CultureInfo.InvariantCulture, $"{figures.ThroughputTasksPerSec:0.##} tasks a second, measured on the clock.");
        yield return string.Create(CultureInfo.InvariantCulture, $"A task took {figures.AvgLatencyMs:0} ms on average, retries and waits included, approvals left out ({(plan.IsRealTime ? "real" : "simulated")} time).");
        if (workflows.MaxBy(w => w.TotalDurationMs) is { } slowest)
        {
            yield return $"The slowest workflow was {slowest.WorkflowId}: {slowest.TotalDurationMs} ms.";
        }

        if (tasks.MaxBy(t => t.DurationMs) is { } longest)
        {
            yield return $"The slowest task was {longest.TaskId}: {longest.DurationMs} ms, {longest.RetryCount} retries{(longest.ChaosType is { } type ? $", {type}" : "")}.";
        }
    }

    private static IEnumerable<string> Resilience(TaskResultView[] tasks)
    {
        TaskResultView[] struck = [.. tasks.Where(t => t.ChaosOccurred)];
        yield return $"{struck.Count(t => t.ChaosRecovered is true)} of {struck.Length} faults that struck were recovered from, by the runs' journals.";
        foreach (IGrouping<string, TaskResultView> type in struck.GroupBy(t => t.ChaosType!, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            string by = string.Join(", ", type.Where(t => t.Recovery is not null).SelectMany(t => t.Recovery!.Split(", ")).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
            yield return string.Create(CultureInfo.InvariantCulture, $"{type.Key}: {type.Count(t => t.ChaosRecovered is true)} of {type.Count()} recovered{(by.Length > 0 ? $" ({by})" : "")}, {type.Average(t => t.DurationMs):0} ms a task on average.");
        }

        TaskResultView[] lost = [.. struck.Where(t => t.ChaosRecovered is false)];
        foreach (TaskResultView task in lost.Take(NamedAtMost))
        {
            yield return $"{task.TaskId} was not recovered from {task.ChaosType} after {task.RetryCount} retries and {task.DurationMs} ms; {FaultTypes.RecoveryOf(task.ChaosType!)} was expected. {task.ErrorMessage}";
        }

        if (lost.Length > NamedAtMost)
        {
            yield return $"{lost.Length - NamedAtMost} more faults were not recovered from.";
        }
    }

    private static IEnumerable<string> Recommendations(ScenarioPlan plan, TaskResultView[] tasks, MetricsView figures)
    {
        foreach (string type in tasks.Where(t => t.ChaosRecovered is false).Select(t => t.ChaosType!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            yield return $"{type}: {FaultTypes.AdviceOn(type)}";
        }

        foreach (string code in tasks.Where(t => t is { HasFailed: true, ChaosOccurred: false }).Select(t => t.ErrorMessage!.Split(':')[0]).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            yield return $"Tasks failed with {code} although nothing was planted there: look at the agents that they were assigned to.";
        }

        if (Thresholds.Latency(figures.AvgLatencyMs) != Verdict.Pass)
        {
            yield return "Tasks take longer than a second on average: look at the slowest ones, and at how long retries wait.";
        }

        if (Thresholds.Throughput(figures.ThroughputTasksPerSec) != Verdict.Pass)
        {
            yield return plan.IsRealTime ? "Not one task a second in real time: that is the scenario's own pace, or the platform's." : "Not one task a second: add workers, or look for what the workflows wait for.";
        }
    }

    private static string Hash(IReadOnlyList<WorkflowResultView> workflows, Func<WorkflowResultView, string?> of) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', workflows.Select(w => $"{w.WorkflowId} {of(w)}")))));

    private static double Share(int part, int whole) => whole == 0 ? 0 : Math.Round((double)part / whole, 6);

    private static string Percent(double rate) => string.Create(CultureInfo.InvariantCulture, $"{rate * 100:0.##}%");
}
