using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using Npgsql;
using NpgsqlTypes;

namespace AgentFlow.Storage.Postgres;

/// <summary>The agents in the same database as the runs.</summary>
public sealed class PostgresAgentStore(PostgresDatabase database) : IAgentStore
{
    private const string Columns = "a.id, a.name, a.kind, a.role, a.category, a.specialist, a.status, a.base_url, a.last_seen, a.failures, a.load, a.capabilities, a.limit_tokens, a.limit_calls, a.limit_nanos, a.used_tokens, a.used_calls, a.used_nanos, a.document, a.digest, a.version, a.created_at, a.updated_at";
    private const string Insert = "INSERT INTO agents (tenant, id, name, kind, role, category, specialist, status, base_url, last_seen, failures, load, capabilities, limit_tokens, limit_calls, limit_nanos, used_tokens, used_calls, used_nanos, document, digest, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)";
    private const string Filtered = "a.tenant = $1 AND ($2::text IS NULL OR a.kind = $2) AND ($3::text IS NULL OR a.role = $3) AND ($4::text IS NULL OR a.category = $4) AND ($5::text IS NULL OR a.specialist = $5) AND ($6::text IS NULL OR a.status = $6) AND ($7::text IS NULL OR EXISTS (SELECT FROM agent_capabilities c WHERE c.tenant = $1 AND c.capability = $7 AND c.agent = a.id))";

    // What an agent is found by follows its column; the same row is locked by now.
    private const string Unlist = "DELETE FROM agent_capabilities c WHERE c.tenant = $1 AND c.agent = $2 AND c.capability = ANY($3) AND NOT EXISTS (SELECT FROM agents a WHERE a.tenant = $1 AND a.id = $2 AND c.capability = ANY(a.capabilities))";
    private const string List = "INSERT INTO agent_capabilities (tenant, capability, agent) SELECT $1, unnest(a.capabilities), $2 FROM agents a WHERE a.tenant = $1 AND a.id = $2 ON CONFLICT DO NOTHING";

    public ValueTask<AgentWrite> CreateAsync(string tenant, RegisteredAgent agent, CancellationToken cancellationToken) => WriteAsync(
        async (connection, token) =>
        {
            using var batch = new NpgsqlBatch(connection);
            NpgsqlBatchCommand inserted = batch.AddCommand(Insert + " ON CONFLICT DO NOTHING");
            Bind(inserted.Parameters, tenant, agent);
            batch.Add(List).Value(tenant).Value(agent.Id);
            await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
            if (inserted.RecordsAffected > 0)
            {
                return AgentWrite.Done;
            }

            // The statement may have been sent a second time: what stands there may be this very agent.
            RegisteredAgent? there = await FindAsync(connection, "a.id = $2", tenant, agent.Id, token).ConfigureAwait(false);
            return there is null ? AgentWrite.NameTaken
                : there.Name == agent.Name && there.CreatedAt == agent.CreatedAt && there.Version == agent.Version && there.Document.Equals(agent.Document) ? AgentWrite.Done
                : AgentWrite.IdTaken;
        },
        cancellationToken);

    public ValueTask<AgentWrite> UpdateAsync(string tenant, RegisteredAgent agent, long expected, AgentSpend? use, CancellationToken cancellationToken) => WriteAsync(
        async (connection, token) =>
        {
            if (await IdentityAsync(connection, tenant, agent.Id, token).ConfigureAwait(false) is not { } before)
            {
                return AgentWrite.Missing;
            }

            using var batch = new NpgsqlBatch(connection);
            NpgsqlBatchCommand updated = batch.AddCommand("""
                UPDATE agents SET name = $4, role = $5, category = $6, specialist = $7, status = $8, base_url = $9, capabilities = $10, limit_tokens = $11, limit_calls = $12, limit_nanos = $13,
                    used_tokens = coalesce($14, used_tokens), used_calls = coalesce($15, used_calls), used_nanos = coalesce($16, used_nanos),
                    document = $17, digest = $18, version = $3 + 1, updated_at = $19
                WHERE tenant = $1 AND id = $2 AND (version = $3 OR (version = $3 + 1 AND updated_at = $19 AND document = $17 AND name = $4))
                """);
            updated.Parameters.Value(tenant).Value(agent.Id).Value(expected).Value(agent.Name).Value(agent.Role).Value(agent.Category).Value(agent.Specialist).Value(agent.Status).Optional(agent.BaseUrl)
                .Values(agent.Capabilities.Select(Parameters.Storable), NpgsqlDbType.Text).Optional(agent.Budget.Tokens).Optional(agent.Budget.ApiCalls).Optional(agent.Budget.NanoDollars)
                .Optional(use?.Tokens).Optional(use?.ApiCalls).Optional(use?.NanoDollars).Value(agent.Document.Utf8).Value(agent.Digest).Value(agent.UpdatedAt);
            Relist(batch, tenant, agent.Id, before.Capabilities);
            await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
            return updated.RecordsAffected > 0 ? AgentWrite.Done : AgentWrite.Stale;
        },
        cancellationToken);

