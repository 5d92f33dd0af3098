using System.Text.Json.Serialization;

namespace AgentFlow.Farm.Generation;

/// <summary>A fleet, workflows for it, and what should come of them. Wire names are the members' names in snake_case.</summary>
/// <param name="AgentAssignments">For each workflow, which agent does which task.</param>
public sealed record Scenario(
    string ScenarioId,
    long Seed,
    string Scale,
    Fleet Agents,
    WorkflowBatch Workflows,
    SortedDictionary<string, SortedDictionary<string, string>> AgentAssignments,
    ScenarioSummary Summary,
    [property: JsonPropertyName("__expected__")] ScenarioExpectation Expected);

public sealed record ScenarioSummary(int TotalAgents, int TotalWorkflows, int TotalTasks, int ChaosEventsExpected, double ChaosRate);

/// <summary>What a sound platform makes of a scenario, computed by <see cref="ScenarioOracle"/>.</summary>
/// <param name="CanExecuteAll">Every task has an agent of the kind that it asks for.</param>
/// <param name="ChaosRecoveryPossible">Every planted fault can be recovered from, by <see cref="ChaosRule"/>.</param>
/// <param name="ExpectedCompletionRate">Expected share of workflows that complete, with the assigned agents' reliability in it.</param>
/// <param name="ExpectedChaosRecoveryRate">Share of the planted faults that can be recovered from; 1 when there are none.</param>
/// <param name="ExpectedVerdict">The verdict that these two rates deserve.</param>
public sealed record ScenarioExpectation(
    bool AllWorkflowsAssigned,
    int PlannerCount,
    int WorkerCount,
    bool CanExecuteAll,
    bool ChaosRecoveryPossible,
    int TotalTasks,
    decimal ExpectedCompletionRate,
    decimal ExpectedChaosRecoveryRate,
    int ChaosEventsExpected,
    IReadOnlyList<string> ExpectedChaosTypes,
    string ExpectedVerdict);
