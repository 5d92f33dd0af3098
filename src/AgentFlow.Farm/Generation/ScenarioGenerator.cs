using static System.FormattableString;

namespace AgentFlow.Farm.Generation;

/// <summary>Makes a fleet with work for it.</summary>
public static class ScenarioGenerator
{
    /// <summary>A task goes to agents that, with the task's retries, fail it more rarely than this; where there are none, to the most reliable ones.</summary>
    public const decimal AcceptedFailure = 0.0001m;

    /// <param name="workflows">1 to 50.</param>
    /// <param name="chaosRate">Probability, from 0 to 1, that a task is hit.</param>
    public static Scenario Generate(Scale scale, int workflows, double chaosRate, long seed)
    {
        ArgumentNullException.ThrowIfNull(scale);
        string id = Invariant($"stress-{seed}-{scale.Name}");
        Fleet fleet = FleetGenerator.Fleet(scale, seed);
        WorkflowBatch batch = WorkflowGenerator.Batch($"{id}-workflows", $"scenario/{scale.Name}", workflows, scale.LeastTasks, scale.MostTasks, chaosRate, seed);
        SortedDictionary<string, SortedDictionary<string, string>> assignments = Assign(fleet, batch, new Dice(seed, $"scenario/{scale.Name}/assignments"));
        return new Scenario(
            id,
            seed,
            scale.Name,
            fleet,
            batch,
            assignments,
            new ScenarioSummary(fleet.TotalAgents, workflows, batch.TotalTasks, batch.ChaosEventsTotal, chaosRate),
            ScenarioOracle.Expect(fleet, batch.Workflows, assignments));
    }

    /// <summary>
    /// The probability that an agent fails a task for good, with the retries that the task's fault leaves. None for what a
    /// person decides and for what the platform itself does.
    /// </summary>
    internal static decimal Failure(Agent agent, WorkflowTask task)
    {
        if (task.Type is TaskCatalog.Approval or TaskCatalog.Checkpoint)
        {
            return 0;
        }

        decimal once = 1 - agent.Reliability.SuccessRate;
        decimal all = once;
        for (int i = ChaosRule.RetriesUsed(task); i < task.MaxRetries; i++) all *= once;
        return all;
    }

    private static SortedDictionary<string, SortedDictionary<string, string>> Assign(Fleet fleet, WorkflowBatch batch, Dice dice)
    {
        var assignments = new SortedDictionary<string, SortedDictionary<string, string>>(StringComparer.Ordinal);
        foreach (Workflow workflow in batch.Workflows)
        {
            var agents = new SortedDictionary<string, string>(StringComparer.Ordinal);
            foreach (WorkflowTask task in workflow.Tasks)
            {
                Agent[] able = [.. fleet.Agents.Where(a => a.Type == task.AssignedAgentType)];
                Agent[] safe = [.. able.Where(a => Failure(a, task) <= AcceptedFailure)];
                if (safe.Length == 0)
                {
                    decimal best = able.Max(a => a.Reliability.SuccessRate);
                    safe = [.. able.Where(a => a.Reliability.SuccessRate == best)];
                }

                agents.Add(task.TaskId, dice.Pick(safe).AgentId);
            }

            assignments.Add(workflow.WorkflowId, agents);
        }

        return assignments;
    }
}
