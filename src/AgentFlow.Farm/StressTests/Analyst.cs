using System.Globalization;
using AgentFlow.Farm.Generation;
using AgentFlow.Farm.Platform;

namespace AgentFlow.Farm.StressTests;

/// <summary>Writes what an operator should know: what broke, where, by which fault, how long things took, and what to look at.</summary>
public static class Analyst
{
    private const int NamedAtMost = 10;

    public static Analysis Analyse(Scenario scenario, PlatformReport report, Validation validation, Verdict verdict)
    {
        ArgumentNullException.ThrowIfNull(scenario);
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(validation);
        Figures figures = Figures.Of(scenario, report);
        Verdict reliability = Verdicts.Worst(
            figures.Completion is { } completion ? Thresholds.Completion(completion) : Verdict.Fail,
            figures.Errors is { } errors ? Thresholds.Errors(errors) : Verdict.Pass);
        Verdict resilience = figures.Recovery is { } recovery ? Thresholds.Recovery(recovery) : Verdict.Pass;
        StruckTask[] struck = [.. StruckTasks(scenario, report)];
        return new Analysis(
            verdict.Word(),
            verdict switch { Verdict.Pass => "Stress test passed", Verdict.Degraded => "Stress test passed in part", _ => "Stress test failed" },
            $"{Validator.Percent(figures.Completion)} of {scenario.Summary.TotalWorkflows} workflows completed and {Validator.Percent(figures.Recovery)} of {scenario.Summary.ChaosEventsExpected} planted faults were recovered from; {Validator.Percent(validation.AlignmentScore)} of the comparisons with the expectation match.",
            new AnalysisSections(
                new AnalysisSection(reliability.Word(), [.. Reliability(scenario, report)]),
                new AnalysisSection(figures.Speed.Word(), [.. Performance(scenario, report, figures)]),
                new AnalysisSection(resilience.Word(), [.. Resilience(scenario, report, struck)])),
            [.. Recommendations(validation, figures, struck)],
            new AnalysisMetrics(figures.Completion, figures.Recovery, figures.Errors, figures.Throughput, figures.LatencyMs, report.CostUsd));
    }

    private static IEnumerable<string> Reliability(Scenario scenario, PlatformReport report)
    {
        yield return $"{Count(report.WorkflowsCompleted)} of {scenario.Summary.TotalWorkflows} workflows and {Count(report.TasksCompleted)} of {scenario.Summary.TotalTasks} tasks completed.";
        Dictionary<string, WorkflowReport> told = ById(report);
        int named = 0;
        foreach (Workflow workflow in scenario.Workflows.Workflows)
        {
            if (told.Count == 0 || (told.TryGetValue(workflow.WorkflowId, out WorkflowReport? result) && result.Status == "completed"))
            {
                continue;
            }

            if (++named > NamedAtMost)
            {
                continue;
            }

            yield return result is null ? $"{workflow.WorkflowId} ({workflow.Name}) is not in the platform's results." : Broken(workflow, result);
        }

        if (named > NamedAtMost)
        {
            yield return $"{named - NamedAtMost} more workflows did not complete.";
        }
    }

    private static string Broken(Workflow workflow, WorkflowReport result)
    {
        string start = $"{workflow.WorkflowId} ({workflow.Name}) is {result.Status}";
        WorkflowTask? at = workflow.Tasks.FirstOrDefault(t => result.Tasks.Any(r => r.Id == t.TaskId && !r.IsDone && r.Status is "failed" or "timeout"));
        if (at is null)
        {
            return $"{start}; the platform names no failed task.";
        }

        TaskReport failed = result.Tasks.First(r => r.Id == at.TaskId && !r.IsDone);
        string chaos = at.ChaosInjection is not { } fault ? "no fault was planted there"
            : ChaosRule.Outcome(at) == Recovery.Completes ? $"{fault.Type} was planted there and {fault.RecoveryAction} should have recovered it"
            : $"{fault.Type} was planted there, beyond recovery by the rule";
        string error = failed.Error is { Length: > 0 } text ? $" with '{(text.Length <= 120 ? text : text[..120] + "…")}'" : "";
        return $"{start}: {at.TaskId} '{at.Name}' ({at.Type}) ended as {failed.Status}{error} after {Count(failed.Retries)} retries{Took(failed.DurationMs)}; {chaos}.";
    }

