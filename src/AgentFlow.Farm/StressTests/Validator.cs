using System.Globalization;
using AgentFlow.Farm.Generation;
using AgentFlow.Farm.Platform;

namespace AgentFlow.Farm.StressTests;

/// <summary>Holds a platform's result against the scenario's <c>__expected__</c> blocks, and against itself.</summary>
public static class Validator
{
    private const int NamedAtMost = 5;
    private const double Rounding = 0.005;

    public static Validation Validate(Scenario scenario, PlatformReport report, Observation observed)
    {
        ArgumentNullException.ThrowIfNull(scenario);
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(observed);
        Figures figures = Figures.Of(scenario, report);
        var found = new Findings();
        Ingestion(scenario, observed, found);
        Counts(scenario, report, found);
        Rates(scenario, report, figures, found);
        Honesty(report, figures, found);
        Workflows(scenario, report, found);
        Tasks(scenario, report, found);
        Events(scenario, report, observed, found);
        SortedDictionary<string, bool> checks = Checks(report, figures);
        return new Validation(
            checks.Values.All(passed => passed),
            checks,
            report.Verdict,
            figures.Soundness.Word(),
            found.Comparisons.Count == 0 ? 1 : Math.Round((double)found.Comparisons.Count(c => c.Matched) / found.Comparisons.Count, 4),
            found.Comparisons,
            found.NotReported,
            found.Discrepancies);
    }

    /// <summary>The protocol's three checks, as the platform judged them; by the thresholds where it did not.</summary>
    private static SortedDictionary<string, bool> Checks(PlatformReport report, Figures figures)
    {
        return new(StringComparer.Ordinal)
        {
            ["completion_rate"] = Passed("completion_rate") ?? (figures.Completion is { } completion && Thresholds.Completion(completion) == Verdict.Pass),
            ["chaos_recovery"] = Passed("chaos_recovery") ?? (figures.Recovery is { } recovery && Thresholds.Recovery(recovery) == Verdict.Pass),
            ["task_completion"] = Passed("task_completion") ?? figures.TasksDone is >= Thresholds.TasksCompleted,
        };

        bool? Passed(string check) => report.Source.Member("validation")?.Member(check)?.Flag("passed");
    }

    private static void Ingestion(Scenario scenario, Observation observed, Findings found)
    {
        found.Compare("agents_ingested", scenario.Summary.TotalAgents, observed.AgentsIngested, "agents were sent", "the platform took");
        found.Compare("workflows_queued", scenario.Summary.TotalWorkflows, observed.WorkflowsQueued, "workflows were sent", "the platform queued");
    }

    private static void Counts(Scenario scenario, PlatformReport report, Findings found)
    {
        found.Compare("workflows_accounted", scenario.Summary.TotalWorkflows, report.WorkflowsCompleted + report.WorkflowsFailed, "workflows were sent", "completed and failed ones sum up to");
        found.Compare("total_tasks", scenario.Summary.TotalTasks, report.TotalTasks, "tasks were sent", "the platform counts");
        Faults(scenario, report, found);
    }

