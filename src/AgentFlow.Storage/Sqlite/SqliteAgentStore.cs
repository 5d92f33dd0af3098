using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Storage.Sqlite;

/// <summary>The agents in the same file as the runs.</summary>
public sealed class SqliteAgentStore(SqliteDatabase database) : IAgentStore
{
    private const string Columns = "a.id, a.name, a.kind, a.role, a.category, a.specialist, a.status, a.base_url, a.last_seen, a.failures, a.load, a.capabilities, a.limit_tokens, a.limit_calls, a.limit_nanos, a.used_tokens, a.used_calls, a.used_nanos, a.document, a.digest, a.version, a.created_at, a.updated_at";
    private const string Insert = "INSERT INTO agents (tenant, id, name, kind, role, category, specialist, status, base_url, last_seen, failures, load, capabilities, limit_tokens, limit_calls, limit_nanos, used_tokens, used_calls, used_nanos, document, digest, version, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

    // '' stands for "any": statements are prepared once, whatever is filtered.
    private const string Where = "a.tenant = ?1 AND (?2 = '' OR a.kind = ?2) AND (?3 = '' OR a.role = ?3) AND (?4 = '' OR a.category = ?4) AND (?5 = '' OR a.specialist = ?5) AND (?6 = '' OR a.status = ?6) AND (?7 = '' OR EXISTS (SELECT 1 FROM agent_capabilities c WHERE c.tenant = ?1 AND c.capability = ?7 AND c.agent = a.id))";

