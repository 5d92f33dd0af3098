using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Sqlite;

/// <summary>The remote agents' signs of life, from the registry's table.</summary>
public sealed class SqliteAgentPresence(SqliteDatabase database) : IAgentPresence
{
    public ValueTask<IReadOnlyList<AgentPresence>> CountAsync(CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlyList<AgentPresence>>(database.Read(connection =>
    {
        var counts = new List<AgentPresence>();
        SqliteStatement rows = connection.Prepare("SELECT tenant, count(*), sum(status <> 'offline') FROM agents WHERE kind = 'remote' GROUP BY tenant");
        while (rows.Read())
        {
            counts.Add(new AgentPresence(rows.Text(0), rows.Int64(1), rows.Int64(2)));
        }

        return counts;
    }));

    public ValueTask<IReadOnlyList<SilentAgent>> SilentAsync(long before, int max, CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlyList<SilentAgent>>(database.Read(connection =>
    {
        var silent = new List<SilentAgent>();
        SqliteStatement rows = connection.Prepare("SELECT tenant, id, name, last_seen FROM agents WHERE kind = 'remote' AND last_seen < ? ORDER BY last_seen LIMIT ?").Bind(before).Bind(max);
        while (rows.Read())
        {
            silent.Add(new SilentAgent(rows.Text(0), rows.Text(1), rows.Text(2), rows.Int64(3)));
        }

        return silent;
    }));
}
