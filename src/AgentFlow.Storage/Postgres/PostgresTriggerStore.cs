using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Triggers;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>What is remembered of triggers, in the same database as the runs.</summary>
public sealed class PostgresTriggerStore(PostgresDatabase database) : ITriggerStore
{
    private const string Columns = "tenant, workflow, name, schedule, next_at, paused, last_at, last_run, owner, permissions, tools, starts, version";

    public async ValueTask AddAsync(TriggerState trigger, CancellationToken cancellationToken)
    {
        (string permissions, string? tools, string? starts) = AuthorityText.Of(trigger.Authority);
        await database.ExecuteAsync(
            $"INSERT INTO triggers ({Columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (tenant, workflow, name) DO NOTHING",
            p => p.Value(trigger.Tenant).Value(trigger.Workflow).Value(trigger.Name).Value(trigger.Schedule).Value(trigger.NextAt).Value(trigger.IsPaused)
                .Value(trigger.LastAt).Value(trigger.LastRun).Value(trigger.Owner).Value(permissions).Optional(tools).Optional(starts).Value(trigger.Version),
            cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<TriggerState?> FindAsync(string tenant, string workflow, string name, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT {Columns} FROM triggers WHERE tenant = $1 AND workflow = $2 AND name = $3", p => p.Value(tenant).Value(workflow).Value(name), ToTrigger, cancellationToken).ConfigureAwait(false) is [var found] ? found : null;

    public async ValueTask<IReadOnlyList<TriggerState>> ListAsync(string tenant, CancellationToken cancellationToken) =>
        await database.QueryAsync($"SELECT {Columns} FROM triggers WHERE tenant = $1 ORDER BY workflow, name", p => p.Value(tenant), ToTrigger, cancellationToken).ConfigureAwait(false);

    public async ValueTask<bool> ReplaceAsync(TriggerState trigger, CancellationToken cancellationToken)
    {
        (string permissions, string? tools, string? starts) = AuthorityText.Of(trigger.Authority);
        return await database.ExecuteAsync(
            """
            UPDATE triggers SET schedule = $5, next_at = $6, paused = $7, last_at = $8, last_run = $9, owner = $10, permissions = $11, tools = $12, starts = $13, version = version + 1
            WHERE tenant = $1 AND workflow = $2 AND name = $3 AND version = $4
            """,
            p => p.Value(trigger.Tenant).Value(trigger.Workflow).Value(trigger.Name).Value(trigger.Version).Value(trigger.Schedule).Value(trigger.NextAt).Value(trigger.IsPaused)
                .Value(trigger.LastAt).Value(trigger.LastRun).Value(trigger.Owner).Value(permissions).Optional(tools).Optional(starts),
            cancellationToken).ConfigureAwait(false) > 0;
    }

    public async ValueTask RemoveAsync(TriggerState trigger, CancellationToken cancellationToken) => await database.ExecuteAsync(
        "DELETE FROM triggers WHERE tenant = $1 AND workflow = $2 AND name = $3 AND version = $4",
        p => p.Value(trigger.Tenant).Value(trigger.Workflow).Value(trigger.Name).Value(trigger.Version),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<TriggerState>> DueAsync(long now, int max, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT {Columns} FROM triggers WHERE next_at > 0 AND NOT paused AND next_at <= $1 ORDER BY next_at LIMIT $2", p => p.Value(now).Value(max), ToTrigger, cancellationToken).ConfigureAwait(false);

    private static TriggerState ToTrigger(NpgsqlDataReader row) => new(row.GetString(0), row.GetString(1), row.GetString(2))
    {
        Schedule = row.GetString(3),
        NextAt = row.GetInt64(4),
        IsPaused = row.GetBoolean(5),
        LastAt = row.GetInt64(6),
        LastRun = row.GetString(7),
        Owner = row.GetString(8),
        Authority = AuthorityText.Read(row.GetString(9), row.IsDBNull(10) ? null : row.GetString(10), row.IsDBNull(11) ? null : row.GetString(11)),
        Version = row.GetInt32(12),
    };
}
