using System.Globalization;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>The tasks of remote agents, in the same database as the runs.</summary>
public sealed class PostgresBridgeTaskStore(PostgresDatabase database) : IBridgeTaskStore
{
    private const string Columns =
        "number, tenant, id, run, step, generation, agent, action, payload, status, requested_by, trace, priority, timeout_ms, retry, tries, due, last_try, result, error, delivered, replay_of, replayed_as, created_at, updated_at";

    // A line of history goes in when, and only when, the change beside it was made.
    private const string Line = "INSERT INTO bridge_task_history (tenant, task, at, status, agent, note)";

    public async ValueTask<BridgeTask> AddAsync(string tenant, BridgeTask task, CancellationToken cancellationToken)
    {
        await database.ExecuteAsync(
            $"""
            WITH added AS (
                INSERT INTO bridge_tasks (tenant, id, run, agent, action, payload, status, requested_by, trace, priority, timeout_ms, retry, replay_of, created_at, updated_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)
                ON CONFLICT (tenant, id) DO NOTHING RETURNING id)
            {Line} SELECT $1, id, $14, $7, $4, '' FROM added
            """,
            p => p.Value(tenant).Id(task.Id).Value(task.Run).Value(task.Agent).Value(task.Action).Value(task.Payload).Value((int)task.Status).Value(task.RequestedBy).Value(task.TraceId)
                .Optional(task.Resources.Priority).Optional(task.Resources.TimeoutMs).Optional(task.Resources.Retry).OptionalId(task.ReplayOf).Value(task.CreatedAt),
            cancellationToken).ConfigureAwait(false);
        return (await FindAsync(tenant, task.Id, cancellationToken).ConfigureAwait(false))!;
    }

    public async ValueTask<BridgeTask?> FindAsync(string tenant, Guid id, CancellationToken cancellationToken) =>
        await database.QueryAsync($"SELECT {Columns} FROM bridge_tasks WHERE tenant = $1 AND id = $2", p => p.Value(tenant).Id(id), ToTask, cancellationToken).ConfigureAwait(false) is [var found] ? found : null;

    public async ValueTask<BridgeTaskPage> ListAsync(string tenant, BridgeTaskFilter filter, CancellationToken cancellationToken)
    {
        const string Wanted = "tenant = $1 AND ($2 < 0 OR status = $2) AND ($3 = '' OR agent = $3) AND ($4 = '' OR action = $4)";
        void Bind(NpgsqlParameterCollection p) => p.Value(tenant).Value((int?)filter.Status ?? -1).Value(filter.Agent ?? "").Value(filter.Action ?? "");
        List<BridgeTask> found = await database.QueryAsync(
            filter.DeadOnly
                ? $"SELECT {Columns} FROM bridge_tasks WHERE {Wanted} AND status >= 6 AND number < $5 ORDER BY number DESC LIMIT $6"
                : $"SELECT {Columns} FROM bridge_tasks WHERE {Wanted} AND number < $5 ORDER BY number DESC LIMIT $6",
            p =>
            {
                Bind(p);
                p.Value(filter.Before).Value(filter.Size + 1);
            },
            ToTask,
            cancellationToken).ConfigureAwait(false);
        List<long> total = await database.QueryAsync(filter.DeadOnly ? $"SELECT count(*) FROM bridge_tasks WHERE {Wanted} AND status >= 6" : $"SELECT count(*) FROM bridge_tasks WHERE {Wanted}", Bind, static row => row.GetInt64(0), cancellationToken).ConfigureAwait(false);
        bool more = found.Count > filter.Size;
        return new BridgeTaskPage(more ? found[..filter.Size] : found, total[0], more);
    }

