using System.Buffers;
using System.Text.Json;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Agents;

/// <summary>One agent, of whatever kind.</summary>
/// <param name="Kind"><c>llm</c>, <c>http</c>, <c>tool</c>, <c>human</c>, <c>remote</c>, <c>rag</c> or <c>custom</c>.</param>
/// <param name="Role">Its role in the RBAC engine; empty when it has none.</param>
/// <param name="Status">An identity is <c>idle</c>, <c>active</c> or <c>disabled</c>; a remote agent <c>online</c>, <c>degraded</c> or <c>offline</c>.</param>
/// <param name="LastSeen">Its last sign of life.</param>
/// <param name="Load">Tasks in flight.</param>
/// <param name="Failures">Dispatches in a row that failed.</param>
/// <param name="Metadata">Category, specialist, version, tags and what else is told about it.</param>
/// <param name="Performance">What its metrics come to; only where one agent is asked for. Likewise the definition and the instructions.</param>
/// <param name="Source">The file that it was imported from.</param>
/// <param name="Version">Rises with each change of what the agent is.</param>
public sealed record RegisteredAgentView(
    string AgentId,
    string Name,
    string Kind,
    string Role,
    string Category,
    string Specialist,
    string Status,
    string? BaseUrl,
    DateTimeOffset? LastSeen,
    int Load,
    int Failures,
    IReadOnlyList<string> Capabilities,
    RawJson Permissions,
    AgentBudgetView Budget,
    RawJson Metadata,
    RawJson? Definition,
    string? Instructions,
    string? Source,
    AgentPerformanceView? Performance,
    long Version,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt)
{
    internal static RegisteredAgentView Of(RegisteredAgent agent, IReadOnlyList<MetricGroup>? metrics = null)
    {
        AgentDocument document = AgentDocument.Of(agent.Document);
        return new RegisteredAgentView(
            agent.Id, agent.Name, agent.Kind, agent.Role, agent.Category, agent.Specialist, agent.Status, agent.BaseUrl,
            agent.LastSeen is { } seen ? UnixTime.Of(seen) : null, agent.Load, agent.Failures, agent.Capabilities,
            new RawJson(document.Permissions),
            AgentBudgetView.Of(agent.Budget),
            Placed(document.Metadata, agent),
            metrics is null ? null : new RawJson(document.Definition),
            metrics is null ? null : document.Instructions,
            document.Source,
            metrics is null ? null : AgentPerformanceView.Of(metrics),
            agent.Version, UnixTime.Of(agent.CreatedAt), UnixTime.Of(agent.UpdatedAt));
    }

    /// <summary>Category and specialist are asked for among the metadata as well.</summary>
    private static RawJson Placed(ReadOnlyMemory<byte> metadata, RegisteredAgent agent)
    {
        var buffer = new ArrayBufferWriter<byte>(metadata.Length + 64);
        using (var writer = new Utf8JsonWriter(buffer, Reply.WriterOptions))
        {
            writer.WriteStartObject();
            writer.WriteString("category", agent.Category);
            writer.WriteString("specialist", agent.Specialist);
            var reader = new Utf8JsonReader(metadata.Span, new JsonReaderOptions { MaxDepth = 512 });
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isPlaced = reader.ValueTextEquals("category"u8) || reader.ValueTextEquals("specialist"u8);
                string name = isPlaced ? "" : reader.GetString()!;
                reader.Read();
                int start = (int)reader.TokenStartIndex;
                reader.Skip();
                if (!isPlaced)
                {
                    writer.WritePropertyName(name);
                    writer.WriteRawValue(metadata.Span[start..(int)reader.BytesConsumed], skipInputValidation: true);
                }
            }

            writer.WriteEndObject();
        }

        return new RawJson(buffer.WrittenSpan.ToArray());
    }
}

/// <param name="Limits">A limit that is absent does not hold.</param>
/// <param name="Exceeded">Whether some use is above its limit.</param>
public sealed record AgentBudgetView(AgentAmountsView Limits, AgentAmountsView Use, bool Exceeded)
{
    internal static AgentBudgetView Of(AgentBudget budget) => new(
        new AgentAmountsView(budget.Tokens, budget.ApiCalls, Dollars(budget.NanoDollars)), AgentAmountsView.Of(budget.Use), budget.IsExceeded);

