using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>Brings a schema up to date. All that is missing is applied in one transaction, by one process at a time.</summary>
internal static class PostgresMigrator
{
    /// <summary>Held while migrating, together with a hash of the schema's name.</summary>
    private const int LockSpace = 0x4146;

    // A dump that was restored into another server: transactions begin again with small numbers there. What is chained stays so,
    // and the rest is as if it had been written now.
    private const string Renumber = """
        WITH moved AS (
            UPDATE audit_lease SET position = 0 WHERE position >= (pg_snapshot_xmax(pg_current_snapshot())::text)::bigint
            RETURNING (SELECT position FROM audit_lease) AS chained)
        UPDATE journal SET xid = CASE WHEN xid <= moved.chained THEN 0 ELSE (pg_current_xact_id()::text)::bigint END FROM moved
        """;

    public static async Task MigrateAsync(NpgsqlConnection connection, string server, int longestAnswerSeconds, CancellationToken cancellationToken)
    {
        IReadOnlyList<Migration> migrations = Migration.All("Postgres");
        if (await AppliedAsync(connection, cancellationToken).ConfigureAwait(false) is { } before && Check(before, migrations, server))
        {
            await ExecuteAsync(connection, longestAnswerSeconds, Renumber, cancellationToken).ConfigureAwait(false);
            return;
        }

        NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            await ExecuteAsync(connection, longestAnswerSeconds, $"SELECT pg_advisory_xact_lock({LockSpace}, hashtext(current_schema()))", cancellationToken).ConfigureAwait(false);
            await ExecuteAsync(connection, longestAnswerSeconds, "CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())", cancellationToken).ConfigureAwait(false);
            int applied = await AppliedAsync(connection, cancellationToken).ConfigureAwait(false) ?? 0;
            Check(applied, migrations, server);
            foreach (Migration migration in migrations.Where(m => m.Version > applied))
            {
                await ExecuteAsync(connection, longestAnswerSeconds, migration.Sql, cancellationToken).ConfigureAwait(false);
                using var note = new NpgsqlCommand("INSERT INTO schema_migrations (version, name) VALUES ($1, $2)", connection);
                note.Parameters.Value(migration.Version).Value(migration.Name);
                await note.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }

            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <returns>The newest applied migration; <see langword="null"/> when the schema is empty.</returns>
    private static async Task<int?> AppliedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        using var exists = new NpgsqlCommand("SELECT to_regclass('schema_migrations') IS NOT NULL", connection);
        if (!(bool)(await exists.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!)
        {
            return null;
        }

        using var newest = new NpgsqlCommand("SELECT coalesce(max(version), 0) FROM schema_migrations", connection);
        return (int)(await newest.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    /// <returns>True when nothing is missing.</returns>
    private static bool Check(int applied, IReadOnlyList<Migration> migrations, string server) => applied <= migrations[^1].Version
        ? applied == migrations[^1].Version
        : throw new StoreUnavailableException($"PostgreSQL at {server} has schema version {applied}; this build knows {migrations[^1].Version}. Use the newer build that wrote it.", mayPass: false);

    private static async Task ExecuteAsync(NpgsqlConnection connection, int seconds, string sql, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = seconds };
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
