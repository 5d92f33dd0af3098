using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Alerts;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Sqlite;

/// <summary>Alert rules, silences and events, in the same file as the runs.</summary>
public sealed class SqliteAlertStore(SqliteDatabase database) : IAlertStore
{
    public ValueTask SaveRuleAsync(string tenant, AlertRule rule, CancellationToken cancellationToken)
    {
        database.Write(connection => connection.Prepare("INSERT INTO alert_rules (tenant, name, document) VALUES (?, ?, ?) ON CONFLICT (tenant, name) DO UPDATE SET document = excluded.document")
            .Bind(tenant).Bind(rule.Name).Bind(AlertRuleDocument.Write(rule)).Run());
        return default;
    }

    public ValueTask<bool> RemoveRuleAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        bool removed = false;
        database.Write(connection =>
        {
            connection.Prepare("DELETE FROM alert_rules WHERE tenant = ? AND name = ?").Bind(tenant).Bind(name).Run();
            removed = connection.Changes > 0;
        });
        return new(removed);
    }

    public ValueTask<IReadOnlyList<AlertRule>> RulesAsync(string tenant, CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlyList<AlertRule>>(database.Read(connection =>
    {
        var rules = new List<AlertRule>();
        SqliteStatement rows = connection.Prepare("SELECT name, document FROM alert_rules WHERE tenant = ? ORDER BY name").Bind(tenant);
        while (rows.Read())
        {
            rules.Add(AlertRuleDocument.Read(rows.Text(0), rows.Text(1)));
        }

        return rules;
    }));

    public ValueTask AddSilenceAsync(string tenant, AlertSilence silence, CancellationToken cancellationToken)
    {
        database.Write(connection => connection.Prepare("INSERT INTO alert_silences (tenant, id, rule, resource, begins, ends, reason, actor) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .Bind(tenant).Bind(silence.Id.ToString()).Bind(silence.Rule).Bind(silence.Resource)
            .Bind(silence.From.ToUnixTimeMilliseconds()).Bind(silence.Until.ToUnixTimeMilliseconds()).Bind(silence.Reason).Bind(silence.By).Run());
        return default;
    }

    public ValueTask<bool> EndSilenceAsync(string tenant, Ulid id, DateTimeOffset now, CancellationToken cancellationToken)
    {
        bool ended = false;
        database.Write(connection =>
        {
            connection.Prepare("UPDATE alert_silences SET ends = ? WHERE tenant = ? AND id = ? AND ends > ?")
                .Bind(now.ToUnixTimeMilliseconds()).Bind(tenant).Bind(id.ToString()).Bind(now.ToUnixTimeMilliseconds()).Run();
            ended = connection.Changes > 0;
        });
        return new(ended);
    }

    public ValueTask<IReadOnlyList<AlertSilence>> SilencesAsync(string tenant, DateTimeOffset now, CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlyList<AlertSilence>>(database.Read(connection =>
    {
        var silences = new List<AlertSilence>();
        SqliteStatement rows = connection.Prepare("SELECT id, rule, resource, begins, ends, reason, actor FROM alert_silences WHERE tenant = ? AND ends > ? ORDER BY id DESC")
            .Bind(tenant).Bind(now.ToUnixTimeMilliseconds());
        while (rows.Read())
        {
            silences.Add(new AlertSilence(
                Ulid.Parse(rows.Text(0)), rows.Text(1), rows.Text(2), DateTimeOffset.FromUnixTimeMilliseconds(rows.Int64(3)), DateTimeOffset.FromUnixTimeMilliseconds(rows.Int64(4)), rows.Text(5), rows.Text(6)));
        }

        return silences;
    }));

    public ValueTask AddEventAsync(string tenant, AlertEvent alertEvent, Ulid keepFrom, CancellationToken cancellationToken)
    {
        database.Write(connection =>
        {
            connection.Prepare("INSERT INTO alert_events (tenant, id, rule, resource, level, previous, value, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
                .Bind(tenant).Bind(alertEvent.Id.ToString()).Bind(alertEvent.Rule).Bind(alertEvent.Resource)
                .Bind((long)alertEvent.Level).Bind((long)alertEvent.Previous).BindOptional(AlertValue.ToMillionths(alertEvent.Value)).Bind(alertEvent.At.ToUnixTimeMilliseconds()).Run();
            connection.Prepare("DELETE FROM alert_events WHERE tenant = ? AND id < ?").Bind(tenant).Bind(keepFrom.ToString()).Run();
        });
        return default;
    }

    public ValueTask<IReadOnlyList<AlertEvent>> EventsAsync(string tenant, Ulid before, int max, CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlyList<AlertEvent>>(database.Read(connection =>
    {
        var events = new List<AlertEvent>();
        SqliteStatement rows = connection.Prepare("SELECT id, rule, resource, level, previous, value, at FROM alert_events WHERE tenant = ? AND id < ? ORDER BY id DESC LIMIT ?")
            .Bind(tenant).Bind(before.ToString()).Bind(max);
        while (rows.Read())
        {
            events.Add(Event(rows, 0));
        }

        return events;
    }));

    public ValueTask<long> CountEventsAsync(string tenant, CancellationToken cancellationToken) => ValueTask.FromResult(database.Read(connection =>
    {
        long count = 0;
        SqliteStatement rows = connection.Prepare("SELECT count(*) FROM alert_events WHERE tenant = ?").Bind(tenant);
        while (rows.Read())
        {
            count = rows.Int64(0);
        }

        return count;
    }));

    public ValueTask<IReadOnlyList<(string Tenant, AlertEvent Event)>> RaisedAsync(CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlyList<(string, AlertEvent)>>(database.Read(connection =>
    {
        var events = new List<(string, AlertEvent)>();
        // Of the columns beside max(), SQLite takes those of the row that has it.
        SqliteStatement rows = connection.Prepare("SELECT tenant, max(id), rule, resource, level, previous, value, at FROM alert_events GROUP BY tenant, rule, resource HAVING level > 0");
        while (rows.Read())
        {
            events.Add((rows.Text(0), Event(rows, 1)));
        }

        return events;
    }));

    public ValueTask<IReadOnlyList<string>> TenantsAsync(DateTimeOffset now, CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlyList<string>>(database.Read(connection =>
    {
        var tenants = new List<string>();
        SqliteStatement rows = connection.Prepare("SELECT tenant FROM alert_rules UNION SELECT tenant FROM alert_silences WHERE ends > ?").Bind(now.ToUnixTimeMilliseconds());
        while (rows.Read())
        {
            tenants.Add(rows.Text(0));
        }

        return tenants;
    }));

    private static AlertEvent Event(in SqliteStatement rows, int first) => new(
        Ulid.Parse(rows.Text(first)), rows.Text(first + 1), rows.Text(first + 2), (AlertLevel)rows.Int64(first + 3), (AlertLevel)rows.Int64(first + 4),
        AlertValue.FromMillionths(rows.OptionalInt64(first + 5)), DateTimeOffset.FromUnixTimeMilliseconds(rows.Int64(first + 6)));
}
