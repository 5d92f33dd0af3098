using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Triggers;

namespace AgentFlow.Storage.Sqlite;

/// <summary>What is remembered of triggers, in the same file as the runs.</summary>
public sealed class SqliteTriggerStore(SqliteDatabase database) : ITriggerStore
{
    private const string Columns = "tenant, workflow, name, schedule, next_at, paused, last_at, last_run, owner, permissions, tools, starts, version";

    public async ValueTask AddAsync(TriggerState trigger, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        (string permissions, string? tools, string? starts) = AuthorityText.Of(trigger.Authority);
        connection.Prepare($"INSERT OR IGNORE INTO triggers ({Columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .Bind(trigger.Tenant).Bind(trigger.Workflow).Bind(trigger.Name).Bind(trigger.Schedule).Bind(trigger.NextAt).Bind(trigger.IsPaused ? 1 : 0)
            .Bind(trigger.LastAt).Bind(trigger.LastRun).Bind(trigger.Owner).Bind(permissions).BindOptional(tools).BindOptional(starts).Bind(trigger.Version).Run();
        return true;
    }).ConfigureAwait(false);

    public ValueTask<TriggerState?> FindAsync(string tenant, string workflow, string name, CancellationToken cancellationToken) => new(database.Read(connection =>
        ReadAll(connection.Prepare($"SELECT {Columns} FROM triggers WHERE tenant = ? AND workflow = ? AND name = ?").Bind(tenant).Bind(workflow).Bind(name)) is [var found] ? found : null));

    public ValueTask<IReadOnlyList<TriggerState>> ListAsync(string tenant, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<TriggerState>>(connection =>
        ReadAll(connection.Prepare($"SELECT {Columns} FROM triggers WHERE tenant = ? ORDER BY workflow, name").Bind(tenant))));

    public async ValueTask<bool> ReplaceAsync(TriggerState trigger, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        (string permissions, string? tools, string? starts) = AuthorityText.Of(trigger.Authority);
        connection.Prepare("""
            UPDATE triggers SET schedule = ?, next_at = ?, paused = ?, last_at = ?, last_run = ?, owner = ?, permissions = ?, tools = ?, starts = ?, version = version + 1
            WHERE tenant = ? AND workflow = ? AND name = ? AND version = ?
            """)
            .Bind(trigger.Schedule).Bind(trigger.NextAt).Bind(trigger.IsPaused ? 1 : 0).Bind(trigger.LastAt).Bind(trigger.LastRun).Bind(trigger.Owner).Bind(permissions).BindOptional(tools).BindOptional(starts)
            .Bind(trigger.Tenant).Bind(trigger.Workflow).Bind(trigger.Name).Bind(trigger.Version).Run();
        return connection.Changes > 0;
    }).ConfigureAwait(false);

    public async ValueTask RemoveAsync(TriggerState trigger, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("DELETE FROM triggers WHERE tenant = ? AND workflow = ? AND name = ? AND version = ?").Bind(trigger.Tenant).Bind(trigger.Workflow).Bind(trigger.Name).Bind(trigger.Version).Run();
        return true;
    }).ConfigureAwait(false);

    public ValueTask<IReadOnlyList<TriggerState>> DueAsync(long now, int max, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<TriggerState>>(connection =>
        ReadAll(connection.Prepare($"SELECT {Columns} FROM triggers WHERE next_at > 0 AND paused = 0 AND next_at <= ? ORDER BY next_at LIMIT ?").Bind(now).Bind(max))));

    private static List<TriggerState> ReadAll(SqliteStatement rows)
    {
        var found = new List<TriggerState>();
        while (rows.Read())
        {
            found.Add(new TriggerState(rows.Text(0), rows.Text(1), rows.Text(2))
            {
                Schedule = rows.Text(3),
                NextAt = rows.Int64(4),
                IsPaused = rows.Int64(5) != 0,
                LastAt = rows.Int64(6),
                LastRun = rows.Text(7),
                Owner = rows.Text(8),
                Authority = AuthorityText.Read(rows.Text(9), rows.OptionalText(10), rows.OptionalText(11)),
                Version = (int)rows.Int64(12),
            });
        }

        return found;
    }
}