    /// <summary>
    /// Every fault strikes in a workflow that can complete. In one that cannot, a task that is lost keeps later ones, and what is planted in
    /// them, from being begun; how many depends on what the platform lets go on beside it.
    /// </summary>
    private static void Faults(Scenario scenario, PlatformReport report, Findings found)
    {
        (Workflow Workflow, string[] Faults)[] planted = [.. scenario.Workflows.Workflows.Select(w => (w, w.Tasks.Where(t => t.ChaosInjection is not null).Select(t => t.ChaosInjection!.Type).ToArray()))];
        int most = scenario.Expected.ChaosEventsExpected;
        int least = planted.Sum(p => p.Workflow.Expected.ExpectedStatus == "completed" ? p.Faults.Length : Math.Min(1, p.Faults.Length));
        string expected = least == most ? $"{most}" : $"{least} to {most}";
        found.Add("chaos_events", expected, report.ChaosTotal?.ToString(CultureInfo.InvariantCulture), report.ChaosTotal >= least && report.ChaosTotal <= most, $"{expected} faults {(least == most ? "were planted" : "can strike")}, the platform counts {report.ChaosTotal}.");
        string? types = report.Workflows.Any(w => w.Tasks.Count > 0)
            ? string.Join(", ", report.Workflows.SelectMany(w => w.Tasks).Where(t => t.ChaosOccurred && t.ChaosType is not null).Select(t => t.ChaosType!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            : null;
        string all = string.Join(", ", scenario.Expected.ExpectedChaosTypes);
        string[] struck = types?.Split(", ", StringSplitOptions.RemoveEmptyEntries) ?? [];
        bool fits = struck.All(scenario.Expected.ExpectedChaosTypes.Contains) && planted.Where(p => p.Workflow.Expected.ExpectedStatus == "completed").SelectMany(p => p.Faults).All(struck.Contains);
        found.Add("chaos_types", all, types, fits, $"the faults planted were {Or(all, "none")}, those that struck {Or(types ?? "", "none")}.");
    }

    /// <summary>A rate may be better than expected, and worse within the same verdict.</summary>
    private static void Rates(Scenario scenario, PlatformReport report, Figures figures, Findings found)
    {
        double completion = (double)scenario.Expected.ExpectedCompletionRate;
        double recovery = (double)scenario.Expected.ExpectedChaosRecoveryRate;
        found.Add("completion_rate", Percent(completion), Percent(figures.Completion), figures.Completion >= completion || (figures.Completion is { } c && Thresholds.Completion(c) <= Thresholds.Completion(completion)), $"{Percent(completion)} of the workflows should complete, {Percent(figures.Completion)} did.");
        found.Add("chaos_recovery_rate", Percent(recovery), Percent(figures.Recovery), figures.Recovery >= recovery || (figures.Recovery is { } r && Thresholds.Recovery(r) <= Thresholds.Recovery(recovery)), $"{Percent(recovery)} of the faults can be recovered from, {Percent(figures.Recovery)} were.");
        string? verdict = Verdicts.Parse(report.Verdict)?.Word();
        found.Add("verdict", scenario.Expected.ExpectedVerdict, verdict, verdict == scenario.Expected.ExpectedVerdict, $"{scenario.Expected.ExpectedVerdict} was expected, the platform says {verdict}.");
    }

    /// <summary>What a platform says about itself must follow from its own figures.</summary>
    private static void Honesty(PlatformReport report, Figures figures, Findings found)
    {
        if (Verdicts.Parse(report.Verdict) is { } own)
        {
            bool fits = own >= figures.Soundness;
            found.Add("verdict_follows_from_figures", $"{figures.Soundness.Word()} or worse", own.Word(), fits, $"the platform says {own.Word()}, but its figures deserve {figures.Soundness.Word()}.");
        }

        Stated("completion_rate", report.CompletionRate, figures.Completion);
        Stated("chaos_recovery_rate", report.ChaosRecoveryRate, figures.Recovery);

        void Stated(string rate, double? stated, double? counted)
        {
            if (stated is { } s && counted is { } c)
            {
                found.Add($"{rate}_follows_from_counts", Percent(c), Percent(s), Math.Abs(s - c) <= Rounding, $"the platform states a {rate} of {Percent(s)}, its counts give {Percent(c)}.");
            }
        }
    }

    private static void Workflows(Scenario scenario, PlatformReport report, Findings found)
    {
        if (report.Workflows.Count == 0)
        {
            found.Missing("workflow_statuses");
            return;
        }

        Dictionary<string, WorkflowReport[]> told = report.Workflows.GroupBy(w => w.Id, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.ToArray(), StringComparer.Ordinal);
        List<string> wrong = [];
        foreach (Workflow workflow in scenario.Workflows.Workflows)
        {
            string expected = workflow.Expected.ExpectedStatus;
            string actual = told.GetValueOrDefault(workflow.WorkflowId) is not { } results ? "not reported" : results.Length > 1 ? $"reported {results.Length} times" : results[0].Status;
            // What cannot complete may be called partial or failed: platforms differ in what they call partial.
            if (expected != actual && (expected == "completed" || actual is not ("partial" or "failed")))
            {
                wrong.Add($"{workflow.WorkflowId} is {actual} instead of {expected}");
            }
        }

        int all = scenario.Summary.TotalWorkflows;
        found.Add("workflow_statuses", $"{all} of {all} as expected", $"{all - wrong.Count} of {all} as expected", wrong.Count == 0, Named("workflows ended otherwise than expected", wrong));
    }

    private static void Tasks(Scenario scenario, PlatformReport report, Findings found)
    {
        Dictionary<string, WorkflowReport> told = report.Workflows.Where(w => w.Tasks.Count > 0).GroupBy(w => w.Id, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);
        if (told.Count == 0)
        {
            found.Missing("tasks_counted_once");
            found.Missing("dependencies_respected");
            found.Missing("agents_known");
            return;
        }

        HashSet<string> agents = scenario.Agents.Agents.Select(a => a.AgentId).ToHashSet(StringComparer.Ordinal);
        List<string> twice = [], early = [], strange = [];
        bool hasTimes = false;
        bool hasAgents = false;
        foreach (Workflow workflow in scenario.Workflows.Workflows)
        {
            if (!told.TryGetValue(workflow.WorkflowId, out WorkflowReport? result))
            {
                continue;
            }

            Dictionary<string, TaskReport[]> tasks = result.Tasks.GroupBy(t => t.Id, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.ToArray(), StringComparer.Ordinal);
            // A loop's body may be told once or once for each time round.
            twice.AddRange(tasks.Where(t => t.Value.Length > (workflow.Cycle?.MaxIterations ?? 1)).Select(t => $"{t.Key} stands {t.Value.Length} times"));
            twice.AddRange(tasks.Keys.Where(id => !workflow.Tasks.Any(t => t.TaskId == id)).Select(id => $"{id} was never sent"));
            if (workflow.Expected.ExpectedStatus == "completed")
            {
                twice.AddRange(workflow.Tasks.Where(t => !tasks.ContainsKey(t.TaskId)).Select(t => $"{t.TaskId} is missing"));
            }

            strange.AddRange(result.Tasks.Where(t => t.AgentId is not null && !agents.Contains(t.AgentId)).Select(t => $"{t.Id} was done by {t.AgentId}"));
            hasAgents |= result.Tasks.Any(t => t.AgentId is not null);
            hasTimes |= result.Tasks.Any(t => t.StartedAt is not null && t.CompletedAt is not null);
            early.AddRange(TooEarly(workflow, tasks));
        }

        found.Add("tasks_counted_once", "each task once", twice.Count == 0 ? "each task once" : $"{twice.Count} otherwise", twice.Count == 0, Named("tasks were not counted once", twice));
        Judged("dependencies_respected", hasTimes, early, "tasks started before what they depend on had ended");
        Judged("agents_known", hasAgents, strange, "tasks were done by agents that the fleet does not have");

        void Judged(string check, bool isReported, List<string> wrong, string what)
        {
            if (isReported)
            {
                found.Add(check, "all", wrong.Count == 0 ? "all" : $"all but {wrong.Count}", wrong.Count == 0, Named(what, wrong));
            }
            else
            {
                found.Missing(check);
            }
        }
    }

    private static IEnumerable<string> TooEarly(Workflow workflow, Dictionary<string, TaskReport[]> tasks) =>
        from task in workflow.Tasks
        where tasks.ContainsKey(task.TaskId)
        let started = tasks[task.TaskId].Min(t => t.StartedAt)
        where started is not null
        from dependency in task.DependsOn
        where workflow.Cycle is null || task.TaskId != workflow.Cycle.To || dependency != workflow.Cycle.From
        where tasks.ContainsKey(dependency)
        let ended = tasks[dependency].Min(t => t.CompletedAt)
        where ended is not null && started < ended
        select $"{task.TaskId} before {dependency}";

    private static void Events(Scenario scenario, PlatformReport report, Observation observed, Findings found)
    {
        // One connection from before the first workflow to after the last saw everything; later ones may have gaps.
        if (observed.Events.Connections != 1 || observed.Events.ByType.GetValueOrDefault("scenario.completed") == 0)
        {
            found.Missing("workflow_events");
            return;
        }

        long ended = observed.Events.ByType.GetValueOrDefault("workflow.completed") + observed.Events.ByType.GetValueOrDefault("workflow.failed");
        found.Compare("workflow_events", report.WorkflowsCompleted + report.WorkflowsFailed ?? scenario.Summary.TotalWorkflows, ended, "workflows ended", "events told of");
    }

    internal static string Percent(double? rate) => rate is { } value ? string.Create(CultureInfo.InvariantCulture, $"{value * 100:0.##} %") : "an unknown share";

    private static string Or(string text, string otherwise) => text.Length > 0 ? text : otherwise;

    private static string Named(string what, List<string> items) =>
        $"{items.Count} {what}: {string.Join("; ", items.Take(NamedAtMost))}{(items.Count > NamedAtMost ? $"; and {items.Count - NamedAtMost} more" : "")}.";

    private sealed class Findings
    {
        public List<Comparison> Comparisons { get; } = [];

        public List<string> NotReported { get; } = [];

        public List<string> Discrepancies { get; } = [];

        public void Missing(string check) => NotReported.Add(check);

        public void Compare(string check, long expected, long? actual, string sent, string got) =>
            Add(check, expected.ToString(CultureInfo.InvariantCulture), actual?.ToString(CultureInfo.InvariantCulture), expected == actual, $"{expected} {sent}, {got} {actual}.");

        /// <param name="actual"><see langword="null"/>: not reported.</param>
        public void Add(string check, string expected, string? actual, bool matched, string discrepancy)
        {
            if (actual is null or "an unknown share")
            {
                NotReported.Add(check);
                return;
            }

            Comparisons.Add(new Comparison(check, expected, actual, matched));
            if (!matched)
            {
                Discrepancies.Add($"{check}: {discrepancy}");
            }
        }
    }
}
