using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Text;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Agents;

/// <summary>What is measured of agents: taking it in, listing it and adding it up. A metric is on disk before it is acknowledged; it is a record itself, and is not audited besides.</summary>
internal sealed class MetricEndpoints(IAgentStore agents, IMetricStore store, AgentActivity activity, UlidFactory ids, TimeProvider clock)
{
    public const int MaxMetrics = 1000;
    private const int MaxText = 200;
    private static readonly TimeSpan Ahead = TimeSpan.FromDays(1);

    public async Task RecordAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        string? key = IdempotencyKeys.Of(context);
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        List<JsonBody>? items = body.Objects("metrics", MaxMetrics);
        var known = new Dictionary<string, RegisteredAgent?>(StringComparer.Ordinal);
        var metrics = new List<AgentMetric>();
        foreach (JsonBody item in items ?? [body])
        {
            metrics.Add(await ReadAsync(tenant, item, key is null ? ids.Create() : OfKey(tenant, key, metrics.Count), known, cancellationToken).ConfigureAwait(false));
            if (items is not null)
            {
                item.Close();
            }
        }

        body.End();
        int added = await store.AppendAsync(tenant, metrics, key is not null, cancellationToken).ConfigureAwait(false);
        if (added < metrics.Count)
        {
            await HoldKeyAsync(tenant, metrics, cancellationToken).ConfigureAwait(false);
            context.Response.Headers[IdempotencyKeys.ReplayedHeader] = "true";
        }
        else
        {
            await FollowAsync(tenant, metrics, known, cancellationToken).ConfigureAwait(false);
        }

