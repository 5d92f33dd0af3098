using AgentFlow.Farm.StressTests;

namespace AgentFlow.Farm.Generation;

/// <summary>Computes from a scenario's workflows and agents what a sound platform makes of it.</summary>
public static class ScenarioOracle
{
    public static ScenarioExpectation Expect(Fleet fleet, IReadOnlyList<Workflow> workflows, SortedDictionary<string, SortedDictionary<string, string>> assignments)
    {
        ArgumentNullException.ThrowIfNull(fleet);
        ArgumentNullException.ThrowIfNull(workflows);
        ArgumentNullException.ThrowIfNull(assignments);
        Dictionary<string, Agent> agents = fleet.Agents.ToDictionary(a => a.AgentId, StringComparer.Ordinal);
        WorkflowTask[] tasks = [.. workflows.SelectMany(w => w.Tasks)];
        int chaos = workflows.Sum(w => w.Expected.ChaosEventsExpected);
        int recoverable = workflows.Sum(w => w.Expected.ChaosEventsRecoverable);
        decimal completing = workflows.Sum(w => w.Expected.ExpectedStatus == "completed" ? Completes(w, assignments[w.WorkflowId], agents) : 0);
        decimal completion = WorkflowOracle.Rate(completing, workflows.Count);
        decimal recovery = chaos == 0 ? 1 : WorkflowOracle.Rate(recoverable, chaos);
        return new ScenarioExpectation(
            workflows.All(w => w.Tasks.All(t => assignments[w.WorkflowId].ContainsKey(t.TaskId))),
            fleet.Agents.Count(a => a.Type == "planner"),
            fleet.Agents.Count(a => a.Type == "worker"),
            tasks.All(t => fleet.Agents.Any(a => a.Type == t.AssignedAgentType)),
            tasks.All(t => ChaosRule.Outcome(t) == Recovery.Completes),
            tasks.Length,
            completion,
            recovery,
            chaos,
            [.. workflows.SelectMany(w => w.Expected.ExpectedChaosTypes).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            Verdicts.Worst(Thresholds.Completion((double)completion), Thresholds.Recovery((double)recovery)).Word());
    }

    /// <summary>The probability that no agent fails its task for good.</summary>
    private static decimal Completes(Workflow workflow, SortedDictionary<string, string> assigned, Dictionary<string, Agent> agents) =>
        workflow.Tasks.Aggregate(1m, (all, task) => all * (1 - ScenarioGenerator.Failure(agents[assigned[task.TaskId]], task)));
}
