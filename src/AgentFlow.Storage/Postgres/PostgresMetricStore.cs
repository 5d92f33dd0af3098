using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using Npgsql;
using NpgsqlTypes;

namespace AgentFlow.Storage.Postgres;

/// <summary>The metrics in the same database as the runs. Percentiles are exact: PostgreSQL sorts the values.</summary>
public sealed class PostgresMetricStore(PostgresDatabase database) : IMetricStore
{
    private const string Columns = "m.id, m.agent, m.type, m.dimension, m.at, m.value";
    private const string Filtered = "m.tenant = $1 AND ($2::text IS NULL OR m.type = $2) AND ($3::text IS NULL OR m.dimension = $3) AND m.at >= $4 AND m.at < $5";
    private const string OfAgent = " AND m.agent = $6";

    // What nobody asks for is kept together by a constant.
    private const string Aggregated = ", m.type, m.dimension, count(*), sum(m.value), min(m.value), max(m.value), percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY m.value)";

    public ValueTask<int> AppendAsync(string tenant, IReadOnlyList<AgentMetric> metrics, bool isKeyed, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            // What costs is added for rows that are new alone: the statement may be sent a second time. Agents are locked in order.
            using var command = new NpgsqlCommand("""
                WITH given AS (
                    SELECT * FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::double precision[], $9::bigint[], $10::bigint[], $11::bigint[])
                        AS g (at, id, agent, type, dimension, value, tokens, calls, nanos)),
                added AS (
                    INSERT INTO agent_metrics (tenant, at, id, agent, type, dimension, value, keyed)
                    SELECT $1, at, id, agent, type, dimension, value, $8 FROM given ON CONFLICT DO NOTHING RETURNING at, id),
                spent AS (
                    SELECT g.agent, sum(g.tokens)::bigint AS tokens, sum(g.calls)::bigint AS calls, sum(g.nanos)::bigint AS nanos
                    FROM given g JOIN added USING (at, id) GROUP BY g.agent HAVING sum(g.tokens) <> 0 OR sum(g.calls) <> 0 OR sum(g.nanos) <> 0),
                locked AS MATERIALIZED (
                    SELECT a.id FROM agents a WHERE a.tenant = $1 AND a.id IN (SELECT agent FROM spent) ORDER BY a.id FOR UPDATE),
                used AS (
                    UPDATE agents a SET used_tokens = a.used_tokens + s.tokens, used_calls = a.used_calls + s.calls, used_nanos = a.used_nanos + s.nanos
                    FROM spent s JOIN locked l ON l.id = s.agent WHERE a.tenant = $1 AND a.id = s.agent)
                SELECT count(*) FROM added
                """, connection);
            command.Parameters.Value(tenant)
                .Values(metrics.Select(m => m.At), NpgsqlDbType.Bigint).Values(metrics.Select(m => Parameters.ToUuid(m.Id)), NpgsqlDbType.Uuid)
                .Values(metrics.Select(m => m.Agent), NpgsqlDbType.Text).Values(metrics.Select(m => m.Type), NpgsqlDbType.Text).Values(metrics.Select(m => m.Dimension), NpgsqlDbType.Text)
                .Values(metrics.Select(m => m.Value), NpgsqlDbType.Double).Value(isKeyed)
                .Values(metrics.Select(m => m.Spend.Tokens), NpgsqlDbType.Bigint).Values(metrics.Select(m => m.Spend.ApiCalls), NpgsqlDbType.Bigint).Values(metrics.Select(m => m.Spend.NanoDollars), NpgsqlDbType.Bigint);
            return (int)(long)(await command.ExecuteScalarAsync(token).ConfigureAwait(false))!;
        },
        cancellationToken);

    public ValueTask<AgentMetric?> FindKeyedAsync(string tenant, Ulid id, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand($"SELECT {Columns} FROM agent_metrics m WHERE m.tenant = $1 AND m.id = $2 AND m.keyed", connection);
            command.Parameters.Value(tenant).Value(id);
            return await AllAsync(command, token).ConfigureAwait(false) is [var found] ? found : null;
        },
        cancellationToken);

    public ValueTask<MetricPage> ListAsync(string tenant, MetricFilter filter, (long At, Ulid Id)? after, int size, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            (long at, Ulid id) = after ?? (long.MaxValue, default);
            List<AgentMetric> metrics;
            using (var command = new NpgsqlCommand(
                filter.Agent is null
                    ? $"SELECT {Columns} FROM agent_metrics m WHERE {Filtered} AND (m.at, m.id) < ($6, $7) ORDER BY m.at DESC, m.id DESC LIMIT $8"
                    : $"SELECT {Columns} FROM agent_metrics m WHERE {Filtered}{OfAgent} AND (m.at, m.id) < ($7, $8) ORDER BY m.at DESC, m.id DESC LIMIT $9",
                connection))
            {
                Bind(command.Parameters, tenant, filter).Value(at).Value(id).Value(size + 1);
                metrics = await AllAsync(command, token).ConfigureAwait(false);
            }

            using var count = new NpgsqlCommand(filter.Agent is null ? $"SELECT count(*) FROM agent_metrics m WHERE {Filtered}" : $"SELECT count(*) FROM agent_metrics m WHERE {Filtered}{OfAgent}", connection);
            Bind(count.Parameters, tenant, filter);
            long total = (long)(await count.ExecuteScalarAsync(token).ConfigureAwait(false))!;
            bool more = metrics.Count > size;
            return new MetricPage(more ? metrics[..size] : metrics, total, more);
        },
        cancellationToken);

    public ValueTask<IReadOnlyList<MetricGroup>?> AggregateAsync(string tenant, MetricFilter filter, MetricWindow window, MetricGrouping by, CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyList<MetricGroup>?>(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand(Aggregate(filter, window, by), connection);
            Bind(command.Parameters, tenant, filter).Value(IMetricStore.MaxGroups + 1);
            if (window != MetricWindow.None)
            {
                (long length, long shift) = MetricWindows.Of(window);
                command.Parameters.Value(length).Value(shift);
            }

            var groups = new List<MetricGroup>();
            NpgsqlDataReader row = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (row.ConfigureAwait(false))
            {
                while (await row.ReadAsync(token).ConfigureAwait(false))
                {
                    double[] ranked = row.GetFieldValue<double[]>(8);
                    groups.Add(new MetricGroup(
                        row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3),
                        new MetricSummary(row.GetInt64(4), row.GetDouble(5), row.GetDouble(6), row.GetDouble(7), ranked[0], ranked[1], ranked[2])));
                }
            }

            return groups.Count > IMetricStore.MaxGroups ? null : groups;
        },
        cancellationToken);

    private static string Aggregate(MetricFilter filter, MetricWindow window, MetricGrouping by)
    {
        int next = filter.Agent is null ? 6 : 7;
        string start = window == MetricWindow.None ? "0::bigint" : $"(m.at + ${next + 2}) / ${next + 1} * ${next + 1} - ${next + 2}";
        string group = by switch
        {
            MetricGrouping.Agent => "m.agent",
            MetricGrouping.Role => "coalesce(a.role, '')",
            MetricGrouping.Category => "coalesce(a.category, '')",
            _ => "''::text",
        };
        string from = by is MetricGrouping.Role or MetricGrouping.Category ? $"FROM agent_metrics m LEFT JOIN agents a ON a.tenant = $1 AND a.id = m.agent WHERE {Filtered}" : $"FROM agent_metrics m WHERE {Filtered}";
        return $"SELECT {start}, {group} COLLATE \"C\"{Aggregated} {from + (filter.Agent is null ? "" : OfAgent)} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT ${next}";
    }

    private static NpgsqlParameterCollection Bind(NpgsqlParameterCollection parameters, string tenant, MetricFilter filter)
    {
        parameters.Value(tenant).Optional(filter.Type).Optional(filter.Dimension).Value(filter.From ?? long.MinValue).Value(filter.To ?? long.MaxValue);
        return filter.Agent is null ? parameters : parameters.Value(filter.Agent);
    }

    private static async Task<List<AgentMetric>> AllAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var found = new List<AgentMetric>();
        NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (row.ConfigureAwait(false))
        {
            while (await row.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                found.Add(new AgentMetric(Parameters.ToUlid(row.GetGuid(0)), row.GetString(1), row.GetString(2), row.GetString(3), row.GetInt64(4), row.GetDouble(5)));
            }
        }

        return found;
    }
}
