using System.Collections.Frozen;

namespace AgentFlow.Storage.Sqlite;

/// <summary>
/// How many runs of a tenant have not ended, for the tenants for which that matters. The numbers stand in the file and change
/// with the runs; which tenants have one is known here, so that others pay nothing. Used by the writing connection alone.
/// </summary>
internal sealed class SqliteRunCounts
{
    private volatile FrozenSet<string> _counted = FrozenSet<string>.Empty;

    public bool Counts(string tenant) => _counted.Count > 0 && _counted.Contains(tenant);

    /// <summary>Reads which tenants are counted.</summary>
    public void Load(SqliteConnection connection)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        SqliteStatement rows = connection.Prepare("SELECT tenant FROM run_counts");
        while (rows.Read())
        {
            found.Add(rows.Text(0));
        }

        _counted = found.ToFrozenSet(StringComparer.Ordinal);
    }

    /// <summary>Counts what a tenant has going; <see cref="Load"/> follows once that is on disk.</summary>
    public static void Begin(SqliteConnection connection, string tenant) => connection
        .Prepare("INSERT OR IGNORE INTO run_counts (tenant, active) SELECT ?1, (SELECT count(*) FROM runs WHERE tenant = ?1 AND status < 6)").Bind(tenant).Run();

    /// <summary>Takes a place for a new run.</summary>
    /// <param name="stays">Whether it is still going after this transaction.</param>
    /// <returns>False when there is none: nothing was written.</returns>
    public bool TryTake(SqliteConnection connection, string tenant, long? most, bool stays)
    {
        if (!Counts(tenant))
        {
            return true;
        }

        if (most is { } limit && Active(connection, tenant) >= limit)
        {
            return false;
        }

        if (stays)
        {
            Add(connection, tenant, 1);
        }

        return true;
    }

    public void Add(SqliteConnection connection, string tenant, int runs)
    {
        if (Counts(tenant))
        {
            connection.Prepare("UPDATE run_counts SET active = active + ? WHERE tenant = ?").Bind(runs).Bind(tenant).Run();
        }
    }

    /// <summary>What a tenant has going; <see langword="null"/> when it is not counted.</summary>
    public static long? Active(SqliteConnection connection, string tenant)
    {
        SqliteStatement row = connection.Prepare("SELECT active FROM run_counts WHERE tenant = ?").Bind(tenant);
        if (!row.Read())
        {
            return null;
        }

        long active = row.Int64(0);
        row.Reset();
        return active;
    }
}
