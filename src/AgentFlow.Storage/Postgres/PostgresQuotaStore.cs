using System.Data;
using AgentFlow.Engine.Access;
using Npgsql;
using static NpgsqlTypes.NpgsqlDbType;

namespace AgentFlow.Storage.Postgres;

/// <summary>Quotas in the same database as the runs.</summary>
public sealed class PostgresQuotaStore(PostgresDatabase database) : IQuotaStore
{
    private const int Attempts = 5;

    // Counting what was going before and measuring may read millions of rows; nobody waits for either.
    private static readonly TimeSpan LongRead = TimeSpan.FromMinutes(10);

    public ValueTask<IReadOnlyDictionary<QuotaKind, QuotaGrant>> ReadAsync(string tenant, CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyDictionary<QuotaKind, QuotaGrant>>(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("SELECT kind, most FROM quotas WHERE tenant = $1", connection);
            command.Parameters.Value(tenant);
            var found = new Dictionary<QuotaKind, QuotaGrant>();
            NpgsqlDataReader rows = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (rows.ConfigureAwait(false))
            {
                while (await rows.ReadAsync(token).ConfigureAwait(false))
                {
                    if (QuotaKinds.Parse(rows.GetString(0)) is { } kind)
                    {
                        found[kind] = new QuotaGrant(rows.IsDBNull(1) ? null : rows.GetInt64(1));
                    }
                }
            }

            return found;
        },
        cancellationToken);

    public async ValueTask SetAsync(string tenant, IReadOnlyDictionary<QuotaKind, QuotaGrant?> grants, CancellationToken cancellationToken) => await database.ReadAsync(
        async (connection, token) =>
        {
            // In one order by everybody: two who set the same kinds wait for each other in one direction only.
            KeyValuePair<QuotaKind, QuotaGrant?>[] ordered = [.. grants.OrderBy(g => g.Key)];
            using var batch = new NpgsqlBatch(connection);
            batch.Add("DELETE FROM quotas WHERE tenant = $1 AND kind = ANY ($2::text[])").Value(tenant).Values(ordered.Where(g => g.Value is null).Select(g => g.Key.Word()), Text);
            batch.Add("INSERT INTO quotas (tenant, kind, most) SELECT $1, u.kind, u.most FROM unnest($2::text[], $3::bigint[]) AS u (kind, most) ON CONFLICT (tenant, kind) DO UPDATE SET most = excluded.most")
                .Value(tenant).Values(ordered.Where(g => g.Value is not null).Select(g => g.Key.Word()), Text).Values(ordered.Where(g => g.Value is not null).Select(g => g.Value!.Value.Most), Bigint);
            return await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
        },
        cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    /// <remarks>
    /// The count begins at a moment in which no commit is under way: from then on every process counts what begins and ends.
    /// What was going at that moment is counted in a view of it, which takes as long as it takes and holds nobody up.
    /// </remarks>
    public async ValueTask CountRunsAsync(string tenant, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            if (await IsCountedAsync(tenant, cancellationToken).ConfigureAwait(false))
            {
                return;
            }

            try
            {
                if (await TryCountAsync(tenant, cancellationToken).ConfigureAwait(false))
                {
                    return;
                }
            }
            catch (PostgresException e) when (attempt < Attempts && e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
            {
                // Somebody has had a transaction open for seconds: others must not wait behind this one for it.
                await Task.Delay(Random.Shared.Next(50, 500), cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (StoreUnavailableException.From(e, database.Server) is { } known && !ReferenceEquals(known, e))
            {
                database.Distrust(e);
                throw known;
            }
        }
    }

    public ValueTask<long?> RunsAsync(string tenant, CancellationToken cancellationToken) => database.ReadAsync<long?>(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("SELECT active FROM run_counts WHERE tenant = $1 AND ready", connection);
            command.Parameters.Value(tenant);
            return await command.ExecuteScalarAsync(token).ConfigureAwait(false) as long?;
        },
        cancellationToken);

    public ValueTask<long> MeasureStorageAsync(string tenant, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            NpgsqlTransaction view = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, token).ConfigureAwait(false);
            await using (view.ConfigureAwait(false))
            {
                await AllowTimeAsync(connection, token).ConfigureAwait(false);
                using var command = new NpgsqlCommand("""
                    SELECT (coalesce((SELECT sum(length(j.data)) FROM runs r JOIN journal j ON j.run = r.key WHERE r.tenant = $1), 0)
                          + coalesce((SELECT sum(length(i.data)) FROM runs r JOIN inbox i ON i.run = r.key WHERE r.tenant = $1), 0)
                          + coalesce((SELECT sum(length(s.data)) FROM runs r JOIN snapshots s ON s.run = r.key WHERE r.tenant = $1), 0)
                          + coalesce((SELECT sum(length(b.data)) FROM blobs b WHERE b.tenant = $1), 0)
                          + coalesce((SELECT sum(octet_length(w.yaml)) FROM workflows w WHERE w.tenant = $1), 0)
                          + coalesce((SELECT sum(length(a.data)) FROM workflow_assets a WHERE a.tenant = $1), 0))::bigint
                    """, connection) { CommandTimeout = (int)LongRead.TotalSeconds };
                command.Parameters.Value(tenant);
                return (long)(await command.ExecuteScalarAsync(token).ConfigureAwait(false))!;
            }
        },
        cancellationToken);

