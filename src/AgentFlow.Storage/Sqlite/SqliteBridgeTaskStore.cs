using System.Globalization;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Sqlite;

/// <summary>The tasks of remote agents, in the same file as the runs.</summary>
public sealed class SqliteBridgeTaskStore(SqliteDatabase database) : IBridgeTaskStore
{
    private const string Columns =
        "number, tenant, id, run, step, generation, agent, action, payload, status, requested_by, trace, priority, timeout_ms, retry, tries, due, last_try, result, error, delivered, replay_of, replayed_as, created_at, updated_at";

    public async ValueTask<BridgeTask> AddAsync(string tenant, BridgeTask task, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("""
            INSERT OR IGNORE INTO bridge_tasks (tenant, id, run, agent, action, payload, status, requested_by, trace, priority, timeout_ms, retry, replay_of, created_at, updated_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
            .Bind(tenant).Bind(Text(task.Id)).Bind(task.Run).Bind(task.Agent).Bind(task.Action).Bind(task.Payload.Span).Bind((long)task.Status).Bind(task.RequestedBy).Bind(task.TraceId)
            .BindOptional(task.Resources.Priority).BindOptional(task.Resources.TimeoutMs).BindOptional(task.Resources.Retry)
            .BindOptional(task.ReplayOf is { } of ? Text(of) : null).Bind(task.CreatedAt).Bind(task.CreatedAt).Run();
        if (connection.Changes > 0)
        {
            AddLine(connection, tenant, task.Id, new BridgeTaskStep(task.CreatedAt, task.Status, task.Agent, ""));
        }

        return Find(connection, tenant, task.Id)!;
    }).ConfigureAwait(false);

    public ValueTask<BridgeTask?> FindAsync(string tenant, Guid id, CancellationToken cancellationToken) => new(database.Read(connection => Find(connection, tenant, id)));

    public ValueTask<BridgeTaskPage> ListAsync(string tenant, BridgeTaskFilter filter, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        const string Wanted = "tenant = ?1 AND (?2 < 0 OR status = ?2) AND (?3 = '' OR agent = ?3) AND (?4 = '' OR action = ?4)";
        SqliteStatement Bound(string sql) => connection.Prepare(sql).Bind(tenant).Bind((long?)filter.Status ?? -1).Bind(filter.Agent ?? "").Bind(filter.Action ?? "");
        SqliteStatement count = Bound(filter.DeadOnly ? $"SELECT count(*) FROM bridge_tasks WHERE {Wanted} AND status >= 6" : $"SELECT count(*) FROM bridge_tasks WHERE {Wanted}");
        count.Read();
        long total = count.Int64(0);
        count.Reset();
        string page = filter.DeadOnly
            ? $"SELECT {Columns} FROM bridge_tasks WHERE {Wanted} AND status >= 6 AND number < ?5 ORDER BY number DESC LIMIT ?6"
            : $"SELECT {Columns} FROM bridge_tasks WHERE {Wanted} AND number < ?5 ORDER BY number DESC LIMIT ?6";
        List<BridgeTask> found = ReadAll(Bound(page).Bind(filter.Before).Bind(filter.Size + 1));
        bool more = found.Count > filter.Size;
        return new BridgeTaskPage(more ? found[..filter.Size] : found, total, more);
    }));

    public ValueTask<IReadOnlyList<BridgeTaskStep>> HistoryAsync(string tenant, Guid id, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        var found = new List<BridgeTaskStep>();
        SqliteStatement rows = connection.Prepare("SELECT at, status, agent, note FROM bridge_task_history WHERE tenant = ? AND task = ? ORDER BY number").Bind(tenant).Bind(Text(id));
        while (rows.Read())
        {
            found.Add(new BridgeTaskStep(rows.Int64(0), (BridgeTaskStatus)rows.Int64(1), rows.Text(2), rows.Text(3)));
        }

        return (IReadOnlyList<BridgeTaskStep>)found;
    }));

    public async ValueTask<bool> BeginTryAsync(string tenant, Guid id, BridgeTry begun, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("""
            UPDATE bridge_tasks SET agent = ?, step = ?, generation = ?, tries = ?, due = ?, last_try = ?, status = max(status, 1), updated_at = ?
            WHERE tenant = ? AND id = ? AND status < 4
            """)
            .Bind(begun.Agent).Bind(begun.Address.Step).Bind(begun.Address.Generation).Bind(begun.Number).Bind(begun.Due).Bind(begun.IsLast ? 1 : 0).Bind(begun.At).Bind(tenant).Bind(Text(id)).Run();
        bool written = connection.Changes > 0;
        if (written)
        {
            AddLine(connection, tenant, id, new BridgeTaskStep(begun.At, BridgeTaskStatus.Dispatched, begun.Agent, string.Create(CultureInfo.InvariantCulture, $"try {begun.Number}")));
        }

        return written;
    }).ConfigureAwait(false);

    public async ValueTask NoteAsync(string tenant, Guid id, BridgeTaskStep line, int tries, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("UPDATE bridge_tasks SET tries = ?, due = 0, last_try = 0 WHERE tenant = ? AND id = ? AND status < 4").Bind(tries).Bind(tenant).Bind(Text(id)).Run();
        if (connection.Changes > 0)
        {
            AddLine(connection, tenant, id, line);
        }

        return true;
    }).ConfigureAwait(false);

    public async ValueTask<ReportOutcome> ReportAsync(string tenant, Guid id, BridgeReport report, CancellationToken cancellationToken)
    {
        // What is known needs no commit, and most of what comes twice is known.
        ReportOutcome? known = database.Read(connection => Find(connection, tenant, id) is { } task ? report.Judge(task) : ReportOutcome.Missing);
        return known ?? await database.Shared.RunAsync(connection =>
        {
            if (Find(connection, tenant, id) is not { } task)
            {
                return ReportOutcome.Missing;
            }

            if (report.Judge(task) is { } outcome)
            {
                return outcome;
            }

            connection.Prepare("UPDATE bridge_tasks SET status = ?, result = ?, error = ?, updated_at = ? WHERE tenant = ? AND id = ?")
                .Bind((long)report.Status).Bind(report.Result.Span).Bind(report.Error.Span).Bind(report.At).Bind(tenant).Bind(Text(id)).Run();
            AddLine(connection, tenant, id, new BridgeTaskStep(report.At, report.Status, report.Agent, ""));
            return ReportOutcome.Moved;
        }).ConfigureAwait(false);
    }

    public async ValueTask<bool> EndAsync(string tenant, Guid id, BridgeTaskStatus status, ReadOnlyMemory<byte> error, string note, long at, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("UPDATE bridge_tasks SET status = ?, error = ?, updated_at = ? WHERE tenant = ? AND id = ? AND status < 4")
            .Bind((long)status).Bind(error.Span).Bind(at).Bind(tenant).Bind(Text(id)).Run();
        bool written = connection.Changes > 0;
        if (written)
        {
            AddLine(connection, tenant, id, new BridgeTaskStep(at, status, "", note));
        }

        return written;
    }).ConfigureAwait(false);

    public async ValueTask MarkDeliveredAsync(string tenant, Guid id, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("UPDATE bridge_tasks SET delivered = 1 WHERE tenant = ? AND id = ? AND status >= 4").Bind(tenant).Bind(Text(id)).Run();
        return true;
    }).ConfigureAwait(false);

    public async ValueTask<bool> MarkReplayedAsync(string tenant, Guid id, Guid replay, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("UPDATE bridge_tasks SET replayed_as = ? WHERE tenant = ? AND id = ? AND status >= 6 AND (replayed_as IS NULL OR replayed_as = ?)")
            .Bind(Text(replay)).Bind(tenant).Bind(Text(id)).Bind(Text(replay)).Run();
        return connection.Changes > 0;
    }).ConfigureAwait(false);

    public ValueTask<IReadOnlyDictionary<string, int>> LoadsAsync(string tenant, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        var loads = new Dictionary<string, int>(StringComparer.Ordinal);
        SqliteStatement rows = connection.Prepare("SELECT agent, count(*) FROM bridge_tasks WHERE tenant = ? AND status < 4 AND status > 0 GROUP BY agent").Bind(tenant);
        while (rows.Read())
        {
            loads.Add(rows.Text(0), (int)rows.Int64(1));
        }

        return (IReadOnlyDictionary<string, int>)loads;
    }));

    public ValueTask<IReadOnlyList<BridgeTask>> DueAsync(long now, long before, int max, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<BridgeTask>>(connection =>
        ReadAll(connection.Prepare($"SELECT {Columns} FROM bridge_tasks WHERE status < 4 AND due > 0 AND due <= ? AND (last_try = 1 OR due <= ?) ORDER BY due LIMIT ?").Bind(now).Bind(before).Bind(max))));

    public ValueTask<IReadOnlyList<BridgeTask>> UndeliveredAsync(long after, int max, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<BridgeTask>>(connection =>
        ReadAll(connection.Prepare($"SELECT {Columns} FROM bridge_tasks WHERE status >= 4 AND delivered = 0 AND number > ? ORDER BY number LIMIT ?").Bind(after).Bind(max))));

    public ValueTask<IReadOnlyList<BridgeTask>> AbandonedAsync(long after, int max, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<BridgeTask>>(connection =>
        ReadAll(connection.Prepare($"SELECT {Columns} FROM bridge_tasks WHERE status < 4 AND number > ? AND EXISTS (SELECT 1 FROM runs r WHERE r.tenant = bridge_tasks.tenant AND r.id = bridge_tasks.run AND r.status BETWEEN 6 AND 8) ORDER BY number LIMIT ?").Bind(after).Bind(max))));

    public async ValueTask<int> ForgetAsync(long before, int max, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        List<BridgeTask> over = ReadAll(connection.Prepare($"SELECT {Columns} FROM bridge_tasks WHERE delivered = 1 AND updated_at < ? ORDER BY updated_at LIMIT ?").Bind(before).Bind(max));
        foreach (BridgeTask task in over)
        {
            connection.Prepare("DELETE FROM bridge_task_history WHERE tenant = ? AND task = ?").Bind(task.Tenant).Bind(Text(task.Id)).Run();
            connection.Prepare("DELETE FROM bridge_tasks WHERE tenant = ? AND id = ?").Bind(task.Tenant).Bind(Text(task.Id)).Run();
        }

        return over.Count;
    }).ConfigureAwait(false);

    private static void AddLine(SqliteConnection connection, string tenant, Guid id, BridgeTaskStep line) => connection.Prepare("""
        INSERT INTO bridge_task_history (tenant, task, number, at, status, agent, note)
        SELECT ?1, ?2, coalesce(max(number), 0) + 1, ?3, ?4, ?5, ?6 FROM bridge_task_history WHERE tenant = ?1 AND task = ?2
        """)
        .Bind(tenant).Bind(Text(id)).Bind(line.At).Bind((long)line.Status).Bind(line.Agent).Bind(line.Note).Run();

    private static BridgeTask? Find(SqliteConnection connection, string tenant, Guid id)
    {
        List<BridgeTask> found = ReadAll(connection.Prepare($"SELECT {Columns} FROM bridge_tasks WHERE tenant = ? AND id = ?").Bind(tenant).Bind(Text(id)));
        return found.Count == 0 ? null : found[0];
    }

    private static List<BridgeTask> ReadAll(SqliteStatement rows)
    {
        var found = new List<BridgeTask>();
        while (rows.Read())
        {
            found.Add(new BridgeTask(Guid.Parse(rows.Text(2)), new Ulid(rows.Blob(3)), rows.Text(7), rows.Blob(8).ToArray())
            {
                Number = rows.Int64(0),
                Tenant = rows.Text(1),
                Address = rows.IsNull(4) ? null : new StepAddress((int)rows.Int64(4), (int)rows.Int64(5)),
                Agent = rows.Text(6),
                Status = (BridgeTaskStatus)rows.Int64(9),
                RequestedBy = rows.Text(10),
                TraceId = rows.Text(11),
                Resources = new BridgeResources((int?)rows.OptionalInt64(12), rows.OptionalInt64(13), (int?)rows.OptionalInt64(14)),
                Tries = (int)rows.Int64(15),
                Due = rows.Int64(16),
                IsLastTry = rows.Int64(17) != 0,
                Result = rows.Blob(18).ToArray(),
                Error = rows.Blob(19).ToArray(),
                IsDelivered = rows.Int64(20) != 0,
                ReplayOf = rows.OptionalText(21) is { } of ? Guid.Parse(of) : null,
                ReplayedAs = rows.OptionalText(22) is { } by ? Guid.Parse(by) : null,
                CreatedAt = rows.Int64(23),
                UpdatedAt = rows.Int64(24),
            });
        }

        return found;
    }

    private static string Text(Guid id) => id.ToString("D", CultureInfo.InvariantCulture);
}