    public ValueTask<AgentWrite> UpsertRemoteAsync(string tenant, RegisteredAgent agent, CancellationToken cancellationToken) => WriteAsync(
        async (connection, token) =>
        {
            // Registering again is what happens all day; it touches no index when nothing but the time has changed.
            (string Kind, string[] Capabilities)? before = await IdentityAsync(connection, tenant, agent.Id, token).ConfigureAwait(false);
            if (before is { Kind: not AgentKinds.Remote })
            {
                return AgentWrite.IdTaken;
            }

            using var batch = new NpgsqlBatch(connection);
            NpgsqlBatchCommand upserted = batch.AddCommand(Insert + """
                 ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name, base_url = excluded.base_url, capabilities = excluded.capabilities, status = excluded.status,
                    last_seen = greatest(agents.last_seen, excluded.last_seen), failures = 0, updated_at = excluded.updated_at,
                    version = agents.version + CASE WHEN (agents.name, agents.base_url, agents.capabilities) IS DISTINCT FROM (excluded.name, excluded.base_url, excluded.capabilities) THEN 1 ELSE 0 END
                WHERE agents.kind = 'remote'
                """);
            Bind(upserted.Parameters, tenant, agent);
            if (before is null || !before.Value.Capabilities.SequenceEqual(agent.Capabilities))
            {
                Relist(batch, tenant, agent.Id, before?.Capabilities ?? []);
            }

            await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
            return upserted.RecordsAffected == 0 ? AgentWrite.IdTaken : before is null ? AgentWrite.Done : AgentWrite.Replaced;
        },
        cancellationToken);