    public async ValueTask<AgentWrite> CreateAsync(string tenant, RegisteredAgent agent, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        if (Exists(connection.Prepare("SELECT 1 FROM agents WHERE tenant = ? AND id = ?").Bind(tenant).Bind(agent.Id)))
        {
            return AgentWrite.IdTaken;
        }

        if (agent.Kind != AgentKinds.Remote && IsNameTaken(connection, tenant, agent.Name, agent.Id))
        {
            return AgentWrite.NameTaken;
        }

        Add(connection, tenant, agent);
        return AgentWrite.Done;
    }).ConfigureAwait(false);

    public async ValueTask<AgentWrite> UpdateAsync(string tenant, RegisteredAgent agent, long expected, AgentSpend? use, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        if (Identity(connection, tenant, agent.Id) is not { } before)
        {
            return AgentWrite.Missing;
        }

        if (before.Version != expected)
        {
            return AgentWrite.Stale;
        }

        if (before.Kind != AgentKinds.Remote && IsNameTaken(connection, tenant, agent.Name, agent.Id))
        {
            return AgentWrite.NameTaken;
        }

        connection.Prepare("UPDATE agents SET name = ?, role = ?, category = ?, specialist = ?, status = ?, base_url = ?, limit_tokens = ?, limit_calls = ?, limit_nanos = ?, document = ?, digest = ?, version = ?, updated_at = ? WHERE tenant = ? AND id = ?")
            .Bind(agent.Name).Bind(agent.Role).Bind(agent.Category).Bind(agent.Specialist).Bind(agent.Status).BindOptional(agent.BaseUrl)
            .BindOptional(agent.Budget.Tokens).BindOptional(agent.Budget.ApiCalls).BindOptional(agent.Budget.NanoDollars)
            .Bind(agent.Document.Utf8.Span).Bind(agent.Digest).Bind(expected + 1).Bind(agent.UpdatedAt).Bind(tenant).Bind(agent.Id).Run();
        if (use is { } spent)
        {
            connection.Prepare("UPDATE agents SET used_tokens = ?, used_calls = ?, used_nanos = ? WHERE tenant = ? AND id = ?")
                .Bind(spent.Tokens).Bind(spent.ApiCalls).Bind(spent.NanoDollars).Bind(tenant).Bind(agent.Id).Run();
        }

        SetCapabilities(connection, tenant, agent.Id, before.Capabilities, Join(agent.Capabilities));
        return AgentWrite.Done;
    }).ConfigureAwait(false);

    public async ValueTask<AgentWrite> UpsertRemoteAsync(string tenant, RegisteredAgent agent, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        if (Identity(connection, tenant, agent.Id) is not { } before)
        {
            Add(connection, tenant, agent);
            return AgentWrite.Done;
        }

        if (before.Kind != AgentKinds.Remote)
        {
            return AgentWrite.IdTaken;
        }

        string capabilities = Join(agent.Capabilities);
        bool same = before.Name == agent.Name && before.BaseUrl == agent.BaseUrl && before.Capabilities == capabilities;
        connection.Prepare("UPDATE agents SET name = ?, base_url = ?, status = ?, last_seen = max(coalesce(last_seen, 0), ?), failures = 0, version = version + ?, updated_at = ? WHERE tenant = ? AND id = ?")
            .Bind(agent.Name).BindOptional(agent.BaseUrl).Bind(agent.Status).Bind(agent.LastSeen ?? 0).Bind(same ? 0 : 1).Bind(agent.UpdatedAt).Bind(tenant).Bind(agent.Id).Run();
        SetCapabilities(connection, tenant, agent.Id, before.Capabilities, capabilities);
        return AgentWrite.Replaced;
    }).ConfigureAwait(false);

    public async ValueTask<bool> HeartbeatAsync(string tenant, string id, AgentHeartbeat heartbeat, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("UPDATE agents SET last_seen = max(coalesce(last_seen, 0), ?1), status = CASE WHEN ?2 = 'online' AND failures >= ?5 THEN 'degraded' ELSE ?2 END WHERE tenant = ?3 AND id = ?4 AND kind = 'remote'")
            .Bind(heartbeat.At).Bind(heartbeat.Status ?? AgentStatus.Online).Bind(tenant).Bind(id).Bind(AgentStatus.DegradedAfter).Run();
        if (connection.Changes == 0)
        {
            return false;
        }

        if ((heartbeat.Name ?? heartbeat.BaseUrl) is not null || heartbeat.Capabilities is not null)
        {
            (_, string name, string? baseUrl, string before, _) = Identity(connection, tenant, id)!.Value;
            string capabilities = heartbeat.Capabilities is null ? before : Join(heartbeat.Capabilities);
            if ((heartbeat.Name ?? name) != name || (heartbeat.BaseUrl ?? baseUrl) != baseUrl || capabilities != before)
            {
                connection.Prepare("UPDATE agents SET name = ?, base_url = ?, version = version + 1, updated_at = ? WHERE tenant = ? AND id = ?")
                    .Bind(heartbeat.Name ?? name).BindOptional(heartbeat.BaseUrl ?? baseUrl).Bind(heartbeat.At).Bind(tenant).Bind(id).Run();
                SetCapabilities(connection, tenant, id, before, capabilities);
            }
        }

        return true;
    }).ConfigureAwait(false);

    public ValueTask<bool> ReportDispatchAsync(string tenant, string id, bool succeeded, CancellationToken cancellationToken) => ChangeAsync(connection => (succeeded
        ? connection.Prepare("UPDATE agents SET status = CASE WHEN status = 'degraded' AND failures >= ? THEN 'online' ELSE status END, failures = 0 WHERE tenant = ? AND id = ?")
        : connection.Prepare("UPDATE agents SET failures = failures + 1, status = CASE WHEN status = 'online' AND failures + 1 >= ? THEN 'degraded' ELSE status END WHERE tenant = ? AND id = ?"))
        .Bind(AgentStatus.DegradedAfter).Bind(tenant).Bind(id).Run());

    public ValueTask<bool> AdjustLoadAsync(string tenant, string id, int change, CancellationToken cancellationToken) => ChangeAsync(connection =>
        connection.Prepare("UPDATE agents SET load = max(0, load + ?) WHERE tenant = ? AND id = ?").Bind(change).Bind(tenant).Bind(id).Run());

    public ValueTask<bool> SpendAsync(string tenant, string id, string month, long change, long most, CancellationToken cancellationToken) => ChangeAsync(connection =>
        connection.Prepare(
            """
            INSERT INTO agent_spend (tenant, agent, month, nano_dollars) SELECT ?1, ?2, ?3, max(0, ?4) WHERE ?4 <= ?5
            ON CONFLICT (tenant, agent, month) DO UPDATE SET nano_dollars = max(0, nano_dollars + ?4) WHERE nano_dollars + ?4 <= ?5
            """)
            .Bind(tenant).Bind(id).Bind(month).Bind(change).Bind(most).Run());

    public ValueTask<bool> SetStatusAsync(string tenant, string id, IReadOnlyList<string>? from, string to, long at, CancellationToken cancellationToken) => ChangeAsync(connection =>
        connection.Prepare("UPDATE agents SET status = ?1, last_seen = max(coalesce(last_seen, 0), ?2) WHERE tenant = ?3 AND id = ?4 AND (?5 = '' OR instr(?5, char(10) || status || char(10)) > 0)")
            .Bind(to).Bind(at).Bind(tenant).Bind(id).Bind(from is null ? "" : $"\n{string.Join('\n', from)}\n").Run());

    public ValueTask<RegisteredAgent?> FindAsync(string tenant, string id, CancellationToken cancellationToken) => new(database.Read(connection =>
        All(connection.Prepare($"SELECT {Columns} FROM agents a WHERE a.tenant = ? AND a.id = ?").Bind(tenant).Bind(id)) is [var found] ? found : null));

    public ValueTask<RegisteredAgent?> FindByNameAsync(string tenant, string name, CancellationToken cancellationToken) => new(database.Read(connection =>
        All(connection.Prepare($"SELECT {Columns} FROM agents a WHERE a.tenant = ? AND a.name = ? ORDER BY a.kind = 'remote', a.id LIMIT 1").Bind(tenant).Bind(name)) is [var found] ? found : null));

    public ValueTask<AgentPage> ListAsync(string tenant, AgentFilter filter, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        List<RegisteredAgent> agents = All(Filter(connection, $"SELECT {Columns} FROM agents a WHERE {Where} AND (a.name, a.id) > (?8, ?9) ORDER BY a.name, a.id LIMIT ?10", tenant, filter)
            .Bind(filter.After?.Name ?? "").Bind(filter.After?.Id ?? "").Bind(filter.Size + 1));
        long total = 0;
        SqliteStatement count = Filter(connection, $"SELECT count(*) FROM agents a WHERE {Where}", tenant, filter);
        while (count.Read())
        {
            total = count.Int64(0);
        }

        bool more = agents.Count > filter.Size;
        return new AgentPage(more ? agents[..filter.Size] : agents, total, more);
    }));

    public ValueTask<IReadOnlyList<RegisteredAgent>> FindCapableAsync(string tenant, string capability, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<RegisteredAgent>>(connection =>
        All(connection.Prepare($"SELECT {Columns} FROM agent_capabilities c CROSS JOIN agents a ON a.tenant = c.tenant AND a.id = c.agent WHERE c.tenant = ? AND c.capability = ? ORDER BY c.agent").Bind(tenant).Bind(capability))));

    public async ValueTask<IReadOnlyList<SilentAgent>> SweepOfflineAsync(long before, CancellationToken cancellationToken) => await database.Shared.RunAsync<IReadOnlyList<SilentAgent>>(connection =>
    {
        var silent = new List<SilentAgent>();
        SqliteStatement rows = connection.Prepare("SELECT tenant, id, name, coalesce(last_seen, 0) FROM agents WHERE kind = 'remote' AND status <> 'offline' AND coalesce(last_seen, 0) < ?").Bind(before);
        while (rows.Read())
        {
            silent.Add(new SilentAgent(rows.Text(0), rows.Text(1), rows.Text(2), rows.Int64(3)));
        }

        foreach (SilentAgent agent in silent)
        {
            connection.Prepare("UPDATE agents SET status = 'offline' WHERE tenant = ? AND id = ?").Bind(agent.Tenant).Bind(agent.Id).Run();
        }

        return silent;
    }).ConfigureAwait(false);

    public async ValueTask<AgentWrite> DeleteAsync(string tenant, string id, long? expected, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        if (Identity(connection, tenant, id) is not { } before)
        {
            return AgentWrite.Missing;
        }

        if (expected is { } version && before.Version != version)
        {
            return AgentWrite.Stale;
        }

        SetCapabilities(connection, tenant, id, before.Capabilities, "");
        connection.Prepare("DELETE FROM agents WHERE tenant = ? AND id = ?").Bind(tenant).Bind(id).Run();
        return AgentWrite.Done;
    }).ConfigureAwait(false);

    public ValueTask<AgentStats> StatsAsync(string tenant, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        var counts = new AgentCounts();
        SqliteStatement groups = connection.Prepare("SELECT kind, role, category, status, count(*) FROM agents WHERE tenant = ? GROUP BY kind, role, category, status").Bind(tenant);
        while (groups.Read())
        {
            counts.Add(groups.Text(0), groups.Text(1), groups.Text(2), groups.Text(3), groups.Int64(4));
        }

        AgentSpend limits = default, use = default;
        long over = 0;
        SqliteStatement sums = connection.Prepare("""
            SELECT coalesce(sum(limit_tokens), 0), coalesce(sum(limit_calls), 0), coalesce(sum(limit_nanos), 0), coalesce(sum(used_tokens), 0), coalesce(sum(used_calls), 0), coalesce(sum(used_nanos), 0),
                coalesce(sum(coalesce(used_tokens > limit_tokens, 0) OR coalesce(used_calls > limit_calls, 0) OR coalesce(used_nanos > limit_nanos, 0)), 0)
            FROM agents WHERE tenant = ?
            """).Bind(tenant);
        while (sums.Read())
        {
            (limits, use, over) = (new(sums.Int64(0), sums.Int64(1), sums.Int64(2)), new(sums.Int64(3), sums.Int64(4), sums.Int64(5)), sums.Int64(6));
        }

        return counts.ToStats(limits, use, over);
    }));

    private async ValueTask<bool> ChangeAsync(Action<SqliteConnection> change) => await database.Shared.RunAsync(connection =>
    {
        change(connection);
        return connection.Changes > 0;
    }).ConfigureAwait(false);

    private static void Add(SqliteConnection connection, string tenant, RegisteredAgent agent)
    {
        connection.Prepare(Insert)
            .Bind(tenant).Bind(agent.Id).Bind(agent.Name).Bind(agent.Kind).Bind(agent.Role).Bind(agent.Category).Bind(agent.Specialist).Bind(agent.Status)
            .BindOptional(agent.BaseUrl).BindOptional(agent.LastSeen).Bind(agent.Failures).Bind(agent.Load).Bind("")
            .BindOptional(agent.Budget.Tokens).BindOptional(agent.Budget.ApiCalls).BindOptional(agent.Budget.NanoDollars)
            .Bind(agent.Budget.Use.Tokens).Bind(agent.Budget.Use.ApiCalls).Bind(agent.Budget.Use.NanoDollars)
            .Bind(agent.Document.Utf8.Span).Bind(agent.Digest).Bind(agent.Version).Bind(agent.CreatedAt).Bind(agent.UpdatedAt).Run();
        SetCapabilities(connection, tenant, agent.Id, "", Join(agent.Capabilities));
    }

    private static void SetCapabilities(SqliteConnection connection, string tenant, string id, string before, string now)
    {
        if (before == now)
        {
            return;
        }

        foreach (string capability in Split(before))
        {
            connection.Prepare("DELETE FROM agent_capabilities WHERE tenant = ? AND capability = ? AND agent = ?").Bind(tenant).Bind(capability).Bind(id).Run();
        }

        foreach (string capability in Split(now))
        {
            connection.Prepare("INSERT INTO agent_capabilities (tenant, capability, agent) VALUES (?, ?, ?)").Bind(tenant).Bind(capability).Bind(id).Run();
        }

        connection.Prepare("UPDATE agents SET capabilities = ? WHERE tenant = ? AND id = ?").Bind(now).Bind(tenant).Bind(id).Run();
    }

    private static (string Kind, string Name, string? BaseUrl, string Capabilities, long Version)? Identity(SqliteConnection connection, string tenant, string id)
    {
        SqliteStatement row = connection.Prepare("SELECT kind, name, base_url, capabilities, version FROM agents WHERE tenant = ? AND id = ?").Bind(tenant).Bind(id);
        if (!row.Read())
        {
            return null;
        }

        var identity = (row.Text(0), row.Text(1), row.OptionalText(2), row.Text(3), row.Int64(4));
        row.Reset();
        return identity;
    }

    private static bool IsNameTaken(SqliteConnection connection, string tenant, string name, string id) =>
        Exists(connection.Prepare("SELECT 1 FROM agents WHERE tenant = ? AND name = ? AND kind <> 'remote' AND id <> ?").Bind(tenant).Bind(name).Bind(id));

    private static bool Exists(SqliteStatement query)
    {
        bool found = query.Read();
        query.Reset();
        return found;
    }

    private static SqliteStatement Filter(SqliteConnection connection, string sql, string tenant, AgentFilter filter) => connection.Prepare(sql)
        .Bind(tenant).Bind(filter.Kind ?? "").Bind(filter.Role ?? "").Bind(filter.Category ?? "").Bind(filter.Specialist ?? "").Bind(filter.Status ?? "").Bind(filter.Capability ?? "");

    private static List<RegisteredAgent> All(SqliteStatement rows)
    {
        var found = new List<RegisteredAgent>();
        while (rows.Read())
        {
            found.Add(new RegisteredAgent(rows.Text(0), rows.Text(1), rows.Text(2))
            {
                Role = rows.Text(3),
                Category = rows.Text(4),
                Specialist = rows.Text(5),
                Status = rows.Text(6),
                BaseUrl = rows.OptionalText(7),
                LastSeen = rows.OptionalInt64(8),
                Failures = (int)rows.Int64(9),
                Load = (int)rows.Int64(10),
                Capabilities = Split(rows.Text(11)),
                Budget = new AgentBudget(rows.OptionalInt64(12), rows.OptionalInt64(13), rows.OptionalInt64(14)) { Use = new(rows.Int64(15), rows.Int64(16), rows.Int64(17)) },
                Document = new Payload(rows.Blob(18).ToArray()),
                Digest = rows.Text(19),
                Version = rows.Int64(20),
                CreatedAt = rows.Int64(21),
                UpdatedAt = rows.Int64(22),
            });
        }

        return found;
    }

    private static string Join(IReadOnlyList<string> lines) => string.Join('\n', lines);

    private static string[] Split(string lines) => lines.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
