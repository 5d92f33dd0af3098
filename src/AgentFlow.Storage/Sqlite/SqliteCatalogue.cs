using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Sqlite;

/// <summary>Workflow versions in the same file as their runs.</summary>
public sealed class SqliteCatalogue(SqliteDatabase database) : ICatalogue
{
    private const string Columns = "name, version, hash, planner, description, yaml, path, created_at";

    public ValueTask<SaveOutcome> SaveAsync(string tenant, StoredWorkflow workflow, CatalogueLimits limits, CancellationToken cancellationToken)
    {
        var outcome = SaveOutcome.Created;
        CrashPoint.Reach("definition.saved.before");
        database.Write(connection =>
        {
            SqliteStatement find = connection.Prepare("SELECT hash FROM workflows WHERE tenant = ? AND name = ? AND version = ?").Bind(tenant).Bind(workflow.Name).Bind(workflow.Version);
            if (find.Read())
            {
                outcome = find.Text(0) == workflow.Hash ? SaveOutcome.Unchanged : SaveOutcome.Conflict;
                find.Reset();
                return;
            }

            if (limits != CatalogueLimits.None && limits.Refusal(Count(connection, tenant), isNewName: !Has(connection, tenant, workflow.Name)) is { } refusal)
            {
                outcome = refusal;
                return;
            }

            connection.Prepare("INSERT INTO workflows (tenant, name, version, hash, planner, description, yaml, path, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .Bind(tenant).Bind(workflow.Name).Bind(workflow.Version).Bind(workflow.Hash).Bind(workflow.Planner).Bind(workflow.Description)
                .Bind(workflow.Source.Yaml).Bind(workflow.Source.Path).Bind(workflow.CreatedAt).Run();
            foreach ((string path, ReadOnlyMemory<byte> data) in workflow.Source.Assets.Files)
            {
                connection.Prepare("INSERT OR IGNORE INTO workflow_assets (tenant, hash, path, data) VALUES (?, ?, ?, ?)")
                    .Bind(tenant).Bind(workflow.Hash).Bind(path).Bind(data.Span).Run();
            }
        });
        CrashPoint.Reach("definition.saved.after");
        return ValueTask.FromResult(outcome);
    }

    public ValueTask<CatalogueCount> CountAsync(string tenant, CancellationToken cancellationToken) => new(database.Read(connection => Count(connection, tenant)));

    public async ValueTask<StoredWorkflow?> FindAsync(string tenant, string name, string? version, CancellationToken cancellationToken) =>
        (await VersionsAsync(tenant, name, cancellationToken).ConfigureAwait(false)).FirstOrDefault(w => version is null || w.Version == version);

    public ValueTask<StoredWorkflow?> FindByHashAsync(string tenant, string hash, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Query($"SELECT {Columns} FROM workflows WHERE tenant = ? AND hash = ? LIMIT 1", tenant, hash).FirstOrDefault());

    public ValueTask<IReadOnlyList<(string Version, string Hash)>> HashesAsync(string tenant, string name, CancellationToken cancellationToken) =>
        ValueTask.FromResult(database.Read<IReadOnlyList<(string, string)>>(connection =>
        {
            var found = new List<(string, string)>();
            SqliteStatement rows = connection.Prepare("SELECT version, hash FROM workflows WHERE tenant = ? AND name = ?").Bind(tenant).Bind(name);
            while (rows.Read())
            {
                found.Add((rows.Text(0), rows.Text(1)));
            }

            return found;
        }));

    public ValueTask<IReadOnlyList<StoredWorkflow>> VersionsAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        List<StoredWorkflow> versions = Query($"SELECT {Columns} FROM workflows WHERE tenant = ? AND name = ?", tenant, name);
        return ValueTask.FromResult<IReadOnlyList<StoredWorkflow>>([.. versions.OrderByDescending(w => SemanticVersion.Parse(w.Version))]);
    }

    public ValueTask<IReadOnlyList<StoredWorkflow>> ListAsync(string tenant, CancellationToken cancellationToken)
    {
        List<StoredWorkflow> all = Query($"SELECT {Columns} FROM workflows WHERE tenant = ?", tenant, null);
        return ValueTask.FromResult<IReadOnlyList<StoredWorkflow>>(
            [.. all.GroupBy(w => w.Name, StringComparer.Ordinal).Select(g => g.MaxBy(w => SemanticVersion.Parse(w.Version))!).OrderBy(w => w.Name, StringComparer.Ordinal)]);
    }

    private static CatalogueCount Count(SqliteConnection connection, string tenant)
    {
        var count = default(CatalogueCount);
        SqliteStatement row = connection.Prepare("SELECT count(DISTINCT name), count(*) FROM workflows WHERE tenant = ?").Bind(tenant);
        while (row.Read())
        {
            count = new CatalogueCount(row.Int64(0), row.Int64(1));
        }

        return count;
    }

    private static bool Has(SqliteConnection connection, string tenant, string name)
    {
        SqliteStatement row = connection.Prepare("SELECT 1 FROM workflows WHERE tenant = ? AND name = ? LIMIT 1").Bind(tenant).Bind(name);
        bool found = row.Read();
        row.Reset();
        return found;
    }

    private List<StoredWorkflow> Query(string sql, string tenant, string? second) => database.Read(connection =>
    {
        var found = new List<StoredWorkflow>();
        SqliteStatement rows = connection.Prepare(sql).Bind(tenant);
        if (second is not null)
        {
            rows.Bind(second);
        }

        while (rows.Read())
        {
            string hash = rows.Text(2);
            found.Add(new StoredWorkflow(rows.Text(0), rows.Text(1), hash, rows.Text(3), rows.Text(4), new WorkflowSource(rows.Text(5), Assets(connection, tenant, hash), rows.Text(6)), rows.Int64(7)));
        }

        return found;
    });

    private static WorkflowAssets Assets(SqliteConnection connection, string tenant, string hash)
    {
        var files = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        SqliteStatement rows = connection.Prepare("SELECT path, data FROM workflow_assets WHERE tenant = ? AND hash = ?").Bind(tenant).Bind(hash);
        while (rows.Read())
        {
            files[rows.Text(0)] = rows.Blob(1).ToArray();
        }

        return files.Count == 0 ? WorkflowAssets.Empty : new WorkflowAssets(files);
    }
}