    public ValueTask<bool> HeartbeatAsync(string tenant, string id, AgentHeartbeat heartbeat, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var batch = new NpgsqlBatch(connection);
            NpgsqlBatchCommand seen = batch.AddCommand("UPDATE agents SET last_seen = greatest(last_seen, $3), status = CASE WHEN $4 = 'online' AND failures >= $5 THEN 'degraded' ELSE $4 END WHERE tenant = $1 AND id = $2 AND kind = 'remote'");
            seen.Parameters.Value(tenant).Value(id).Value(heartbeat.At).Value(heartbeat.Status ?? AgentStatus.Online).Value(AgentStatus.DegradedAfter);
            if ((heartbeat.Name ?? heartbeat.BaseUrl) is not null || heartbeat.Capabilities is not null)
            {
                (string Kind, string[] Capabilities)? before = await IdentityAsync(connection, tenant, id, token).ConfigureAwait(false);
                batch.Add("""
                    UPDATE agents SET name = coalesce($3, name), base_url = coalesce($4, base_url), capabilities = coalesce($5, capabilities), version = version + 1, updated_at = $6
                    WHERE tenant = $1 AND id = $2 AND kind = 'remote'
                        AND (name, base_url, capabilities) IS DISTINCT FROM (coalesce($3, name), coalesce($4, base_url), coalesce($5, capabilities))
                    """).Value(tenant).Value(id).Optional(heartbeat.Name).Optional(heartbeat.BaseUrl).Optional(heartbeat.Capabilities).Value(heartbeat.At);
                if (before is { Kind: AgentKinds.Remote } && heartbeat.Capabilities is { } now && !before.Value.Capabilities.SequenceEqual(now))
                {
                    Relist(batch, tenant, id, before.Value.Capabilities);
                }
            }

            await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
            return seen.RecordsAffected > 0;
        },
        cancellationToken);

    public ValueTask<bool> ReportDispatchAsync(string tenant, string id, bool succeeded, CancellationToken cancellationToken) => ChangeAsync(
        succeeded
            ? "UPDATE agents SET status = CASE WHEN status = 'degraded' AND failures >= $3 THEN 'online' ELSE status END, failures = 0 WHERE tenant = $1 AND id = $2"
            : "UPDATE agents SET failures = failures + 1, status = CASE WHEN status = 'online' AND failures + 1 >= $3 THEN 'degraded' ELSE status END WHERE tenant = $1 AND id = $2",
        p => p.Value(tenant).Value(id).Value(AgentStatus.DegradedAfter),
        cancellationToken);

    public ValueTask<bool> AdjustLoadAsync(string tenant, string id, int change, CancellationToken cancellationToken) =>
        ChangeAsync("UPDATE agents SET load = greatest(0, load + $3) WHERE tenant = $1 AND id = $2", p => p.Value(tenant).Value(id).Value(change), cancellationToken);

    public ValueTask<bool> SpendAsync(string tenant, string id, string month, long change, long most, CancellationToken cancellationToken)
    {
        bool isSent = false;
        return database.ReadAsync(
            async (connection, token) =>
            {
                // A connection broke with the statement under way. What is taken twice is lost; what is given back twice would be spent twice.
                if (isSent && change < 0)
                {
                    return true;
                }

                isSent = true;
                using var command = new NpgsqlCommand(
                    """
                    INSERT INTO agent_spend (tenant, agent, month, nano_dollars) SELECT $1, $2, $3, greatest(0, $4::bigint) WHERE $4::bigint <= $5::bigint
                    ON CONFLICT (tenant, agent, month) DO UPDATE SET nano_dollars = greatest(0, agent_spend.nano_dollars + $4::bigint)
                    WHERE agent_spend.nano_dollars + $4::bigint <= $5::bigint
                    """,
                    connection);
                command.Parameters.Value(tenant).Value(id).Value(month).Value(change).Value(most);
                return await command.ExecuteNonQueryAsync(token).ConfigureAwait(false) > 0;
            },
            cancellationToken);
    }

    public ValueTask<bool> SetStatusAsync(string tenant, string id, IReadOnlyList<string>? from, string to, long at, CancellationToken cancellationToken) => ChangeAsync(
        "UPDATE agents SET status = $4, last_seen = greatest(last_seen, $5) WHERE tenant = $1 AND id = $2 AND ($3::text[] IS NULL OR status = ANY($3))",
        p => p.Value(tenant).Value(id).Optional(from).Value(to).Value(at),
        cancellationToken);

    public ValueTask<RegisteredAgent?> FindAsync(string tenant, string id, CancellationToken cancellationToken) =>
        database.ReadAsync((connection, token) => FindAsync(connection, "a.id = $2", tenant, id, token), cancellationToken);

    public ValueTask<RegisteredAgent?> FindByNameAsync(string tenant, string name, CancellationToken cancellationToken) =>
        database.ReadAsync((connection, token) => FindAsync(connection, "a.name = $2 ORDER BY a.kind = 'remote', a.id LIMIT 1", tenant, name, token), cancellationToken);

    public ValueTask<AgentPage> ListAsync(string tenant, AgentFilter filter, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            List<RegisteredAgent> agents;
            using (var command = new NpgsqlCommand($"SELECT {Columns} FROM agents a WHERE {Filtered} AND (a.name, a.id) > ($8, $9) ORDER BY a.name, a.id LIMIT $10", connection))
            {
                Bind(command.Parameters, tenant, filter).Value(filter.After?.Name ?? "").Value(filter.After?.Id ?? "").Value(filter.Size + 1);
                agents = await AllAsync(command, token).ConfigureAwait(false);
            }

            using var count = new NpgsqlCommand($"SELECT count(*) FROM agents a WHERE {Filtered}", connection);
            Bind(count.Parameters, tenant, filter);
            long total = (long)(await count.ExecuteScalarAsync(token).ConfigureAwait(false))!;
            bool more = agents.Count > filter.Size;
            return new AgentPage(more ? agents[..filter.Size] : agents, total, more);
        },
        cancellationToken);

    public ValueTask<IReadOnlyList<RegisteredAgent>> FindCapableAsync(string tenant, string capability, CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyList<RegisteredAgent>>(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand($"SELECT {Columns} FROM agent_capabilities c JOIN agents a ON a.tenant = c.tenant AND a.id = c.agent WHERE c.tenant = $1 AND c.capability = $2 ORDER BY c.agent", connection);
            command.Parameters.Value(tenant).Value(capability);
            return await AllAsync(command, token).ConfigureAwait(false);
        },
        cancellationToken);

    public async ValueTask<IReadOnlyList<SilentAgent>> SweepOfflineAsync(long before, CancellationToken cancellationToken) => await database.QueryAsync(
        "UPDATE agents SET status = 'offline' WHERE kind = 'remote' AND status <> 'offline' AND coalesce(last_seen, 0) < $1 RETURNING tenant, id, name, coalesce(last_seen, 0)",
        p => p.Value(before),
        static row => new SilentAgent(row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3)),
        cancellationToken).ConfigureAwait(false);

    public ValueTask<AgentWrite> DeleteAsync(string tenant, string id, long? expected, CancellationToken cancellationToken) => WriteAsync(
        async (connection, token) =>
        {
            if (await IdentityAsync(connection, tenant, id, token).ConfigureAwait(false) is not { } before)
            {
                return AgentWrite.Missing;
            }

            using var batch = new NpgsqlBatch(connection);
            NpgsqlBatchCommand deleted = batch.AddCommand("DELETE FROM agents WHERE tenant = $1 AND id = $2 AND ($3::bigint IS NULL OR version = $3)");
            deleted.Parameters.Value(tenant).Value(id).Optional(expected);
            batch.Add(Unlist).Value(tenant).Value(id).Values(before.Capabilities, NpgsqlDbType.Text);
            await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
            return deleted.RecordsAffected > 0 ? AgentWrite.Done : AgentWrite.Stale;
        },
        cancellationToken);

    public ValueTask<AgentStats> StatsAsync(string tenant, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("""
                SELECT kind, role, category, status, count(*),
                    coalesce(sum(limit_tokens), 0)::bigint, coalesce(sum(limit_calls), 0)::bigint, coalesce(sum(limit_nanos), 0)::bigint, sum(used_tokens)::bigint, sum(used_calls)::bigint, sum(used_nanos)::bigint,
                    count(*) FILTER (WHERE used_tokens > limit_tokens OR used_calls > limit_calls OR used_nanos > limit_nanos)
                FROM agents WHERE tenant = $1 GROUP BY kind, role, category, status
                """, connection);
            command.Parameters.Value(tenant);
            var counts = new AgentCounts();
            AgentSpend limits = default, use = default;
            long over = 0;
            NpgsqlDataReader rows = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (rows.ConfigureAwait(false))
            {
                while (await rows.ReadAsync(token).ConfigureAwait(false))
                {
                    counts.Add(rows.GetString(0), rows.GetString(1), rows.GetString(2), rows.GetString(3), rows.GetInt64(4));
                    limits += new AgentSpend(rows.GetInt64(5), rows.GetInt64(6), rows.GetInt64(7));
                    use += new AgentSpend(rows.GetInt64(8), rows.GetInt64(9), rows.GetInt64(10));
                    over += rows.GetInt64(11);
                }
            }

            return counts.ToStats(limits, use, over);
        },
        cancellationToken);

    /// <summary>The unique index on names is the one constraint that a write can break.</summary>
    private async ValueTask<AgentWrite> WriteAsync(Func<NpgsqlConnection, CancellationToken, Task<AgentWrite>> write, CancellationToken cancellationToken)
    {
        try
        {
            return await database.ReadAsync(write, cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return AgentWrite.NameTaken;
        }
    }

    private async ValueTask<bool> ChangeAsync(string sql, Action<NpgsqlParameterCollection> bind, CancellationToken cancellationToken) =>
        await database.ExecuteAsync(sql, bind, cancellationToken).ConfigureAwait(false) > 0;

    private static void Relist(NpgsqlBatch batch, string tenant, string id, string[] before)
    {
        batch.Add(Unlist).Value(tenant).Value(id).Values(before, NpgsqlDbType.Text);
        batch.Add(List).Value(tenant).Value(id);
    }

    private static async Task<(string Kind, string[] Capabilities)?> IdentityAsync(NpgsqlConnection connection, string tenant, string id, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand("SELECT kind, capabilities FROM agents WHERE tenant = $1 AND id = $2", connection);
        command.Parameters.Value(tenant).Value(id);
        NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (row.ConfigureAwait(false))
        {
            return await row.ReadAsync(cancellationToken).ConfigureAwait(false) ? (row.GetString(0), row.GetFieldValue<string[]>(1)) : null;
        }
    }

    private static async Task<RegisteredAgent?> FindAsync(NpgsqlConnection connection, string condition, string tenant, string key, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand($"SELECT {Columns} FROM agents a WHERE a.tenant = $1 AND {condition}", connection);
        command.Parameters.Value(tenant).Value(key);
        return await AllAsync(command, cancellationToken).ConfigureAwait(false) is [var found] ? found : null;
    }

    private static async Task<List<RegisteredAgent>> AllAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var found = new List<RegisteredAgent>();
        NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (row.ConfigureAwait(false))
        {
            while (await row.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                found.Add(new RegisteredAgent(row.GetString(0), row.GetString(1), row.GetString(2))
                {
                    Role = row.GetString(3),
                    Category = row.GetString(4),
                    Specialist = row.GetString(5),
                    Status = row.GetString(6),
                    BaseUrl = row.IsDBNull(7) ? null : row.GetString(7),
                    LastSeen = Number(row, 8),
                    Failures = row.GetInt32(9),
                    Load = row.GetInt32(10),
                    Capabilities = row.GetFieldValue<string[]>(11),
                    Budget = new AgentBudget(Number(row, 12), Number(row, 13), Number(row, 14)) { Use = new(row.GetInt64(15), row.GetInt64(16), row.GetInt64(17)) },
                    Document = new Payload(row.GetFieldValue<byte[]>(18)),
                    Digest = row.GetString(19),
                    Version = row.GetInt64(20),
                    CreatedAt = row.GetInt64(21),
                    UpdatedAt = row.GetInt64(22),
                });
            }
        }

        return found;
    }

    private static long? Number(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);

    private static void Bind(NpgsqlParameterCollection parameters, string tenant, RegisteredAgent agent) => parameters
        .Value(tenant).Value(agent.Id).Value(agent.Name).Value(agent.Kind).Value(agent.Role).Value(agent.Category).Value(agent.Specialist).Value(agent.Status)
        .Optional(agent.BaseUrl).Optional(agent.LastSeen).Value(agent.Failures).Value(agent.Load).Values(agent.Capabilities.Select(Parameters.Storable), NpgsqlDbType.Text)
        .Optional(agent.Budget.Tokens).Optional(agent.Budget.ApiCalls).Optional(agent.Budget.NanoDollars)
        .Value(agent.Budget.Use.Tokens).Value(agent.Budget.Use.ApiCalls).Value(agent.Budget.Use.NanoDollars)
        .Value(agent.Document.Utf8).Value(agent.Digest).Value(agent.Version).Value(agent.CreatedAt).Value(agent.UpdatedAt);

    private static NpgsqlParameterCollection Bind(NpgsqlParameterCollection parameters, string tenant, AgentFilter filter) => parameters
        .Value(tenant).Optional(filter.Kind).Optional(filter.Role).Optional(filter.Category).Optional(filter.Specialist).Optional(filter.Status).Optional(filter.Capability);
}
