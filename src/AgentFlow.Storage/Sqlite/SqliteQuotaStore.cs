using AgentFlow.Engine.Access;

namespace AgentFlow.Storage.Sqlite;

/// <summary>Quotas in the same file as the runs.</summary>
public sealed class SqliteQuotaStore(SqliteDatabase database) : IQuotaStore
{
    public ValueTask<IReadOnlyDictionary<QuotaKind, QuotaGrant>> ReadAsync(string tenant, CancellationToken cancellationToken) => new(database.Read<IReadOnlyDictionary<QuotaKind, QuotaGrant>>(connection =>
    {
        var found = new Dictionary<QuotaKind, QuotaGrant>();
        SqliteStatement rows = connection.Prepare("SELECT kind, most FROM quotas WHERE tenant = ?").Bind(tenant);
        while (rows.Read())
        {
            if (QuotaKinds.Parse(rows.Text(0)) is { } kind)
            {
                found[kind] = new QuotaGrant(rows.OptionalInt64(1));
            }
        }

        return found;
    }));

    public ValueTask SetAsync(string tenant, IReadOnlyDictionary<QuotaKind, QuotaGrant?> grants, CancellationToken cancellationToken)
    {
        database.Write(connection =>
        {
            foreach ((QuotaKind kind, QuotaGrant? grant) in grants)
            {
                connection.Prepare("DELETE FROM quotas WHERE tenant = ? AND kind = ?").Bind(tenant).Bind(kind.Word()).Run();
                if (grant is { } given)
                {
                    connection.Prepare("INSERT INTO quotas (tenant, kind, most) VALUES (?, ?, ?)").Bind(tenant).Bind(kind.Word()).BindOptional(given.Most).Run();
                }
            }
        });
        return default;
    }

    public ValueTask CountRunsAsync(string tenant, CancellationToken cancellationToken)
    {
        lock (database.WriteGate)
        {
            if (!database.RunCounts.Counts(tenant))
            {
                database.Write(connection => SqliteRunCounts.Begin(connection, tenant));
                database.RunCounts.Load(database.Writer);
            }
        }

        return default;
    }

    public ValueTask<long?> RunsAsync(string tenant, CancellationToken cancellationToken) => new(database.Read(connection => SqliteRunCounts.Active(connection, tenant)));

    public ValueTask<long> MeasureStorageAsync(string tenant, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        long bytes = 0;
        SqliteStatement sum = connection.Prepare("""
            SELECT coalesce((SELECT sum(length(j.data)) FROM runs r JOIN journal j ON j.run = r.key WHERE r.tenant = ?1), 0)
                 + coalesce((SELECT sum(length(i.data)) FROM runs r JOIN inbox i ON i.run = r.key WHERE r.tenant = ?1), 0)
                 + coalesce((SELECT sum(length(s.data)) FROM runs r JOIN snapshots s ON s.run = r.key WHERE r.tenant = ?1), 0)
                 + coalesce((SELECT sum(length(b.data)) FROM blobs b WHERE b.tenant = ?1), 0)
                 + coalesce((SELECT sum(length(w.yaml)) FROM workflows w WHERE w.tenant = ?1), 0)
                 + coalesce((SELECT sum(length(a.data)) FROM workflow_assets a WHERE a.tenant = ?1), 0)
            """).Bind(tenant);
        while (sum.Read())
        {
            bytes = sum.Int64(0);
        }

        return bytes;
    }));
}
