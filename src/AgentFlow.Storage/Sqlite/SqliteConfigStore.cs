using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Sqlite;

/// <summary>What tenants have set, in the same file as their runs.</summary>
public sealed class SqliteConfigStore(SqliteDatabase database) : IConfigStore
{
    private const long NoRollback = -1;

    public ValueTask<ConfigState> ReadAsync(string tenant, CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(connection =>
    {
        long version = 0;
        SqliteStatement newest = connection.Prepare("SELECT coalesce(max(version), 0) FROM config_versions WHERE tenant = ?").Bind(tenant);
        while (newest.Read())
        {
            version = newest.Int64(0);
        }

        var values = new Dictionary<ConfigKey, string>();
        SqliteStatement rows = connection.Prepare("SELECT setting, workflow, new_value FROM config_changes WHERE tenant = ? ORDER BY version").Bind(tenant);
        while (rows.Read())
        {
            var key = new ConfigKey(rows.Text(0), rows.Text(1));
            if (rows.IsNull(2))
            {
                values.Remove(key);
            }
            else
            {
                values[key] = rows.Text(2);
            }
        }

        return new ConfigState(version, values);
    }));

    public ValueTask<bool> AppendAsync(string tenant, ConfigVersion version, CancellationToken cancellationToken)
    {
        try
        {
            database.Write(connection =>
            {
                connection.Prepare("INSERT INTO config_versions (tenant, version, at, actor, rollback_to) VALUES (?, ?, ?, ?, ?)")
                    .Bind(tenant).Bind(version.Version).Bind(version.At).Bind(version.Actor).Bind(version.RollbackTo ?? NoRollback).Run();
                foreach (ConfigChange change in version.Changes)
                {
                    connection.Prepare("INSERT INTO config_changes (tenant, setting, workflow, version, old_value, new_value) VALUES (?, ?, ?, ?, ?, ?)")
                        .Bind(tenant).Bind(change.Key.Setting).Bind(change.Key.Workflow).Bind(version.Version).Bind(change.From).Bind(change.To).Run();
                }
            });
            return new(true);
        }
        catch (SqliteException e) when (e.IsConstraint)
        {
            return new(false);
        }
    }

    public ValueTask<IReadOnlyList<ConfigVersion>> HistoryAsync(string tenant, long before, int max, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<ConfigVersion>>(database.Read(connection =>
        {
            var versions = new List<ConfigVersion>();
            SqliteStatement rows = connection.Prepare("SELECT version, at, actor, rollback_to FROM config_versions WHERE tenant = ? AND version < ? ORDER BY version DESC LIMIT ?").Bind(tenant).Bind(before).Bind(max);
            while (rows.Read())
            {
                versions.Add(new ConfigVersion(rows.Int64(0), rows.Int64(1), rows.Text(2), rows.Int64(3) is var to && to == NoRollback ? null : to, []));
            }

            return versions.ConvertAll(v => v with { Changes = Changes(connection, tenant, v.Version) });
        }));

    public ValueTask<IReadOnlyDictionary<string, long>> VersionsAsync(CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlyDictionary<string, long>>(database.Read(connection =>
    {
        var versions = new Dictionary<string, long>(StringComparer.Ordinal);
        SqliteStatement rows = connection.Prepare("SELECT tenant, max(version) FROM config_versions GROUP BY tenant");
        while (rows.Read())
        {
            versions.Add(rows.Text(0), rows.Int64(1));
        }

        return versions;
    }));

    private static List<ConfigChange> Changes(SqliteConnection connection, string tenant, long version)
    {
        var changes = new List<ConfigChange>();
        SqliteStatement rows = connection.Prepare("SELECT setting, workflow, old_value, new_value FROM config_changes WHERE tenant = ? AND version = ? ORDER BY setting, workflow").Bind(tenant).Bind(version);
        while (rows.Read())
        {
            changes.Add(new ConfigChange(new ConfigKey(rows.Text(0), rows.Text(1)), rows.IsNull(2) ? null : rows.Text(2), rows.IsNull(3) ? null : rows.Text(3)));
        }

        return changes;
    }
}