    private static decimal? Dollars(long? nanos) => nanos is { } amount ? AgentAmountsView.Dollars(amount) : null;
}

public sealed record AgentAmountsView(long? Tokens, long? ApiCalls, decimal? Usd)
{
    internal static AgentAmountsView Of(AgentSpend spend) => new(spend.Tokens, spend.ApiCalls, Dollars(spend.NanoDollars));

    internal static decimal Dollars(long nanos) => nanos / 1_000_000_000m;
}

/// <summary>What all metrics of an agent come to.</summary>
/// <param name="Executions">How many execution times there are.</param>
/// <param name="SuccessRate">Mean of the rates.</param>
/// <param name="TasksCompleted">Sum of the completions.</param>
/// <param name="Quality">Mean score by dimension.</param>
/// <param name="Cost">Everything that was spent.</param>
public sealed record AgentPerformanceView(
    long Executions, double? MeanExecutionMs, double? P95ExecutionMs, double? SuccessRate, double TasksCompleted, IReadOnlyDictionary<string, double> Quality, AgentAmountsView Cost)
{
    /// <param name="metrics">By type and dimension only.</param>
    internal static AgentPerformanceView Of(IReadOnlyList<MetricGroup> metrics)
    {
        MetricSummary? Of(string type, string dimension = "") => metrics.FirstOrDefault(g => g.Type == type && g.Dimension == dimension)?.Summary;
        return new AgentPerformanceView(
            Of(MetricTypes.ExecutionTime)?.Count ?? 0,
            Of(MetricTypes.ExecutionTime)?.Mean,
            Of(MetricTypes.ExecutionTime)?.P95,
            Of(MetricTypes.SuccessRate)?.Mean,
            Of(MetricTypes.TaskCompletion)?.Sum ?? 0,
            metrics.Where(g => g.Type == MetricTypes.Quality).ToDictionary(g => g.Dimension, g => g.Summary.Mean, StringComparer.Ordinal),
            new AgentAmountsView((long)(Of(MetricTypes.Cost, MetricTypes.Tokens)?.Sum ?? 0), (long)(Of(MetricTypes.Cost, MetricTypes.ApiCalls)?.Sum ?? 0), Cents(Of(MetricTypes.Cost, MetricTypes.Dollars)?.Sum ?? 0)));
    }

    // Sums of doubles end in noise.
    private static decimal Cents(double dollars) => Math.Round((decimal)Math.Min(dollars, 1e18), 9);
}

/// <summary>A tenant's agents in numbers.</summary>
/// <param name="ByRole">Agents without a role are under <c>none</c>; likewise categories.</param>
public sealed record AgentStatsView(
    long Total,
    IReadOnlyDictionary<string, long> ByRole,
    IReadOnlyDictionary<string, long> ByCategory,
    IReadOnlyDictionary<string, long> ByStatus,
    IReadOnlyDictionary<string, long> ByKind,
    AgentBudgetTotalsView Budget)
{
    internal static AgentStatsView Of(AgentStats stats) => new(
        stats.Total, Named(stats.ByRole), Named(stats.ByCategory), Named(stats.ByStatus), Named(stats.ByKind),
        new AgentBudgetTotalsView(AgentAmountsView.Of(stats.Limits), AgentAmountsView.Of(stats.Use), stats.OverBudget));

    private static SortedDictionary<string, long> Named(IReadOnlyDictionary<string, long> counts) =>
        new(counts.GroupBy(c => c.Key.Length == 0 ? "none" : c.Key).ToDictionary(g => g.Key, g => g.Sum(c => c.Value)), StringComparer.Ordinal);
}

/// <param name="Limits">Sum of the limits that are set.</param>
/// <param name="Use">What all agents have spent.</param>
/// <param name="OverBudget">Agents of which some use is above its limit.</param>
public sealed record AgentBudgetTotalsView(AgentAmountsView Limits, AgentAmountsView Use, long OverBudget);
