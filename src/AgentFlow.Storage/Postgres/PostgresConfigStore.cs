using AgentFlow.Engine.Ports;
using Npgsql;
using NpgsqlTypes;

namespace AgentFlow.Storage.Postgres;

/// <summary>What tenants have set, in the same database as their runs.</summary>
public sealed class PostgresConfigStore(PostgresDatabase database) : IConfigStore
{
    private const long NoRollback = -1;

    public ValueTask<ConfigState> ReadAsync(string tenant, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            // One statement, one view: a version that is being added shows whole or not at all.
            using var command = new NpgsqlCommand("""
                SELECT v.newest, c.setting, c.workflow, c.new_value
                FROM (SELECT coalesce(max(version), 0) AS newest FROM config_versions WHERE tenant = $1) AS v
                LEFT JOIN config_changes c ON c.tenant = $1
                ORDER BY c.version
                """, connection);
            command.Parameters.Value(tenant);
            long version = 0;
            var values = new Dictionary<ConfigKey, string>();
            NpgsqlDataReader rows = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (rows.ConfigureAwait(false))
            {
                while (await rows.ReadAsync(token).ConfigureAwait(false))
                {
                    version = rows.GetInt64(0);
                    if (rows.IsDBNull(1))
                    {
                        continue;
                    }

                    var key = new ConfigKey(rows.GetString(1), rows.GetString(2));
                    if (rows.IsDBNull(3))
                    {
                        values.Remove(key);
                    }
                    else
                    {
                        values[key] = rows.GetString(3);
                    }
                }
            }

            return new ConfigState(version, values);
        },
        cancellationToken);

    public async ValueTask<bool> AppendAsync(string tenant, ConfigVersion version, CancellationToken cancellationToken)
    {
        try
        {
            await database.ReadAsync(
                async (connection, token) =>
                {
                    // The statements of a batch are one transaction.
                    using var batch = new NpgsqlBatch(connection);
                    batch.Add("INSERT INTO config_versions (tenant, version, at, actor, rollback_to) VALUES ($1, $2, $3, $4, $5)")
                        .Value(tenant).Value(version.Version).Value(version.At).Value(version.Actor).Value(version.RollbackTo ?? NoRollback);
                    foreach (ConfigChange change in version.Changes)
                    {
                        batch.Add("INSERT INTO config_changes (tenant, setting, workflow, version, old_value, new_value) VALUES ($1, $2, $3, $4, $5, $6)")
                            .Value(tenant).Value(change.Key.Setting).Value(change.Key.Workflow).Value(version.Version)
                            .Typed(Text(change.From), NpgsqlDbType.Text).Typed(Text(change.To), NpgsqlDbType.Text);
                    }

                    return await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
                },
                cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return false;
        }

        static string? Text(string? value) => value is null ? null : Parameters.Storable(value);
    }

    public ValueTask<IReadOnlyList<ConfigVersion>> HistoryAsync(string tenant, long before, int max, CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyList<ConfigVersion>>(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("""
                SELECT v.version, v.at, v.actor, v.rollback_to, c.setting, c.workflow, c.old_value, c.new_value
                FROM (SELECT * FROM config_versions WHERE tenant = $1 AND version < $2 ORDER BY version DESC LIMIT $3) AS v
                LEFT JOIN config_changes c ON c.tenant = v.tenant AND c.version = v.version
                ORDER BY v.version DESC, c.setting, c.workflow
                """, connection);
            command.Parameters.Value(tenant).Value(before).Value(max);
            var versions = new List<ConfigVersion>();
            NpgsqlDataReader rows = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (rows.ConfigureAwait(false))
            {
                while (await rows.ReadAsync(token).ConfigureAwait(false))
                {
                    if (versions.Count == 0 || versions[^1].Version != rows.GetInt64(0))
                    {
                        versions.Add(new ConfigVersion(rows.GetInt64(0), rows.GetInt64(1), rows.GetString(2), rows.GetInt64(3) is var to && to == NoRollback ? null : to, new List<ConfigChange>()));
                    }

                    if (!rows.IsDBNull(4))
                    {
                        ((List<ConfigChange>)versions[^1].Changes).Add(new ConfigChange(
                            new ConfigKey(rows.GetString(4), rows.GetString(5)), rows.IsDBNull(6) ? null : rows.GetString(6), rows.IsDBNull(7) ? null : rows.GetString(7)));
                    }
                }
            }

            return versions;
        },
        cancellationToken);

    public ValueTask<IReadOnlyDictionary<string, long>> VersionsAsync(CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyDictionary<string, long>>(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("SELECT tenant, max(version) FROM config_versions GROUP BY tenant", connection);
            var versions = new Dictionary<string, long>(StringComparer.Ordinal);
            NpgsqlDataReader rows = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (rows.ConfigureAwait(false))
            {
                while (await rows.ReadAsync(token).ConfigureAwait(false))
                {
                    versions.Add(rows.GetString(0), rows.GetInt64(1));
                }
            }

            return versions;
        },
        cancellationToken);
}
