using System.Text.Json;

namespace AgentFlow.Client;

/// <summary>One agent of the registry, of whatever kind.</summary>
/// <param name="Kind"><c>llm</c>, <c>http</c>, <c>tool</c>, <c>human</c>, <c>remote</c>, <c>rag</c> or <c>custom</c>.</param>
/// <param name="Role">Its role in the RBAC engine; empty when it has none.</param>
/// <param name="Status">An identity is <c>idle</c>, <c>active</c> or <c>disabled</c>; a remote agent <c>online</c>, <c>degraded</c> or <c>offline</c>.</param>
/// <param name="Load">Tasks in flight.</param>
/// <param name="Definition">Only where one agent was asked for; likewise the instructions and the performance.</param>
/// <param name="Source">The file that it was imported from.</param>
/// <param name="Version">Rises with each change of what the agent is.</param>
public sealed record Agent(
    string AgentId,
    string Name,
    string Kind,
    string Role,
    string Category,
    string Specialist,
    string Status,
    IReadOnlyList<string> Capabilities,
    JsonElement Permissions,
    AgentBudget Budget,
    JsonElement Metadata,
    long Version,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt,
    string? BaseUrl = null,
    DateTimeOffset? LastSeen = null,
    int Load = 0,
    int Failures = 0,
    JsonElement? Definition = null,
    string? Instructions = null,
    string? Source = null,
    AgentPerformance? Performance = null);

/// <param name="Exceeded">Whether some use is above its limit.</param>
public sealed record AgentBudget(AgentAmounts Limits, AgentAmounts? Use = null, bool Exceeded = false);

/// <summary>Amounts; in limits, one that is absent does not hold.</summary>
public sealed record AgentAmounts(long? Tokens = null, long? ApiCalls = null, decimal? Usd = null);

/// <summary>What all metrics of an agent come to.</summary>
/// <param name="Quality">Mean score by dimension.</param>
public sealed record AgentPerformance(
    long Executions, double? MeanExecutionMs, double? P95ExecutionMs, double? SuccessRate, double TasksCompleted, IReadOnlyDictionary<string, double> Quality, AgentAmounts Cost);

/// <summary>Which agents to list. What is <see langword="null"/> does not restrict.</summary>
public sealed record AgentQuery
{
    public string? Kind { get; init; }

    public string? Role { get; init; }

    public string? Category { get; init; }

    public string? Specialist { get; init; }

    public string? Status { get; init; }

    public string? Capability { get; init; }
}

/// <summary>An agent to add, or what to change of one: members that are <see langword="null"/> are left to the server, or as they are.</summary>
/// <param name="Digest">In an import, the hash of its source, by which it is known again.</param>
public sealed record AgentContent(
    string? Name = null,
    string? AgentId = null,
    string? Kind = null,
    string? Role = null,
    string? Category = null,
    string? Specialist = null,
    string? Status = null,
    IReadOnlyList<string>? Capabilities = null,
    JsonElement? Permissions = null,
    AgentBudget? Budget = null,
    JsonElement? Metadata = null,
    JsonElement? Definition = null,
    string? Instructions = null,
    string? Source = null,
    string? Digest = null,
    long? Version = null);

/// <summary>What became of an import.</summary>
/// <param name="Agents">In the order in which they were given.</param>
public sealed record AgentImport(int Imported, int Updated, int Unchanged, int Rejected, IReadOnlyList<ImportedAgent> Agents);

/// <param name="Outcome"><c>imported</c>, <c>updated</c>, <c>unchanged</c> or <c>rejected</c>.</param>
/// <param name="Reason">Why it was rejected.</param>
public sealed record ImportedAgent(string Name, string? AgentId, string Outcome, string? Reason = null);

/// <summary>A tenant's agents in numbers.</summary>
public sealed record AgentStats(
    long Total,
    IReadOnlyDictionary<string, long> ByRole,
    IReadOnlyDictionary<string, long> ByCategory,
    IReadOnlyDictionary<string, long> ByStatus,
    IReadOnlyDictionary<string, long> ByKind,
    AgentBudgetTotals Budget);

/// <param name="OverBudget">Agents of which some use is above its limit.</param>
public sealed record AgentBudgetTotals(AgentAmounts Limits, AgentAmounts Use, long OverBudget);

/// <summary>A measured value.</summary>
/// <param name="MetricType"><c>execution_time</c> (milliseconds), <c>success_rate</c> (0 to 1), <c>cost</c>, <c>quality</c> or <c>task_completion</c>.</param>
/// <param name="Dimension">Of a cost <c>tokens</c>, <c>api_calls</c> or <c>usd</c>; of a quality score what was judged.</param>
/// <param name="Timestamp">By default now.</param>
public sealed record AgentMetric(string AgentId, string MetricType, double Value, string? Dimension = null, DateTimeOffset? Timestamp = null);

/// <summary>Which metrics to add up, and how. What is <see langword="null"/> does not restrict.</summary>
/// <param name="Window"><c>none</c>, <c>minute</c>, <c>hour</c>, <c>day</c> or <c>week</c>.</param>
/// <param name="GroupBy"><c>none</c>, <c>agent</c>, <c>role</c> or <c>category</c>.</param>
public sealed record MetricQuery(
    string? AgentId = null, string? MetricType = null, string? Dimension = null, DateTimeOffset? From = null, DateTimeOffset? To = null, string? Window = null, string? GroupBy = null);

/// <summary>What the metrics of one type and dimension come to, in one window and group.</summary>
public sealed record MetricGroup(
    string MetricType,
    long Count,
    double Sum,
    double Mean,
    double Min,
    double Max,
    double P50,
    double P95,
    double P99,
    string? Dimension = null,
    DateTimeOffset? WindowStart = null,
    string? AgentId = null,
    string? Role = null,
    string? Category = null);
