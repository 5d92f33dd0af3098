using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Sqlite;

/// <summary>What remote agents told, and who gets it, in the same file as the runs.</summary>
public sealed class SqliteBridgeEventStore(SqliteDatabase database) : IBridgeEventStore
{
    private const string Subscribed = "tenant, id, url, secret, types, sources, created_by, created_at, cursor, failures, next_at, problem, suspended_at";

    public async ValueTask<bool> AddAsync(string tenant, BridgeEvent happened, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("INSERT OR IGNORE INTO bridge_events (tenant, agent, id, type, source, data, time, trace, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .Bind(tenant).Bind(happened.Agent).Bind(happened.Id).Bind(happened.Type).Bind(happened.Source).Bind(happened.Data.Span).Bind(happened.Time).Bind(happened.TraceId).Bind(happened.At).Run();
        return connection.Changes > 0;
    }).ConfigureAwait(false);

    public ValueTask<IReadOnlyList<BridgeEvent>> ReadAsync(string tenant, long after, int max, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        var found = new List<BridgeEvent>();
        SqliteStatement rows = connection.Prepare("SELECT number, id, agent, type, source, data, time, trace, at FROM bridge_events WHERE tenant = ? AND number > ? ORDER BY number LIMIT ?").Bind(tenant).Bind(after).Bind(max);
        while (rows.Read())
        {
            found.Add(new BridgeEvent(rows.Text(1), rows.Text(2), rows.Text(3), rows.Text(4), rows.Blob(5).ToArray(), rows.Text(6), rows.Text(7), rows.Int64(8)) { Number = rows.Int64(0) });
        }

        return (IReadOnlyList<BridgeEvent>)found;
    }));

    public ValueTask<long> LastAsync(string tenant, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        SqliteStatement newest = connection.Prepare("SELECT coalesce(max(number), 0) FROM bridge_events WHERE tenant = ?").Bind(tenant);
        newest.Read();
        long number = newest.Int64(0);
        newest.Reset();
        return number;
    }));

    public async ValueTask AddSubscriptionAsync(string tenant, BridgeSubscription subscription, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("INSERT INTO bridge_subscriptions (tenant, id, url, secret, types, sources, created_by, created_at, cursor, failures, next_at, problem, suspended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .Bind(tenant).Bind(subscription.Id).Bind(subscription.Url).Bind(subscription.Secret).BindOptional(Lines(subscription.Filter.Types)).BindOptional(Lines(subscription.Filter.Sources))
            .Bind(subscription.CreatedBy).Bind(subscription.CreatedAt).Bind(subscription.Cursor).Bind(subscription.Failures).Bind(subscription.NextAt).Bind(subscription.Problem).BindOptional(subscription.SuspendedAt).Run();
        return true;
    }).ConfigureAwait(false);

    public ValueTask<BridgeSubscription?> FindSubscriptionAsync(string tenant, Ulid id, CancellationToken cancellationToken) => new(database.Read(connection =>
        ReadAll(connection.Prepare($"SELECT {Subscribed} FROM bridge_subscriptions WHERE tenant = ? AND id = ?").Bind(tenant).Bind(id)) is [var found] ? found : null));

    public ValueTask<IReadOnlyList<BridgeSubscription>> ListSubscriptionsAsync(string tenant, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<BridgeSubscription>>(connection =>
        ReadAll(connection.Prepare($"SELECT {Subscribed} FROM bridge_subscriptions WHERE tenant = ? ORDER BY id").Bind(tenant))));

    public async ValueTask<bool> RemoveSubscriptionAsync(string tenant, Ulid id, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("DELETE FROM bridge_subscriptions WHERE tenant = ? AND id = ?").Bind(tenant).Bind(id).Run();
        return connection.Changes > 0;
    }).ConfigureAwait(false);

    public async ValueTask SaveProgressAsync(string tenant, BridgeSubscription subscription, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("UPDATE bridge_subscriptions SET cursor = max(cursor, ?), failures = ?, next_at = ?, problem = ?, suspended_at = ? WHERE tenant = ? AND id = ?")
            .Bind(subscription.Cursor).Bind(subscription.Failures).Bind(subscription.NextAt).Bind(subscription.Problem).BindOptional(subscription.SuspendedAt).Bind(tenant).Bind(subscription.Id).Run();
        return true;
    }).ConfigureAwait(false);

    public ValueTask<IReadOnlyList<BridgeSubscription>> WaitingAsync(long now, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<BridgeSubscription>>(connection => ReadAll(connection.Prepare(
        $"SELECT {Subscribed} FROM bridge_subscriptions s WHERE s.suspended_at IS NULL AND s.next_at <= ? AND EXISTS (SELECT 1 FROM bridge_events e WHERE e.tenant = s.tenant AND e.number > s.cursor) ORDER BY s.id").Bind(now))));

    public async ValueTask<int> ForgetAsync(long before, int max, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("DELETE FROM bridge_events WHERE number IN (SELECT number FROM bridge_events WHERE at < ? ORDER BY at LIMIT ?)").Bind(before).Bind(max).Run();
        return connection.Changes;
    }).ConfigureAwait(false);

    private static List<BridgeSubscription> ReadAll(SqliteStatement rows)
    {
        var found = new List<BridgeSubscription>();
        while (rows.Read())
        {
            var filter = new BridgeEventFilter(Patterns(rows.OptionalText(4)), Patterns(rows.OptionalText(5)));
            found.Add(new BridgeSubscription(new Ulid(rows.Blob(1)), rows.Text(2), rows.Text(3), filter, rows.Text(6), rows.Int64(7))
            {
                Tenant = rows.Text(0),
                Cursor = rows.Int64(8),
                Failures = (int)rows.Int64(9),
                NextAt = rows.Int64(10),
                Problem = rows.Text(11),
                SuspendedAt = rows.OptionalInt64(12),
            });
        }

        return found;
    }

    private static string? Lines(NamePatterns? patterns) => patterns is null ? null : string.Join('\n', patterns.Patterns);

    private static NamePatterns? Patterns(string? lines) => lines is null ? null : new NamePatterns(lines.Split('\n'));
}