    private ValueTask<bool> IsCountedAsync(string tenant, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("SELECT EXISTS (SELECT FROM run_counts WHERE tenant = $1 AND ready)", connection);
            command.Parameters.Value(tenant);
            return (bool)(await command.ExecuteScalarAsync(token).ConfigureAwait(false))!;
        },
        cancellationToken);

    /// <returns>False when somebody else began again meanwhile.</returns>
    private async Task<bool> TryCountAsync(string tenant, CancellationToken cancellationToken)
    {
        var mark = Guid.NewGuid();
        NpgsqlConnection looking = await database.Source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (looking.ConfigureAwait(false))
        {
            NpgsqlTransaction view = await BeginAsync(tenant, mark, looking, cancellationToken).ConfigureAwait(false);
            await using (view.ConfigureAwait(false))
            {
                await AllowTimeAsync(looking, cancellationToken).ConfigureAwait(false);
                using var count = new NpgsqlCommand("SELECT count(*) FROM runs WHERE tenant = $1 AND status < 6", looking) { CommandTimeout = (int)LongRead.TotalSeconds };
                count.Parameters.Value(tenant);
                long before = (long)(await count.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
                await view.CommitAsync(cancellationToken).ConfigureAwait(false);
                return await database.ReadAsync(
                    async (connection, token) =>
                    {
                        using var command = new NpgsqlCommand("UPDATE run_counts SET active = active + $3, ready = true WHERE tenant = $1 AND begun = $2 AND NOT ready", connection);
                        command.Parameters.Value(tenant).Typed(mark, Uuid).Value(before);
                        return await command.ExecuteNonQueryAsync(token).ConfigureAwait(false) == 1;
                    },
                    cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Begins the count, and a transaction on <paramref name="looking"/> that sees what was there at that moment.</summary>
    private async Task<NpgsqlTransaction> BeginAsync(string tenant, Guid mark, NpgsqlConnection looking, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await database.Source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            NpgsqlTransaction beginning = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (beginning.ConfigureAwait(false))
            {
                using var batch = new NpgsqlBatch(connection);
                batch.Add("SET LOCAL lock_timeout = '2s'");
                // Every commit reads its session first: none is under way while this is held.
                batch.Add("LOCK TABLE sessions IN EXCLUSIVE MODE");
                batch.Add("INSERT INTO run_counts (tenant, active, begun, ready) VALUES ($1, 0, $2, false) ON CONFLICT (tenant) DO UPDATE SET active = 0, begun = excluded.begun WHERE NOT run_counts.ready")
                    .Value(tenant).Typed(mark, Uuid);
                batch.Add("UPDATE sessions SET counts = true WHERE NOT counts");
                await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                NpgsqlTransaction view = await looking.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken).ConfigureAwait(false);
                try
                {
                    using var now = new NpgsqlCommand("SELECT 1", looking);
                    await now.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
                    await beginning.CommitAsync(cancellationToken).ConfigureAwait(false);
                    return view;
                }
                catch
                {
                    await view.DisposeAsync().ConfigureAwait(false);
                    throw;
                }
            }
        }
    }

    private static async Task AllowTimeAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand($"SET LOCAL statement_timeout = {(long)LongRead.TotalMilliseconds}", connection);
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
