using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;
using Npgsql;
using NpgsqlTypes;

namespace AgentFlow.Storage.Postgres;

/// <summary>Workflow versions in the same database as their runs.</summary>
public sealed class PostgresCatalogue(PostgresDatabase database) : ICatalogue
{
    private const string Select = "SELECT w.name, w.version, w.hash, w.planner, w.description, w.yaml, w.path, w.created_at, a.path, a.data FROM workflows w LEFT JOIN workflow_assets a ON a.tenant = w.tenant AND a.hash = w.hash";

    // Held by whoever looks how many versions a tenant has, together with a hash of the schema's and the tenant's name.
    private const int LimitLock = 0x4157;

    public ValueTask<SaveOutcome> SaveAsync(string tenant, StoredWorkflow workflow, CatalogueLimits limits, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            CrashPoint.Reach("definition.saved.before");
            using var batch = new NpgsqlBatch(connection);
            bool limited = limits != CatalogueLimits.None;
            if (limited)
            {
                batch.Add($"SELECT pg_advisory_xact_lock({LimitLock}, hashtext(current_schema() || '/' || $1))").Value(tenant);
            }

            NpgsqlBatchCommand insert = batch.AddCommand("""
                INSERT INTO workflows (tenant, name, version, hash, planner, description, yaml, path, created_at)
                SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
                WHERE ($10::bigint IS NULL OR EXISTS (SELECT FROM workflows WHERE tenant = $1 AND name = $2) OR (SELECT count(DISTINCT name) FROM workflows WHERE tenant = $1) < $10)
                    AND ($11::bigint IS NULL OR (SELECT count(*) FROM workflows WHERE tenant = $1) < $11)
                ON CONFLICT DO NOTHING
                """);
            insert.Parameters.Value(tenant).Value(workflow.Name).Value(workflow.Version).Value(workflow.Hash).Value(workflow.Planner).Value(workflow.Description)
                .Value(workflow.Source.Yaml).Value(workflow.Source.Path).Value(workflow.CreatedAt).Optional(limits.Names).Optional(limits.Versions);
            batch.Add("""
                INSERT INTO workflow_assets (tenant, hash, path, data)
                SELECT $1, $2, u.path, u.data FROM unnest($3::text[], $4::bytea[]) AS u (path, data)
                WHERE EXISTS (SELECT FROM workflows w WHERE w.tenant = $1 AND w.hash = $2)
                ON CONFLICT DO NOTHING
                """)
                .Value(tenant).Value(workflow.Hash)
                .Values(workflow.Source.Assets.Files.Keys.Order(StringComparer.Ordinal).Select(Parameters.Storable), NpgsqlDbType.Text)
                .Values(workflow.Source.Assets.Files.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => f.Value), NpgsqlDbType.Bytea);
            batch.Add("""
                SELECT (SELECT hash = $4 FROM workflows WHERE tenant = $1 AND name = $2 AND version = $3),
                    EXISTS (SELECT FROM workflows WHERE tenant = $1 AND name = $2),
                    (SELECT count(DISTINCT name) FROM workflows WHERE tenant = $1),
                    (SELECT count(*) FROM workflows WHERE tenant = $1)
                """).Value(tenant).Value(workflow.Name).Value(workflow.Version).Value(workflow.Hash);
            NpgsqlDataReader row = await batch.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (row.ConfigureAwait(false))
            {
                if (limited)
                {
                    await row.NextResultAsync(token).ConfigureAwait(false);
                }

                await row.ReadAsync(token).ConfigureAwait(false);
                bool? same = row.IsDBNull(0) ? null : row.GetBoolean(0);
                SaveOutcome? refusal = limits.Refusal(new CatalogueCount(row.GetInt64(2), row.GetInt64(3)), isNewName: !row.GetBoolean(1));
                await row.NextResultAsync(token).ConfigureAwait(false);
                CrashPoint.Reach("definition.saved.after");
                return insert.RecordsAffected == 1 ? SaveOutcome.Created
                    : same is { } equal ? equal ? SaveOutcome.Unchanged : SaveOutcome.Conflict
                    : refusal ?? throw new InvalidOperationException($"Version {workflow.Version} of '{workflow.Name}' was neither stored nor refused.");
            }
        },
        cancellationToken);

    public ValueTask<CatalogueCount> CountAsync(string tenant, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("SELECT count(DISTINCT name), count(*) FROM workflows WHERE tenant = $1", connection);
            command.Parameters.Value(tenant);
            NpgsqlDataReader row = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (row.ConfigureAwait(false))
            {
                await row.ReadAsync(token).ConfigureAwait(false);
                return new CatalogueCount(row.GetInt64(0), row.GetInt64(1));
            }
        },
        cancellationToken);

    public async ValueTask<StoredWorkflow?> FindAsync(string tenant, string name, string? version, CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredWorkflow> found = version is null
            ? await VersionsAsync(tenant, name, cancellationToken).ConfigureAwait(false)
            : await QueryAsync($"{Select} WHERE w.tenant = $1 AND w.name = $2 AND w.version = $3", p => p.Value(tenant).Value(name).Value(version), cancellationToken).ConfigureAwait(false);
        return found is [StoredWorkflow newest, ..] ? newest : null;
    }

    public async ValueTask<StoredWorkflow?> FindByHashAsync(string tenant, string hash, CancellationToken cancellationToken) =>
        (await QueryAsync($"{Select} WHERE w.tenant = $1 AND w.hash = $2", p => p.Value(tenant).Value(hash), cancellationToken).ConfigureAwait(false)).FirstOrDefault();

    public ValueTask<IReadOnlyList<(string Version, string Hash)>> HashesAsync(string tenant, string name, CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyList<(string, string)>>(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("SELECT version, hash FROM workflows WHERE tenant = $1 AND name = $2", connection);
            command.Parameters.Value(tenant).Value(name);
            var found = new List<(string, string)>();
            NpgsqlDataReader reader = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    found.Add((reader.GetString(0), reader.GetString(1)));
                }
            }

            return found;
        },
        cancellationToken);

    public async ValueTask<IReadOnlyList<StoredWorkflow>> VersionsAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        List<StoredWorkflow> versions = await QueryAsync($"{Select} WHERE w.tenant = $1 AND w.name = $2", p => p.Value(tenant).Value(name), cancellationToken).ConfigureAwait(false);
        return [.. versions.OrderByDescending(w => SemanticVersion.Parse(w.Version))];
    }

    public async ValueTask<IReadOnlyList<StoredWorkflow>> ListAsync(string tenant, CancellationToken cancellationToken)
    {
        List<StoredWorkflow> all = await QueryAsync($"{Select} WHERE w.tenant = $1", p => p.Value(tenant), cancellationToken).ConfigureAwait(false);
        return [.. all.GroupBy(w => w.Name, StringComparer.Ordinal).Select(g => g.MaxBy(w => SemanticVersion.Parse(w.Version))!).OrderBy(w => w.Name, StringComparer.Ordinal)];
    }

    private ValueTask<List<StoredWorkflow>> QueryAsync(string sql, Action<NpgsqlParameterCollection> bind, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand(sql + " ORDER BY w.name, w.version, a.path", connection);
            bind(command.Parameters);
            var found = new List<StoredWorkflow>();
            NpgsqlDataReader reader = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                Dictionary<string, ReadOnlyMemory<byte>> files = [];
                while (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    (string name, string version) = (reader.GetString(0), reader.GetString(1));
                    if (found.Count == 0 || found[^1].Name != name || found[^1].Version != version)
                    {
                        files = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
                        var source = new WorkflowSource(reader.GetString(5), reader.IsDBNull(8) ? WorkflowAssets.Empty : new WorkflowAssets(files), reader.GetString(6));
                        found.Add(new StoredWorkflow(name, version, reader.GetString(2), reader.GetString(3), reader.GetString(4), source, reader.GetInt64(7)));
                    }

                    if (!reader.IsDBNull(8))
                    {
                        files.Add(reader.GetString(8), reader.GetFieldValue<byte[]>(9));
                    }
                }
            }

            return found;
        },
        cancellationToken);
}
