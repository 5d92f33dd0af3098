using System.Text.Json.Serialization;

namespace AgentFlow.Farm.Generation;

/// <summary>Tasks that depend on each other. Wire names are the members' names in snake_case.</summary>
/// <param name="StreamSequence">Place in a stream, from 0.</param>
/// <param name="Cycle">The one way back of a <c>cyclic</c> workflow.</param>
public sealed record Workflow(
    string WorkflowId,
    string Type,
    string Name,
    IReadOnlyList<WorkflowTask> Tasks,
    string EntryPoint,
    string ExitPoint,
    [property: JsonPropertyName("__expected__")] WorkflowExpectation Expected,
    WorkflowCycle? Cycle = null,
    long? StreamSequence = null);

/// <summary>
/// A bounded loop: <paramref name="To"/> depends on <paramref name="From"/> from its second visit on. The body is run
/// <paramref name="MaxIterations"/> times.
/// </summary>
public sealed record WorkflowCycle(string From, string To, int MaxIterations);

public sealed record WorkflowTask(
    string TaskId,
    string Type,
    string Name,
    IReadOnlyList<string> DependsOn,
    IReadOnlyList<string> ToolsRequired,
    int ExpectedDurationMs,
    int TokenBudget,
    int Priority,
    bool Retryable,
    int MaxRetries,
    bool Idempotent,
    string AssignedAgentType,
    string? Compensation = null,
    ChaosInjection? ChaosInjection = null);

/// <param name="TriggerProbability">Always 1: a fault that may not come proves nothing.</param>
public sealed record ChaosInjection(string Type, string Description, string RecoveryAction, double TriggerProbability, ChaosParameters Parameters);

/// <param name="AttemptsAffected">How many tries in a row the fault strikes, from 1.</param>
/// <param name="Recoverable">Of <c>tool_failure</c>: whether trying again can help.</param>
/// <param name="Repairable">Of <c>data_corruption</c>: whether the input can be repaired.</param>
/// <param name="AutoApprove">Of <c>policy_violation</c>: whether a simulation grants the approval.</param>
/// <param name="DelayMs">How long the fault lasts, or the time limit that it runs into.</param>
/// <param name="ConflictingAgents">Of <c>agent_conflict</c>: how many agents disagree.</param>
/// <param name="ExcessTokens">Of <c>memory_pressure</c>: how many tokens too many there are.</param>
public sealed record ChaosParameters(int AttemptsAffected, bool? Recoverable = null, bool? Repairable = null, bool? AutoApprove = null, int? DelayMs = null, int? ConflictingAgents = null, int? ExcessTokens = null);

/// <summary>What a sound platform makes of a workflow, computed from its graph by <see cref="WorkflowOracle"/>.</summary>
/// <param name="ExpectedStatus"><c>completed</c>, <c>partial</c> or <c>failed</c>.</param>
/// <param name="ExpectedExecutionOrder">A topological order: of the tasks that could start, always the one that stands first in the file. Each task once.</param>
/// <param name="ExpectedDurationRangeMs">Least and most milliseconds of real time.</param>
/// <param name="CriticalPathLength">Tasks on the longest chain of dependencies.</param>
/// <param name="ParallelizableTasks">Tasks that can run at the same time as another one.</param>
/// <param name="MinAgentsRequired">Agents without which something that could run would have to wait.</param>
/// <param name="ExpectedCompletionRate">Share of the tasks that complete.</param>
/// <param name="EstimatedTotalDurationMs">Milliseconds along the slowest chain, without any chaos.</param>
public sealed record WorkflowExpectation(
    int TotalTasks,
    string ExpectedStatus,
    IReadOnlyList<string> ExpectedExecutionOrder,
    IReadOnlyList<long> ExpectedDurationRangeMs,
    long ExpectedTokenUsage,
    bool RequiresHumanApproval,
    int CheckpointsExpected,
    int ChaosEventsExpected,
    int ChaosEventsRecoverable,
    IReadOnlyList<string> ExpectedChaosTypes,
    int CriticalPathLength,
    int ParallelizableTasks,
    int MinAgentsRequired,
    decimal ExpectedCompletionRate,
    long EstimatedTotalDurationMs);

/// <param name="ChaosEventsTotal">Faults that are planted in all of them.</param>
public sealed record WorkflowBatch(string BatchId, long Seed, double ChaosRate, int WorkflowCount, int TotalTasks, int ChaosEventsTotal, IReadOnlyList<Workflow> Workflows);
