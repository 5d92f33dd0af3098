using System.Runtime.InteropServices;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Sqlite;

/// <summary>
/// The metrics in the same file as the runs. Each commit also renews what its values' days come to, so that an aggregate over
/// days reads days, and single values only where it begins or ends within one.
/// </summary>
public sealed class SqliteMetricStore(SqliteDatabase database) : IMetricStore
{
    private const string Columns = "m.id, m.agent, m.type, m.dimension, m.at, m.value";

    // '' stands for "any": statements are prepared once, whatever is filtered.
    private const string OfType = "(?2 = '' OR m.type = ?2) AND (?3 = '' OR m.dimension = ?3)";

    private const string OfAll = $"m.tenant = ?1 AND {OfType} AND m.at >= ?4 AND m.at < ?5";
    private const string OfAgent = $"m.tenant = ?1 AND m.agent = ?6 AND {OfType} AND m.at >= ?4 AND m.at < ?5";

    public async ValueTask<int> AppendAsync(string tenant, IReadOnlyList<AgentMetric> metrics, bool isKeyed, CancellationToken cancellationToken) => await database.Shared.RunAsync(
        connection =>
        {
            int added = 0;
            var days = new Dictionary<Series, MetricSketch>();
            var spent = new Dictionary<string, AgentSpend>(StringComparer.Ordinal);
            foreach (AgentMetric metric in metrics)
            {
                connection.Prepare("INSERT OR IGNORE INTO agent_metrics (tenant, at, id, agent, type, dimension, value, keyed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
                    .Bind(tenant).Bind(metric.At).Bind(metric.Id).Bind(metric.Agent).Bind(metric.Type).Bind(metric.Dimension).Bind(metric.Value).Bind(isKeyed ? 1 : 0).Run();
                if (connection.Changes == 0)
                {
                    continue;
                }

                added++;
                var series = new Series(metric.Type, metric.Agent, metric.Dimension, metric.At / MetricWindows.Day);
                (CollectionsMarshal.GetValueRefOrAddDefault(days, series, out _) ??= Day(connection, tenant, series)).Add(metric.Value);
                CollectionsMarshal.GetValueRefOrAddDefault(spent, metric.Agent, out _) += metric.Spend;
            }

            foreach ((Series series, MetricSketch day) in days)
            {
                connection.Prepare("INSERT OR REPLACE INTO agent_metric_days (tenant, type, agent, dimension, day, count, sum, least, most, sketch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                    .Bind(tenant).Bind(series.Type).Bind(series.Agent).Bind(series.Dimension).Bind(series.Day)
                    .Bind(day.Count).Bind(day.Sum).Bind(day.Least).Bind(day.Most).Bind(day.ToBytes()).Run();
            }

            foreach ((string agent, AgentSpend spend) in spent.Where(s => !s.Value.IsZero))
            {
                connection.Prepare("UPDATE agents SET used_tokens = used_tokens + ?, used_calls = used_calls + ?, used_nanos = used_nanos + ? WHERE tenant = ? AND id = ?")
                    .Bind(spend.Tokens).Bind(spend.ApiCalls).Bind(spend.NanoDollars).Bind(tenant).Bind(agent).Run();
            }

            return added;
        },
        metrics.Count).ConfigureAwait(false);

    public ValueTask<AgentMetric?> FindKeyedAsync(string tenant, Ulid id, CancellationToken cancellationToken) => new(database.Read(connection =>
        All(connection.Prepare($"SELECT {Columns} FROM agent_metrics m WHERE m.tenant = ? AND m.id = ? AND m.keyed = 1").Bind(tenant).Bind(id)) is [var found] ? found : null));

    public ValueTask<MetricPage> ListAsync(string tenant, MetricFilter filter, (long At, Ulid Id)? after, int size, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        (long at, Ulid id) = after ?? (long.MaxValue, default);
        List<AgentMetric> metrics = All(filter.Agent is null
            ? Bind(connection.Prepare($"SELECT {Columns} FROM agent_metrics m WHERE {OfAll} AND (m.at, m.id) < (?6, ?7) ORDER BY m.at DESC, m.id DESC LIMIT ?8"), tenant, filter).Bind(at).Bind(id).Bind(size + 1)
            : Bind(connection.Prepare($"SELECT {Columns} FROM agent_metrics m WHERE {OfAgent} AND (m.at, m.id) < (?7, ?8) ORDER BY m.at DESC, m.id DESC LIMIT ?9"), tenant, filter).Bind(at).Bind(id).Bind(size + 1));
        var count = new MetricGroups(MetricWindow.None, null);
        Collect(connection, tenant, filter, count, byDay: true);
        bool more = metrics.Count > size;
        return new MetricPage(more ? metrics[..size] : metrics, count.Count, more);
    }));