        if (items is null)
        {
            await Reply.JsonAsync(context, StatusCodes.Status201Created, MetricView.Of(metrics[0]), ServerJson.Default.MetricView).ConfigureAwait(false);
        }
        else
        {
            await Reply.JsonAsync(context, StatusCodes.Status201Created, new RecordedView(added), ServerJson.Default.RecordedView).ConfigureAwait(false);
        }
    }

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        MetricFilter filter = ReadFilter(query, query.Text("agent_id"));
        query.Word("sort", "-timestamp");
        query.End();
        MetricPage found = await store.ListAsync(tenant, filter, ReadCursor(page.Cursor), page.Size, cancellationToken).ConfigureAwait(false);
        string? next = found.HasMore ? string.Create(CultureInfo.InvariantCulture, $"{found.Metrics[^1].At}.{found.Metrics[^1].Id}") : null;
        await Reply.TaggedJsonAsync(context, new PageView<MetricView>([.. found.Metrics.Select(MetricView.Of)], next, found.Total), ServerJson.Default.PageViewMetricView).ConfigureAwait(false);
    }

    public async Task AggregateAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        MetricFilter filter = ReadFilter(query, query.Text("agent_id"));
        var window = Enum.Parse<MetricWindow>(query.Word("window", "none", "minute", "hour", "day", "week"), ignoreCase: true);
        var by = Enum.Parse<MetricGrouping>(query.Word("group_by", "none", "agent", "role", "category"), ignoreCase: true);
        query.End();
        IReadOnlyList<MetricGroup> groups = await store.AggregateAsync(tenant, filter, window, by, cancellationToken).ConfigureAwait(false)
            ?? throw ProblemException.Parameter("window", $"gives more than {IMetricStore.MaxGroups} groups", "Ask for a shorter time, longer windows, one agent or one metric_type.");
        await Reply.TaggedJsonAsync(context, AggregateView.Of(window, by, groups), ServerJson.Default.AggregateView).ConfigureAwait(false);
    }

    public async Task SummarizeAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        MetricFilter filter = ReadFilter(query, id);
        query.End();
        RegisteredAgent agent = await agents.FindAsync(tenant, id, cancellationToken).ConfigureAwait(false) ?? throw AgentEndpoints.NotFound();
        IReadOnlyList<MetricGroup> groups = await store.AggregateAsync(tenant, filter, MetricWindow.None, MetricGrouping.None, cancellationToken).ConfigureAwait(false) ?? [];
        await Reply.TaggedJsonAsync(context, AgentMetricsView.Of(agent, filter, groups), ServerJson.Default.AgentMetricsView).ConfigureAwait(false);
    }

    private async Task<AgentMetric> ReadAsync(string tenant, JsonBody body, Ulid id, Dictionary<string, RegisteredAgent?> known, CancellationToken cancellationToken)
    {
        string agent = body.Text("agent_id", MaxText) ?? "";
        if (agent.Length == 0)
        {
            body.Fault("agent_id", "'agent_id' is missing", "Give the id of an agent.");
        }
        else if (!known.TryGetValue(agent, out RegisteredAgent? found))
        {
            found = known[agent] = await agents.FindAsync(tenant, agent, cancellationToken).ConfigureAwait(false);
            if (found is null)
            {
                throw AgentEndpoints.NotFound();
            }
        }

        string type = body.Text("metric_type", MaxText) ?? "";
        if (!MetricTypes.All.Contains(type))
        {
            body.Fault("metric_type", type.Length == 0 ? "'metric_type' is missing" : $"'{type}' is no type of metric{NearWord.Hint(type, MetricTypes.All)}", $"Give one of {string.Join(", ", MetricTypes.All)}.");
        }

        string dimension = Dimension(body, type);
        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        long at = body.Time("timestamp")?.ToUnixTimeMilliseconds() ?? now;
        if (at < 0 || at > now + (long)Ahead.TotalMilliseconds)
        {
            body.Fault("timestamp", at < 0 ? "'timestamp' is before 1970" : "'timestamp' is more than a day ahead", "Correct the clock of whoever measures.");
        }

        return new AgentMetric(id, agent, type, dimension, at, Value(body, type, dimension));
    }

    private static string Dimension(JsonBody body, string type)
    {
        string dimension = body.Text("dimension", MaxText) ?? "";
        switch (type)
        {
            case MetricTypes.Cost when !MetricTypes.OfCosts.Contains(dimension):
                body.Fault("dimension", dimension.Length == 0 ? "'dimension' is missing: a cost says what was spent" : $"'{dimension}' is no cost", $"Give one of {string.Join(", ", MetricTypes.OfCosts)}.");
                break;
            case MetricTypes.Quality when AgentName.Problem(dimension) is { } problem:
                body.Fault("dimension", dimension.Length == 0 ? "'dimension' is missing: a score says what was judged" : $"this is no dimension: {problem}", "Give a name such as naming or coupling.");
                break;
            case MetricTypes.ExecutionTime or MetricTypes.SuccessRate or MetricTypes.TaskCompletion when dimension.Length > 0:
                body.Fault("dimension", $"'{type}' has no dimensions", "Leave it out.");
                break;
        }

        return dimension;
    }

    private static double Value(JsonBody body, string type, string dimension)
    {
        if (body.Number("value") is not { } value)
        {
            if (body.Value("value") is null)
            {
                body.Fault("value", "'value' is missing", "Give a number.");
            }

            return 0;
        }

        bool isWhole = type == MetricTypes.TaskCompletion || (type == MetricTypes.Cost && dimension != MetricTypes.Dollars);
        (decimal least, decimal most) = type switch
        {
            MetricTypes.SuccessRate => (0m, 1m),
            MetricTypes.Quality => (-(decimal)AgentMetric.MaxValue, (decimal)AgentMetric.MaxValue),
            MetricTypes.Cost when dimension == MetricTypes.Dollars => (0, 1_000_000),
            MetricTypes.Cost => (0, 1_000_000_000_000),
            _ => (0, (decimal)AgentMetric.MaxValue),
        };
        if (value < least || value > most || (isWhole && !decimal.IsInteger(value)))
        {
            body.Fault("value", $"'value' is no value of this metric", $"Give {(isWhole ? "a whole number" : "a number")} from {least:0.#} to {most:0.#}.");
        }

        return (double)value;
    }

    /// <summary>A request that was sent before must be the same one.</summary>
    private async Task HoldKeyAsync(string tenant, List<AgentMetric> metrics, CancellationToken cancellationToken)
    {
        for (int i = 0; i < metrics.Count; i++)
        {
            AgentMetric there = (await store.FindKeyedAsync(tenant, metrics[i].Id, cancellationToken).ConfigureAwait(false))!;
            metrics[i] = there with { At = metrics[i].At } == metrics[i]
                ? there
                : throw new ProblemException(ErrorCode.IdempotencyKeyReused, "The Idempotency-Key stands for other metrics. Use another key for these.");
        }
    }

    /// <summary>Tells the news, and lets agents rest whose task is done.</summary>
    private async Task FollowAsync(string tenant, List<AgentMetric> metrics, Dictionary<string, RegisteredAgent?> known, CancellationToken cancellationToken)
    {
        foreach (AgentMetric metric in metrics)
        {
            RegisteredAgent agent = known[metric.Agent]!;
            MetricView view = MetricView.Of(metric);
            activity.Tell(tenant, AgentActivity.MetricRecorded, agent, view, ServerJson.Default.MetricView);
            if (metric.Type == MetricTypes.TaskCompletion)
            {
                await agents.SetStatusAsync(tenant, agent.Id, [AgentStatus.Active], AgentStatus.Idle, metric.At, cancellationToken).ConfigureAwait(false);
                activity.Tell(tenant, AgentActivity.Completed, agent, view, ServerJson.Default.MetricView);
            }
        }

        // What an agent has spent is read for those who watch alone.
        if (!activity.IsWatched(tenant))
        {
            return;
        }

        foreach (string id in metrics.Where(m => !m.Spend.IsZero).Select(m => m.Agent).Distinct(StringComparer.Ordinal))
        {
            if (await agents.FindAsync(tenant, id, cancellationToken).ConfigureAwait(false) is { } agent)
            {
                activity.BudgetUpdated(tenant, agent);
            }
        }
    }

    private static Ulid OfKey(string tenant, string key, int place) =>
        new(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"metric\n{tenant}\n{place}\n{key}"))).AsSpan(0, Ulid.ByteLength));

    private static MetricFilter ReadFilter(in QueryReader query, string? agent)
    {
        string? type = query.Text("metric_type");
        if (type is not null && !MetricTypes.All.Contains(type))
        {
            throw ProblemException.Parameter("metric_type", "is no type of metric", $"Give one of {string.Join(", ", MetricTypes.All)}.");
        }

        return new MetricFilter(agent, type, query.Text("dimension"), query.Time("from"), query.Time("to"));
    }

    private static (long At, Ulid Id)? ReadCursor(string? cursor) => cursor is null ? null
        : cursor.Split('.') is [var at, var id] && long.TryParse(at, NumberStyles.None, CultureInfo.InvariantCulture, out long time) && Ulid.TryParse(id, out Ulid last) ? (time, last)
        : throw ProblemException.Parameter("page[cursor]", "is no cursor of this list", "Pass the next_cursor of the page before.");
}
