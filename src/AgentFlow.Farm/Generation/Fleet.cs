using System.Text.Json.Serialization;

namespace AgentFlow.Farm.Generation;

/// <summary>A set of agents for a platform to register. Wire names are the members' names in snake_case.</summary>
public sealed record Fleet(
    string FleetId,
    long Seed,
    string Scale,
    int TotalAgents,
    IReadOnlyList<Agent> Agents,
    FleetDistribution Distribution,
    [property: JsonPropertyName("__expected__")] FleetExpectation Expected);

public sealed record FleetDistribution(SortedDictionary<string, int> ByType, SortedDictionary<string, int> ByReliability, SortedDictionary<string, int> ByCost);

public sealed record FleetExpectation(int TotalAgents, bool HasPlanners, bool HasApprovers, bool CanFormDelegationChain);

public sealed record Agent(
    string AgentId,
    string Name,
    string Type,
    string Version,
    IReadOnlyList<string> Capabilities,
    IReadOnlyList<string> Tools,
    AgentPolicy Policy,
    AgentReliability Reliability,
    AgentCost Cost,
    AgentMemory Memory,
    SortedDictionary<string, string> Metadata);

/// <param name="RequiresApproval">Tools that need somebody's approval.</param>
/// <param name="RequiresApprovalAbove">Dollars.</param>
public sealed record AgentPolicy(
    string Template,
    IReadOnlyList<string> RequiresApproval,
    decimal RequiresApprovalAbove,
    int MaxConcurrentTasks,
    AgentRateLimits RateLimits,
    bool AuditAllActions,
    IReadOnlyList<string> DataAccess);

public sealed record AgentRateLimits(int RequestsPerMinute, int TokensPerMinute);

public sealed record AgentReliability(string Profile, decimal SuccessRate, int MeanLatencyMs, decimal TimeoutRate, decimal CrashProbability);

/// <param name="MonthlyCap">Dollars; written as <c>null</c> when there is none.</param>
public sealed record AgentCost(string Tier, decimal PerInvocation, decimal PerToken, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] decimal? MonthlyCap);

/// <param name="ShortTermCapacity">Messages.</param>
public sealed record AgentMemory(int ShortTermCapacity, int ContextWindowTokens);

/// <summary>A few agents that can work on one goal together.</summary>
public sealed record Team(
    string TeamId,
    string Name,
    long Seed,
    int Size,
    IReadOnlyList<Agent> Agents,
    IReadOnlyList<string> CollectiveCapabilities,
    IReadOnlyList<string> CollectiveTools,
    TeamHierarchy Hierarchy,
    [property: JsonPropertyName("__expected__")] TeamExpectation Expected);

/// <param name="Lead">The agent that everybody reports to in the end.</param>
/// <param name="Reports">For each agent that leads others, whom.</param>
public sealed record TeamHierarchy(string Lead, SortedDictionary<string, IReadOnlyList<string>> Reports);

public sealed record TeamExpectation(int Size, bool HasPlanner, bool HasWorker, bool CanFormDelegationChain);