    public ValueTask<IReadOnlyList<MetricGroup>?> AggregateAsync(string tenant, MetricFilter filter, MetricWindow window, MetricGrouping by, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        var groups = new MetricGroups(window, Names(connection, tenant, by));
        Collect(connection, tenant, filter, groups, byDay: window is not (MetricWindow.Minute or MetricWindow.Hour));
        return groups.ToList();
    }));

    private static void Collect(SqliteConnection connection, string tenant, MetricFilter filter, MetricGroups groups, bool byDay)
    {
        long from = filter.From ?? long.MinValue, to = filter.To ?? long.MaxValue;
        if (!byDay)
        {
            Values(connection, tenant, filter, from, to, groups);
            return;
        }

        // Whole days, and what is before and behind them.
        long firstDay = filter.From is null ? long.MinValue : (Math.Max(0, from) + MetricWindows.Day - 1) / MetricWindows.Day;
        long endDay = filter.To is null ? long.MaxValue : Math.Max(0, to) / MetricWindows.Day;
        if (firstDay >= endDay)
        {
            Values(connection, tenant, filter, from, to, groups);
            return;
        }

        if (filter.From is not null)
        {
            Values(connection, tenant, filter, from, firstDay * MetricWindows.Day, groups);
        }

        Days(connection, tenant, filter, firstDay, endDay, groups);
        if (filter.To is not null)
        {
            Values(connection, tenant, filter, endDay * MetricWindows.Day, to, groups);
        }
    }

    private static void Values(SqliteConnection connection, string tenant, MetricFilter filter, long from, long to, MetricGroups groups)
    {
        if (from >= to)
        {
            return;
        }

        string? agent = null, type = null, dimension = null;
        SqliteStatement rows = Bind(
            connection.Prepare(filter.Agent is null
                ? $"SELECT m.agent, m.type, m.dimension, m.at, m.value FROM agent_metrics m WHERE {OfAll}"
                : $"SELECT m.agent, m.type, m.dimension, m.at, m.value FROM agent_metrics m WHERE {OfAgent}"),
            tenant,
            filter with { From = from, To = to });
        while (rows.Read())
        {
            groups.Of(rows.Text(0, ref agent), rows.Text(1, ref type), rows.Text(2, ref dimension), rows.Int64(3))?.Add(rows.Double(4));
        }
    }

    private static void Days(SqliteConnection connection, string tenant, MetricFilter filter, long first, long end, MetricGroups groups)
    {
        // Each type by itself finds the rows of an agent by the key.
        foreach (string type in filter.Type is null ? MetricTypes.All : [filter.Type])
        {
            string? agent = null, dimension = null;
            SqliteStatement rows = (filter.Agent is null
                ? connection.Prepare("SELECT agent, dimension, day, count, sum, least, most, sketch FROM agent_metric_days WHERE tenant = ?1 AND type = ?2 AND (?3 = '' OR dimension = ?3) AND day >= ?4 AND day < ?5")
                : connection.Prepare("SELECT agent, dimension, day, count, sum, least, most, sketch FROM agent_metric_days WHERE tenant = ?1 AND type = ?2 AND agent = ?6 AND (?3 = '' OR dimension = ?3) AND day >= ?4 AND day < ?5"))
                .Bind(tenant).Bind(type).Bind(filter.Dimension ?? "").Bind(first).Bind(end);
            if (filter.Agent is not null)
            {
                rows.Bind(filter.Agent);
            }

            while (rows.Read())
            {
                groups.Of(rows.Text(0, ref agent), type, rows.Text(1, ref dimension), rows.Int64(2) * MetricWindows.Day)?
                    .Add(rows.Int64(3), rows.Double(4), rows.Double(5), rows.Double(6), rows.Blob(7));
            }
        }
    }

    private static MetricSketch Day(SqliteConnection connection, string tenant, Series series)
    {
        var day = new MetricSketch();
        SqliteStatement row = connection.Prepare("SELECT count, sum, least, most, sketch FROM agent_metric_days WHERE tenant = ? AND type = ? AND agent = ? AND dimension = ? AND day = ?")
            .Bind(tenant).Bind(series.Type).Bind(series.Agent).Bind(series.Dimension).Bind(series.Day);
        while (row.Read())
        {
            day.Add(row.Int64(0), row.Double(1), row.Double(2), row.Double(3), row.Blob(4));
        }

        return day;
    }

    /// <summary>What agents are grouped under; <see langword="null"/>: not at all.</summary>
    private static Func<string, string>? Names(SqliteConnection connection, string tenant, MetricGrouping by)
    {
        if (by is MetricGrouping.None or MetricGrouping.Agent)
        {
            return by == MetricGrouping.None ? null : static agent => agent;
        }

        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        SqliteStatement rows = connection.Prepare("SELECT id, role, category FROM agents WHERE tenant = ?").Bind(tenant);
        while (rows.Read())
        {
            names.Add(rows.Text(0), rows.Text(by == MetricGrouping.Role ? 1 : 2));
        }

        return agent => names.GetValueOrDefault(agent, "");
    }

    private static SqliteStatement Bind(SqliteStatement statement, string tenant, MetricFilter filter)
    {
        statement.Bind(tenant).Bind(filter.Type ?? "").Bind(filter.Dimension ?? "").Bind(filter.From ?? long.MinValue).Bind(filter.To ?? long.MaxValue);
        return filter.Agent is null ? statement : statement.Bind(filter.Agent);
    }

    private static List<AgentMetric> All(SqliteStatement rows)
    {
        var found = new List<AgentMetric>();
        while (rows.Read())
        {
            found.Add(new AgentMetric(new Ulid(rows.Blob(0)), rows.Text(1), rows.Text(2), rows.Text(3), rows.Int64(4), rows.Double(5)));
        }

        return found;
    }

    private readonly record struct Series(string Type, string Agent, string Dimension, long Day);
}
