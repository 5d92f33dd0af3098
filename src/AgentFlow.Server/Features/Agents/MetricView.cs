using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Agents;

/// <summary>One measured value.</summary>
/// <param name="MetricType"><c>execution_time</c> (milliseconds), <c>success_rate</c> (0 to 1), <c>cost</c>, <c>quality</c> or <c>task_completion</c> (tasks).</param>
/// <param name="Dimension">Of a cost <c>tokens</c>, <c>api_calls</c> or <c>usd</c>; of a quality score what was judged.</param>
public sealed record MetricView(string MetricId, string AgentId, string MetricType, string? Dimension, double Value, DateTimeOffset Timestamp)
{
    internal static MetricView Of(AgentMetric metric) =>
        new(metric.Id.ToString(), metric.Agent, metric.Type, metric.Dimension.Length == 0 ? null : metric.Dimension, metric.Value, UnixTime.Of(metric.At));
}

/// <param name="Recorded">How many are new.</param>
public sealed record RecordedView(int Recorded);

/// <summary>What metrics come to.</summary>
/// <param name="Window"><c>none</c>, <c>minute</c>, <c>hour</c>, <c>day</c> or <c>week</c>, in UTC; weeks begin on Monday.</param>
/// <param name="GroupBy"><c>none</c>, <c>agent</c>, <c>role</c> or <c>category</c>.</param>
public sealed record AggregateView(string Window, string GroupBy, IReadOnlyList<MetricGroupView> Items, long TotalCount)
{
    internal static AggregateView Of(MetricWindow window, MetricGrouping by, IReadOnlyList<MetricGroup> groups) =>
        new(window.ToString().ToLowerInvariant(), by.ToString().ToLowerInvariant(), [.. groups.Select(g => MetricGroupView.Of(g, window, by))], groups.Count);
}

/// <summary>What the metrics of one type and dimension come to, in one window and group.</summary>
/// <param name="WindowStart">Absent without windows.</param>
/// <param name="AgentId">The group, when agents are kept apart. Likewise role and category.</param>
/// <param name="P50">The value at half of the ranks, counted from below. Percentiles are exact, or on SQLite, where many values are added up by day, within 1 %.</param>
public sealed record MetricGroupView(
    DateTimeOffset? WindowStart,
    string? AgentId,
    string? Role,
    string? Category,
    string MetricType,
    string? Dimension,
    long Count,
    double Sum,
    double Mean,
    double Min,
    double Max,
    double P50,
    double P95,
    double P99)
{
    internal static MetricGroupView Of(MetricGroup group, MetricWindow window, MetricGrouping by) => new(
        window == MetricWindow.None ? null : UnixTime.Of(group.Start),
        by == MetricGrouping.Agent ? group.Group : null,
        by == MetricGrouping.Role ? group.Group : null,
        by == MetricGrouping.Category ? group.Group : null,
        group.Type,
        group.Dimension.Length == 0 ? null : group.Dimension,
        group.Summary.Count, group.Summary.Sum, group.Summary.Mean, group.Summary.Least, group.Summary.Most, group.Summary.P50, group.Summary.P95, group.Summary.P99);
}

/// <summary>What was measured of one agent.</summary>
/// <param name="From">As it was asked for.</param>
/// <param name="Budget">As it is now.</param>
public sealed record AgentMetricsView(
    string AgentId, string Name, DateTimeOffset? From, DateTimeOffset? To, AgentPerformanceView Performance, IReadOnlyList<MetricGroupView> Metrics, AgentBudgetView Budget)
{
    internal static AgentMetricsView Of(RegisteredAgent agent, MetricFilter filter, IReadOnlyList<MetricGroup> groups) => new(
        agent.Id,
        agent.Name,
        filter.From is { } from ? UnixTime.Of(from) : null,
        filter.To is { } to ? UnixTime.Of(to) : null,
        AgentPerformanceView.Of(groups),
        [.. groups.Select(g => MetricGroupView.Of(g, MetricWindow.None, MetricGrouping.None))],
        AgentBudgetView.Of(agent.Budget));
}

/// <summary>What the API's description says of a metric's body.</summary>
/// <param name="Timestamp">By default now.</param>
/// <param name="Metrics">Instead of the other members: at most 1,000 metrics, all of which are taken or none.</param>
public sealed record MetricBodyNote(string? AgentId, string? MetricType, double? Value, string? Dimension, DateTimeOffset? Timestamp, IReadOnlyList<MetricItemNote>? Metrics);

/// <param name="Timestamp">By default now.</param>
public sealed record MetricItemNote(string AgentId, string MetricType, double Value, string? Dimension, DateTimeOffset? Timestamp);
