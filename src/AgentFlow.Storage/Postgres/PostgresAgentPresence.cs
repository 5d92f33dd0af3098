using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Postgres;

/// <summary>The remote agents' signs of life, from the registry's table.</summary>
public sealed class PostgresAgentPresence(PostgresDatabase database) : IAgentPresence
{
    public async ValueTask<IReadOnlyList<AgentPresence>> CountAsync(CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT tenant, count(*), count(*) FILTER (WHERE status <> 'offline') FROM agents WHERE kind = 'remote' GROUP BY tenant",
        static _ => { },
        static row => new AgentPresence(row.GetString(0), row.GetInt64(1), row.GetInt64(2)),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<SilentAgent>> SilentAsync(long before, int max, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT tenant, id, name, last_seen FROM agents WHERE kind = 'remote' AND last_seen < $1 ORDER BY last_seen LIMIT $2",
        p => p.Value(before).Value(max),
        static row => new SilentAgent(row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3)),
        cancellationToken).ConfigureAwait(false);
}