    private static IEnumerable<string> Performance(Scenario scenario, PlatformReport report, Figures figures)
    {
        yield return figures.Throughput is { } throughput ? string.Create(CultureInfo.InvariantCulture, $"{throughput:0.##} tasks a second.") : "The platform reports no throughput.";
        yield return figures.LatencyMs is { } latency ? string.Create(CultureInfo.InvariantCulture, $"A task took {latency:0} ms on average, approvals left out.") : "The platform reports no task durations.";
        Dictionary<string, WorkflowReport> told = ById(report);
        var slowest = scenario.Workflows.Workflows
            .Where(w => told.GetValueOrDefault(w.WorkflowId) is { DurationMs: not null })
            .OrderByDescending(w => told[w.WorkflowId].DurationMs)
            .FirstOrDefault();
        if (slowest is not null)
        {
            IReadOnlyList<long> range = slowest.Expected.ExpectedDurationRangeMs;
            yield return string.Create(CultureInfo.InvariantCulture, $"The slowest workflow was {slowest.WorkflowId} ({slowest.Name}): {told[slowest.WorkflowId].DurationMs:0} ms, where {range[0]} to {range[1]} ms of real time were expected.");
        }

        string[] slow = [.. scenario.Workflows.Workflows.Where(w => told.GetValueOrDefault(w.WorkflowId)?.DurationMs > w.Expected.ExpectedDurationRangeMs[1]).Select(w => w.WorkflowId)];
        if (slow.Length > 0)
        {
            yield return $"{slow.Length} workflows took longer than expected: {string.Join(", ", slow.Take(NamedAtMost))}{(slow.Length > NamedAtMost ? ", …" : "")}.";
        }

        TaskReport? longest = report.Workflows.SelectMany(w => w.Tasks).Where(t => t.DurationMs is not null).MaxBy(t => t.DurationMs);
        if (longest is not null)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"The slowest task was {longest.Id}: {longest.DurationMs:0} ms, {Count(longest.Retries)} retries{(longest.ChaosType is { } chaos ? $", {chaos}" : "")}.");
        }
    }

    private static IEnumerable<string> Resilience(Scenario scenario, PlatformReport report, StruckTask[] struck)
    {
        int beyond = scenario.Workflows.Workflows.SelectMany(w => w.Tasks).Count(t => ChaosRule.Outcome(t) != Recovery.Completes);
        yield return $"{Count(report.ChaosRecovered)} of {Count(report.ChaosTotal)} faults were recovered from; {scenario.Summary.ChaosEventsExpected} were planted, {beyond} of them beyond recovery by the rule.";
        foreach (IGrouping<string, StruckTask> kind in struck.GroupBy(s => s.Chaos.Type, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            double[] took = [.. kind.Where(s => s.Result.DurationMs is not null).Select(s => s.Result.DurationMs!.Value)];
            string time = took.Length == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", {took.Average():0} ms a task on average");
            yield return $"{kind.Key}: {kind.Count(s => s.Result.IsDone)} of {kind.Count()} tasks went on ({kind.First().Chaos.RecoveryAction}){time}.";
        }

        foreach (StruckTask lost in struck.Where(s => !s.Result.IsDone && s.IsRecoverable).Take(NamedAtMost))
        {
            yield return $"{lost.Task.TaskId} '{lost.Task.Name}' was not recovered from {lost.Chaos.Type} after {Count(lost.Result.Retries)} retries{Took(lost.Result.DurationMs)}: {lost.Chaos.RecoveryAction} should have.";
        }
    }

    private static IEnumerable<string> Recommendations(Validation validation, Figures figures, StruckTask[] struck)
    {
        foreach (string type in struck.Where(s => !s.Result.IsDone && s.IsRecoverable).Select(s => s.Chaos.Type).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            yield return $"{type}: {ChaosCatalog.Kind(type).Advice}";
        }

        foreach (Comparison wrong in validation.Comparisons.Where(c => !c.Matched))
        {
            if (Advice.GetValueOrDefault(wrong.Check) is { } advice)
            {
                yield return advice;
            }
        }

        if (figures.LatencyMs is { } latency && Thresholds.Latency(latency) != Verdict.Pass)
        {
            yield return "Tasks take longer than a second on average: look at the slowest ones above, and at how long retries wait.";
        }

        if (figures.Throughput is { } throughput && Thresholds.Throughput(throughput) != Verdict.Pass)
        {
            yield return "Not one task a second: give the platform more workers, or look for what its workflows wait for.";
        }
    }

    private static readonly Dictionary<string, string> Advice = new(StringComparer.Ordinal)
    {
        ["agents_ingested"] = "Check which agents the platform refused, and why.",
        ["workflows_accounted"] = "Some workflows neither completed nor failed: look for those that are still queued, or were lost.",
        ["total_tasks"] = "The platform counts other tasks than were sent: check that every task is taken over and counted once.",
        ["chaos_events"] = "Planted faults did not strike, or struck more than once: check that each chaos_injection is applied once.",
        ["verdict_follows_from_figures"] = "The platform judges itself better than its own figures: check its thresholds.",
        ["tasks_counted_once"] = "Check that a task that is tried again or replayed is counted once.",
        ["dependencies_respected"] = "Tasks ran before what they depend on: check how the platform reads depends_on.",
        ["workflow_events"] = "Events and results differ: check that every end of a workflow is published once.",
    };

    /// <summary>The tasks that a planted fault was to strike and that the platform tells about.</summary>
    private static IEnumerable<StruckTask> StruckTasks(Scenario scenario, PlatformReport report)
    {
        Dictionary<string, TaskReport> results = report.Workflows.SelectMany(w => w.Tasks).GroupBy(t => t.Id, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Last(), StringComparer.Ordinal);
        return from task in scenario.Workflows.Workflows.SelectMany(w => w.Tasks)
               where task.ChaosInjection is not null && results.ContainsKey(task.TaskId)
               select new StruckTask(task, task.ChaosInjection!, results[task.TaskId]);
    }

    private static Dictionary<string, WorkflowReport> ById(PlatformReport report) =>
        report.Workflows.GroupBy(w => w.Id, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);

    private static string Count(long? count) => count?.ToString(CultureInfo.InvariantCulture) ?? "an unknown number";

    private static string Took(double? milliseconds) => milliseconds is { } ms ? string.Create(CultureInfo.InvariantCulture, $" and {ms:0} ms") : "";

    private sealed record StruckTask(WorkflowTask Task, ChaosInjection Chaos, TaskReport Result)
    {
        public bool IsRecoverable => ChaosRule.Outcome(Task) == Recovery.Completes;
    }
}
