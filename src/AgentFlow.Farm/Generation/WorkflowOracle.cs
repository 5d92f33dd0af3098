namespace AgentFlow.Farm.Generation;

/// <summary>Computes from a workflow's graph what a sound platform makes of it.</summary>
public static class WorkflowOracle
{
    /// <param name="cycle">Its body counts once for each iteration in durations, tokens and checkpoints.</param>
    public static WorkflowExpectation Expect(IReadOnlyList<WorkflowTask> tasks, WorkflowCycle? cycle)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        var graph = new TaskGraph(tasks, cycle);
        int[] visits = Visits(tasks, cycle, graph);
        Recovery[] recoveries = [.. tasks.Select(ChaosRule.Outcome)];
        long estimate = graph.LongestChain(i => (long)tasks[i].ExpectedDurationMs * visits[i]);
        long sequential = tasks.Select((t, i) => (long)t.ExpectedDurationMs * visits[i]).Sum();
        WorkflowTask[] struck = [.. tasks.Where(t => t.ChaosInjection is not null)];
        int lost = Enumerable.Range(0, tasks.Count).Count(i => recoveries[i] != Recovery.Completes || Enumerable.Range(0, tasks.Count).Any(e => recoveries[e] != Recovery.Completes && graph.Reaches(e, i)));
        return new WorkflowExpectation(
            tasks.Count,
            Status(recoveries),
            [.. graph.Order.Select(i => tasks[i].TaskId)],
            [estimate / 2, (sequential * 2) + struck.Sum(t => (long)ChaosCatalog.Kind(t.ChaosInjection!.Type).RecoveryMs)],
            tasks.Select((t, i) => (long)t.TokenBudget * visits[i]).Sum(),
            tasks.Any(t => t.Type == TaskCatalog.Approval),
            tasks.Select((t, i) => t.Type == TaskCatalog.Checkpoint ? visits[i] : 0).Sum(),
            struck.Length,
            struck.Count(t => ChaosRule.Outcome(t) != Recovery.None),
            [.. struck.Select(t => t.ChaosInjection!.Type).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            (int)graph.LongestChain(_ => 1),
            Enumerable.Range(0, tasks.Count).Count(graph.IsParallelizable),
            Math.Max(graph.Width(), tasks.Select(t => t.AssignedAgentType).Distinct(StringComparer.Ordinal).Count()),
            Rate(tasks.Count - lost, tasks.Count),
            estimate);
    }

    /// <summary>A quotient, rounded to six decimals.</summary>
    internal static decimal Rate(decimal part, decimal whole) => decimal.Round(part / whole, 6, MidpointRounding.ToEven);

    private static string Status(Recovery[] recoveries) =>
        recoveries.Contains(Recovery.None) ? "failed" : recoveries.Contains(Recovery.Compensated) ? "partial" : "completed";

    private static int[] Visits(IReadOnlyList<WorkflowTask> tasks, WorkflowCycle? cycle, TaskGraph graph)
    {
        int[] visits = [.. Enumerable.Repeat(1, tasks.Count)];
        if (cycle is null)
        {
            return visits;
        }

        int first = Place(cycle.To);
        int last = Place(cycle.From);
        for (int i = 0; i < visits.Length; i++)
        {
            bool isBody = (i == first || graph.Reaches(first, i)) && (i == last || graph.Reaches(i, last));
            visits[i] = isBody ? cycle.MaxIterations : 1;
        }

        return visits;

        int Place(string id) => Enumerable.Range(0, tasks.Count).First(i => tasks[i].TaskId == id);
    }
}