    public async ValueTask<IReadOnlyList<BridgeTaskStep>> HistoryAsync(string tenant, Guid id, CancellationToken cancellationToken) => await database.QueryAsync(
        "SELECT at, status, agent, note FROM bridge_task_history WHERE tenant = $1 AND task = $2 ORDER BY number",
        p => p.Value(tenant).Id(id),
        static row => new BridgeTaskStep(row.GetInt64(0), (BridgeTaskStatus)row.GetInt16(1), row.GetString(2), row.GetString(3)),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<bool> BeginTryAsync(string tenant, Guid id, BridgeTry begun, CancellationToken cancellationToken) => await database.ExecuteAsync(
        $"""
        WITH begun AS (
            UPDATE bridge_tasks SET agent = $3, step = $4, generation = $5, tries = $6, due = $7, last_try = $8, status = greatest(status, 1), updated_at = $9
            WHERE tenant = $1 AND id = $2 AND status < 4 RETURNING id)
        {Line} SELECT $1, id, $9, 1, $3, $10 FROM begun
        """,
        p => p.Value(tenant).Id(id).Value(begun.Agent).Value(begun.Address.Step).Value(begun.Address.Generation).Value(begun.Number).Value(begun.Due).Value(begun.IsLast).Value(begun.At)
            .Value(string.Create(CultureInfo.InvariantCulture, $"try {begun.Number}")),
        cancellationToken).ConfigureAwait(false) > 0;

    public async ValueTask NoteAsync(string tenant, Guid id, BridgeTaskStep line, int tries, CancellationToken cancellationToken) => await database.ExecuteAsync(
        $"""
        WITH noted AS (UPDATE bridge_tasks SET tries = $7, due = 0, last_try = false WHERE tenant = $1 AND id = $2 AND status < 4 RETURNING id)
        {Line} SELECT $1, id, $3, $4, $5, $6 FROM noted
        """,
        p => p.Value(tenant).Id(id).Value(line.At).Value((int)line.Status).Value(line.Agent).Value(line.Note).Value(tries),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<ReportOutcome> ReportAsync(string tenant, Guid id, BridgeReport report, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await FindAsync(tenant, id, cancellationToken).ConfigureAwait(false) is not { } task)
            {
                return ReportOutcome.Missing;
            }

            if (report.Judge(task) is { } outcome)
            {
                return outcome;
            }

            // Only from the state that was judged: who comes in between is judged anew.
            if (await database.ExecuteAsync(
                $"""
                WITH moved AS (
                    UPDATE bridge_tasks SET status = $4, result = $5, error = $6, updated_at = $7 WHERE tenant = $1 AND id = $2 AND agent = $3 AND status = $8 RETURNING id)
                {Line} SELECT $1, id, $7, $4, $3, '' FROM moved
                """,
                p => p.Value(tenant).Id(id).Value(report.Agent).Value((int)report.Status).Value(report.Result).Value(report.Error).Value(report.At).Value((int)task.Status),
                cancellationToken).ConfigureAwait(false) > 0)
            {
                return ReportOutcome.Moved;
            }
        }
    }

    public async ValueTask<bool> EndAsync(string tenant, Guid id, BridgeTaskStatus status, ReadOnlyMemory<byte> error, string note, long at, CancellationToken cancellationToken) => await database.ExecuteAsync(
        $"""
        WITH ended AS (UPDATE bridge_tasks SET status = $3, error = $4, updated_at = $5 WHERE tenant = $1 AND id = $2 AND status < 4 RETURNING id)
        {Line} SELECT $1, id, $5, $3, '', $6 FROM ended
        """,
        p => p.Value(tenant).Id(id).Value((int)status).Value(error).Value(at).Value(note),
        cancellationToken).ConfigureAwait(false) > 0;

    public async ValueTask MarkDeliveredAsync(string tenant, Guid id, CancellationToken cancellationToken) =>
        await database.ExecuteAsync("UPDATE bridge_tasks SET delivered = true WHERE tenant = $1 AND id = $2 AND status >= 4", p => p.Value(tenant).Id(id), cancellationToken).ConfigureAwait(false);

