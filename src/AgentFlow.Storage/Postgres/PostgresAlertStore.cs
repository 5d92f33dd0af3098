using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Alerts;
using AgentFlow.Engine.Ports;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>Alert rules, silences and events, in the same database as the runs.</summary>
public sealed class PostgresAlertStore(PostgresDatabase database) : IAlertStore
{
    public async ValueTask SaveRuleAsync(string tenant, AlertRule rule, CancellationToken cancellationToken) => await database.ExecuteAsync(
        "INSERT INTO alert_rules (tenant, name, document) VALUES ($1, $2, $3) ON CONFLICT (tenant, name) DO UPDATE SET document = excluded.document",
        p => p.Value(tenant).Value(rule.Name).Value(AlertRuleDocument.Write(rule)),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<bool> RemoveRuleAsync(string tenant, string name, CancellationToken cancellationToken) =>
        await database.ExecuteAsync("DELETE FROM alert_rules WHERE tenant = $1 AND name = $2", p => p.Value(tenant).Value(name), cancellationToken).ConfigureAwait(false) > 0;

    public async ValueTask<IReadOnlyList<AlertRule>> RulesAsync(string tenant, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT name, document FROM alert_rules WHERE tenant = $1 ORDER BY name",
        p => p.Value(tenant),
        static row => AlertRuleDocument.Read(row.GetString(0), row.GetString(1)),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask AddSilenceAsync(string tenant, AlertSilence silence, CancellationToken cancellationToken) => await database.ExecuteAsync(
        "INSERT INTO alert_silences (tenant, id, rule, resource, begins, ends, reason, actor) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        p => p.Value(tenant).Value(silence.Id.ToString()).Value(silence.Rule).Value(silence.Resource)
            .Value(silence.From.ToUnixTimeMilliseconds()).Value(silence.Until.ToUnixTimeMilliseconds()).Value(silence.Reason).Value(silence.By),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<bool> EndSilenceAsync(string tenant, Ulid id, DateTimeOffset now, CancellationToken cancellationToken) => await database.ExecuteAsync(
        "UPDATE alert_silences SET ends = $3 WHERE tenant = $1 AND id = $2 AND ends > $3",
        p => p.Value(tenant).Value(id.ToString()).Value(now.ToUnixTimeMilliseconds()),
        cancellationToken).ConfigureAwait(false) > 0;

    public async ValueTask<IReadOnlyList<AlertSilence>> SilencesAsync(string tenant, DateTimeOffset now, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT id, rule, resource, begins, ends, reason, actor FROM alert_silences WHERE tenant = $1 AND ends > $2 ORDER BY id DESC",
        p => p.Value(tenant).Value(now.ToUnixTimeMilliseconds()),
        static row => new AlertSilence(
            Ulid.Parse(row.GetString(0)), row.GetString(1), row.GetString(2), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(3)), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(4)), row.GetString(5), row.GetString(6)),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask AddEventAsync(string tenant, AlertEvent alertEvent, Ulid keepFrom, CancellationToken cancellationToken) => await database.ReadAsync(
        async (connection, token) =>
        {
            // The statements of a batch are one transaction.
            using var batch = new NpgsqlBatch(connection);
            batch.Add("INSERT INTO alert_events (tenant, id, rule, resource, level, previous, value, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
                .Value(tenant).Value(alertEvent.Id.ToString()).Value(alertEvent.Rule).Value(alertEvent.Resource)
                .Value((int)alertEvent.Level).Value((int)alertEvent.Previous).Optional(AlertValue.ToMillionths(alertEvent.Value)).Value(alertEvent.At.ToUnixTimeMilliseconds());
            batch.Add("DELETE FROM alert_events WHERE tenant = $1 AND id < $2").Value(tenant).Value(keepFrom.ToString());
            return await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
        },
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<AlertEvent>> EventsAsync(string tenant, Ulid before, int max, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT id, rule, resource, level, previous, value, at FROM alert_events WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        p => p.Value(tenant).Value(before.ToString()).Value(max),
        static row => Event(row, 0),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<long> CountEventsAsync(string tenant, CancellationToken cancellationToken) =>
        (await database.QueryAsync("SELECT count(*) FROM alert_events WHERE tenant = $1", p => p.Value(tenant), static row => row.GetInt64(0), cancellationToken).ConfigureAwait(false))[0];

    public async ValueTask<IReadOnlyList<(string Tenant, AlertEvent Event)>> RaisedAsync(CancellationToken cancellationToken) => await database.QueryAsync(
        """
        SELECT * FROM (
            SELECT DISTINCT ON (tenant, rule, resource) tenant, id, rule, resource, level, previous, value, at
            FROM alert_events ORDER BY tenant, rule, resource, id DESC) AS newest
        WHERE level > 0
        """,
        static _ => { },
        static row => (row.GetString(0), Event(row, 1)),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<string>> TenantsAsync(DateTimeOffset now, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT tenant FROM alert_rules UNION SELECT tenant FROM alert_silences WHERE ends > $1",
        p => p.Value(now.ToUnixTimeMilliseconds()),
        static row => row.GetString(0),
        cancellationToken).ConfigureAwait(false);

    private static AlertEvent Event(NpgsqlDataReader row, int first) => new(
        Ulid.Parse(row.GetString(first)), row.GetString(first + 1), row.GetString(first + 2), (AlertLevel)row.GetInt32(first + 3), (AlertLevel)row.GetInt32(first + 4),
        AlertValue.FromMillionths(row.IsDBNull(first + 5) ? null : row.GetInt64(first + 5)), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(first + 6)));
}
