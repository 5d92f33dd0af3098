using System.Globalization;

namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    /// <summary>Agents of every kind, by name.</summary>
    public Task<Page<Agent>> ListAgentsAsync(AgentQuery? query = null, string? cursor = null, int size = 50, CancellationToken cancellationToken = default) => GetAsync(
        $"agents?page[size]={size}{Cursor(cursor)}{Only("kind", query?.Kind)}{Only("role", query?.Role)}{Only("category", query?.Category)}{Only("specialist", query?.Specialist)}{Only("status", query?.Status)}{Only("capability", query?.Capability)}",
        ClientJson.Default.PageAgent,
        cancellationToken);

    public Task<Agent> GetAgentAsync(string id, CancellationToken cancellationToken = default) => GetAsync($"agents/{Escape(id)}", ClientJson.Default.Agent, cancellationToken);

    public Task<Agent> GetAgentByNameAsync(string name, CancellationToken cancellationToken = default) => GetAsync($"agents/name/{Escape(name)}", ClientJson.Default.Agent, cancellationToken);

    /// <param name="idempotencyKey">Sent again with the same key, the agent is added once.</param>
    public async Task<Agent> CreateAgentAsync(AgentContent agent, string? idempotencyKey = null, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await PostAsync("agents", agent, ClientJson.Default.AgentContent, idempotencyKey, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.Agent, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Changes what is given, and nothing else.</summary>
    public Task<Agent> UpdateAgentAsync(string id, AgentContent change, CancellationToken cancellationToken = default) =>
        ChangeAsync(HttpMethod.Put, $"agents/{Escape(id)}", change, ClientJson.Default.AgentContent, ClientJson.Default.Agent, cancellationToken);

    /// <summary>Says that an agent starts a task.</summary>
    public Task<Agent> ActivateAgentAsync(string id, CancellationToken cancellationToken = default) => KnockAsync($"agents/{Escape(id)}/activate", ClientJson.Default.Agent, cancellationToken);

    public async Task RemoveAgentAsync(string id, CancellationToken cancellationToken = default) =>
        (await SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, $"agents/{Escape(id)}"), repeatable: false, HttpCompletionOption.ResponseContentRead, cancellationToken).ConfigureAwait(false)).Dispose();

    /// <summary>Adds identities that are new, renews those whose digest has changed, and leaves the rest alone.</summary>
    /// <param name="agents">At most 500, each name once.</param>
    public Task<AgentImport> ImportAgentsAsync(IReadOnlyList<AgentContent> agents, CancellationToken cancellationToken = default) =>
        ChangeAsync(HttpMethod.Post, "agents/import", new AgentImportBody(agents), ClientJson.Default.AgentImportBody, ClientJson.Default.AgentImport, cancellationToken);

    public Task<AgentStats> GetAgentStatsAsync(CancellationToken cancellationToken = default) => GetAsync("agents/stats/summary", ClientJson.Default.AgentStats, cancellationToken);

    /// <summary>Records metrics, all or none; they are on disk when the task ends.</summary>
    /// <param name="metrics">At most 1,000.</param>
    /// <param name="idempotencyKey">Sent again with the same key, the metrics count once.</param>
    public async Task RecordMetricsAsync(IReadOnlyList<AgentMetric> metrics, string? idempotencyKey = null, CancellationToken cancellationToken = default) =>
        (await PostAsync("metrics", new MetricsBody(metrics), ClientJson.Default.MetricsBody, idempotencyKey, cancellationToken).ConfigureAwait(false)).Dispose();

    public async Task<IReadOnlyList<MetricGroup>> AggregateMetricsAsync(MetricQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        string filter = $"{Only("agent_id", query.AgentId)}{Only("metric_type", query.MetricType)}{Only("dimension", query.Dimension)}{Only("from", Text(query.From))}{Only("to", Text(query.To))}{Only("window", query.Window)}{Only("group_by", query.GroupBy)}";
        return (await GetAsync($"metrics/aggregate?{filter.TrimStart('&')}", ClientJson.Default.PageMetricGroup, cancellationToken).ConfigureAwait(false)).Items;
    }

    private static string Only(string name, string? value) => value is null ? "" : $"&{name}={Escape(value)}";

    private static string? Text(DateTimeOffset? time) => time?.UtcDateTime.ToString("O", CultureInfo.InvariantCulture);
}