    public async ValueTask<bool> MarkReplayedAsync(string tenant, Guid id, Guid replay, CancellationToken cancellationToken) => await database.ExecuteAsync(
        "UPDATE bridge_tasks SET replayed_as = $3 WHERE tenant = $1 AND id = $2 AND status >= 6 AND (replayed_as IS NULL OR replayed_as = $3)",
        p => p.Value(tenant).Id(id).Id(replay),
        cancellationToken).ConfigureAwait(false) > 0;

    public async ValueTask<IReadOnlyDictionary<string, int>> LoadsAsync(string tenant, CancellationToken cancellationToken) => (await database.QueryAsync(
        "SELECT agent, count(*) FROM bridge_tasks WHERE tenant = $1 AND status < 4 AND status > 0 GROUP BY agent",
        p => p.Value(tenant),
        static row => (Agent: row.GetString(0), Count: (int)row.GetInt64(1)),
        cancellationToken).ConfigureAwait(false)).ToDictionary(l => l.Agent, l => l.Count, StringComparer.Ordinal);

    public async ValueTask<IReadOnlyList<BridgeTask>> DueAsync(long now, long before, int max, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT {Columns} FROM bridge_tasks WHERE status < 4 AND due > 0 AND due <= $1 AND (last_try OR due <= $2) ORDER BY due LIMIT $3", p => p.Value(now).Value(before).Value(max), ToTask, cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<BridgeTask>> UndeliveredAsync(long after, int max, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT {Columns} FROM bridge_tasks WHERE status >= 4 AND NOT delivered AND number > $1 ORDER BY number LIMIT $2", p => p.Value(after).Value(max), ToTask, cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<BridgeTask>> AbandonedAsync(long after, int max, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT {Columns} FROM bridge_tasks WHERE status < 4 AND number > $1 AND EXISTS (SELECT FROM runs r WHERE r.tenant = bridge_tasks.tenant AND r.id = bridge_tasks.run AND r.status BETWEEN 6 AND 8) ORDER BY number LIMIT $2", p => p.Value(after).Value(max), ToTask, cancellationToken).ConfigureAwait(false);

    public async ValueTask<int> ForgetAsync(long before, int max, CancellationToken cancellationToken) => (await database.QueryAsync(
        """
        WITH over AS (DELETE FROM bridge_tasks WHERE number IN (SELECT number FROM bridge_tasks WHERE delivered AND updated_at < $1 ORDER BY updated_at LIMIT $2) RETURNING tenant, id),
            lines AS (DELETE FROM bridge_task_history h USING over WHERE h.tenant = over.tenant AND h.task = over.id)
        SELECT FROM over
        """,
        p => p.Value(before).Value(max),
        static _ => true,
        cancellationToken).ConfigureAwait(false)).Count;

    private static BridgeTask ToTask(NpgsqlDataReader row) => new(row.GetGuid(2), Parameters.ToUlid(row.GetGuid(3)), row.GetString(7), row.GetFieldValue<byte[]>(8))
    {
        Number = row.GetInt64(0),
        Tenant = row.GetString(1),
        Address = row.IsDBNull(4) ? null : new StepAddress(row.GetInt32(4), row.GetInt32(5)),
        Agent = row.GetString(6),
        Status = (BridgeTaskStatus)row.GetInt16(9),
        RequestedBy = row.GetString(10),
        TraceId = row.GetString(11),
        Resources = new BridgeResources(row.IsDBNull(12) ? null : row.GetInt32(12), row.IsDBNull(13) ? null : row.GetInt64(13), row.IsDBNull(14) ? null : row.GetInt32(14)),
        Tries = row.GetInt32(15),
        Due = row.GetInt64(16),
        IsLastTry = row.GetBoolean(17),
        Result = row.GetFieldValue<byte[]>(18),
        Error = row.GetFieldValue<byte[]>(19),
        IsDelivered = row.GetBoolean(20),
        ReplayOf = row.IsDBNull(21) ? null : row.GetGuid(21),
        ReplayedAs = row.IsDBNull(22) ? null : row.GetGuid(22),
        CreatedAt = row.GetInt64(23),
        UpdatedAt = row.GetInt64(24),
    };
}
