using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>What remote agents told, and who gets it, in the same database as the runs.</summary>
public sealed class PostgresBridgeEventStore(PostgresDatabase database) : IBridgeEventStore
{
    // Held, together with a hash of the schema's name, by whoever adds events: numbers become visible in their order.
    private const int OrderLock = 0x4142;
    private const string Subscribed = "tenant, id, url, secret, types, sources, created_by, created_at, cursor, failures, next_at, problem, suspended_at";

    public ValueTask<bool> AddAsync(string tenant, BridgeEvent happened, CancellationToken cancellationToken) => database.ReadAsync(
        async (connection, token) =>
        {
            // The statements of a batch are one transaction, and its first one waits for the lock before a number is drawn.
            using var batch = new NpgsqlBatch(connection);
            batch.Add($"SELECT pg_advisory_xact_lock({OrderLock}, hashtext(current_schema()))");
            NpgsqlBatchCommand added = batch.AddCommand("INSERT INTO bridge_events (tenant, agent, id, type, source, data, time, trace, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant, agent, id) DO NOTHING");
            added.Parameters.Value(tenant).Value(happened.Agent).Value(happened.Id).Value(happened.Type).Value(happened.Source).Value(happened.Data).Value(happened.Time).Value(happened.TraceId).Value(happened.At);
            await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
            return added.RecordsAffected > 0;
        },
        cancellationToken);

    public async ValueTask<IReadOnlyList<BridgeEvent>> ReadAsync(string tenant, long after, int max, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT number, id, agent, type, source, data, time, trace, at FROM bridge_events WHERE tenant = $1 AND number > $2 ORDER BY number LIMIT $3",
        p => p.Value(tenant).Value(after).Value(max),
        static row => new BridgeEvent(row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetFieldValue<byte[]>(5), row.GetString(6), row.GetString(7), row.GetInt64(8)) { Number = row.GetInt64(0) },
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<long> LastAsync(string tenant, CancellationToken cancellationToken) =>
        (await database.QueryAsync("SELECT coalesce(max(number), 0) FROM bridge_events WHERE tenant = $1", p => p.Value(tenant), static row => row.GetInt64(0), cancellationToken).ConfigureAwait(false))[0];

    public async ValueTask AddSubscriptionAsync(string tenant, BridgeSubscription subscription, CancellationToken cancellationToken) => await database.ExecuteAsync(
        """
        INSERT INTO bridge_subscriptions (tenant, id, url, secret, types, sources, created_by, created_at, cursor, failures, next_at, problem, suspended_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING
        """,
        p => p.Value(tenant).Value(subscription.Id).Value(subscription.Url).Value(subscription.Secret).Optional(subscription.Filter.Types?.Patterns).Optional(subscription.Filter.Sources?.Patterns)
            .Value(subscription.CreatedBy).Value(subscription.CreatedAt).Value(subscription.Cursor).Value(subscription.Failures).Value(subscription.NextAt).Value(subscription.Problem).Optional(subscription.SuspendedAt),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<BridgeSubscription?> FindSubscriptionAsync(string tenant, Ulid id, CancellationToken cancellationToken) =>
        await database.QueryAsync($"SELECT {Subscribed} FROM bridge_subscriptions WHERE tenant = $1 AND id = $2", p => p.Value(tenant).Value(id), ToSubscription, cancellationToken).ConfigureAwait(false) is [var found] ? found : null;

    public async ValueTask<IReadOnlyList<BridgeSubscription>> ListSubscriptionsAsync(string tenant, CancellationToken cancellationToken) =>
        await database.QueryAsync($"SELECT {Subscribed} FROM bridge_subscriptions WHERE tenant = $1 ORDER BY id", p => p.Value(tenant), ToSubscription, cancellationToken).ConfigureAwait(false);

    public async ValueTask<bool> RemoveSubscriptionAsync(string tenant, Ulid id, CancellationToken cancellationToken) =>
        await database.ExecuteAsync("DELETE FROM bridge_subscriptions WHERE tenant = $1 AND id = $2", p => p.Value(tenant).Value(id), cancellationToken).ConfigureAwait(false) > 0;

    public async ValueTask SaveProgressAsync(string tenant, BridgeSubscription subscription, CancellationToken cancellationToken) => await database.ExecuteAsync(
        "UPDATE bridge_subscriptions SET cursor = greatest(cursor, $3), failures = $4, next_at = $5, problem = $6, suspended_at = $7 WHERE tenant = $1 AND id = $2",
        p => p.Value(tenant).Value(subscription.Id).Value(subscription.Cursor).Value(subscription.Failures).Value(subscription.NextAt).Value(subscription.Problem).Optional(subscription.SuspendedAt),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<BridgeSubscription>> WaitingAsync(long now, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT {Subscribed} FROM bridge_subscriptions s WHERE s.suspended_at IS NULL AND s.next_at <= $1 AND EXISTS (SELECT FROM bridge_events e WHERE e.tenant = s.tenant AND e.number > s.cursor) ORDER BY s.id",
        p => p.Value(now),
        ToSubscription,
        cancellationToken).ConfigureAwait(false);

    public ValueTask<int> ForgetAsync(long before, int max, CancellationToken cancellationToken) => database.ExecuteAsync(
        "DELETE FROM bridge_events WHERE number IN (SELECT number FROM bridge_events WHERE at < $1 ORDER BY at LIMIT $2)", p => p.Value(before).Value(max), cancellationToken);

    private static BridgeSubscription ToSubscription(NpgsqlDataReader row) => new(
        Parameters.ToUlid(row.GetGuid(1)),
        row.GetString(2),
        row.GetString(3),
        new BridgeEventFilter(Patterns(row, 4), Patterns(row, 5)),
        row.GetString(6),
        row.GetInt64(7))
    {
        Tenant = row.GetString(0),
        Cursor = row.GetInt64(8),
        Failures = row.GetInt32(9),
        NextAt = row.GetInt64(10),
        Problem = row.GetString(11),
        SuspendedAt = row.IsDBNull(12) ? null : row.GetInt64(12),
    };

    private static NamePatterns? Patterns(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : new NamePatterns(row.GetFieldValue<string[]>(column));
}
