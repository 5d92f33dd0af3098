using AgentFlow.Engine.Ports;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>The remote agents' signs of life, from the registry's table.</summary>
public sealed class PostgresAgentPresence(PostgresDatabase database) : IAgentPresence
{
    public ValueTask<IReadOnlyList<AgentPresence>> CountAsync(CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyList<AgentPresence>>(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("SELECT tenant, count(*), count(*) FILTER (WHERE status <> 'offline') FROM agents WHERE kind = 'remote' GROUP BY tenant", connection);
            var counts = new List<AgentPresence>();
            NpgsqlDataReader rows = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (rows.ConfigureAwait(false))
            {
                while (await rows.ReadAsync(token).ConfigureAwait(false))
                {
                    counts.Add(new AgentPresence(rows.GetString(0), rows.GetInt64(1), rows.GetInt64(2)));
                }
            }

            return counts;
        },
        cancellationToken);

    public ValueTask<IReadOnlyList<SilentAgent>> SilentAsync(long before, int max, CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyList<SilentAgent>>(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("SELECT tenant, id, name, last_seen FROM agents WHERE kind = 'remote' AND last_seen < $1 ORDER BY last_seen LIMIT $2", connection);
            command.Parameters.Value(before).Value(max);
            var silent = new List<SilentAgent>();
            NpgsqlDataReader rows = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (rows.ConfigureAwait(false))
            {
                while (await rows.ReadAsync(token).ConfigureAwait(false))
                {
                    silent.Add(new SilentAgent(rows.GetString(0), rows.GetString(1), rows.GetString(2), rows.GetInt64(3)));
                }
            }

            return silent;
        },
        cancellationToken);
}
