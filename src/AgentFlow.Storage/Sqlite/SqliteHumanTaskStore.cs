using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Storage.Sqlite;

/// <summary>What runs wait for people to do, in the same file as the runs.</summary>
public sealed class SqliteHumanTaskStore(SqliteDatabase database) : IHumanTaskStore
{
    private const string Columns =
        "tenant, id, run, step, generation, approval, workflow, step_path, task_data, status, assignee_role, assignee_user, claimed_by, level, due_at, next_at, answer, answered_by, answer_key, delivered, version, created_at, updated_at, completed_at";

    public async ValueTask<HumanTask> AddAsync(HumanTask task, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare($"INSERT OR IGNORE INTO human_tasks ({Columns}, priority) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, '', '', 0, 0, ?, ?, 0, ?)")
            .Bind(task.Tenant).Bind(task.Id).Bind(task.Run).Bind(task.Address.Step).Bind(task.Address.Generation).Bind(task.Approval).Bind(task.Workflow).Bind(task.Step).Bind(task.Order.ToPayload().Utf8.Span)
            .Bind((long)task.Status).BindOptional(task.To.Role).BindOptional(task.To.User).Bind(task.ClaimedBy).Bind(task.Level).Bind(task.DueAt).Bind(task.NextAt)
            .Bind(task.CreatedAt).Bind(task.UpdatedAt).Bind(task.Order.Priority).Run();
        return connection.Changes > 0 ? task : ReadAll(connection
            .Prepare($"SELECT {Columns} FROM human_tasks WHERE tenant = ? AND run = ? AND step = ? AND generation = ? AND approval = ?")
            .Bind(task.Tenant).Bind(task.Run).Bind(task.Address.Step).Bind(task.Address.Generation).Bind(task.Approval))[0];
    }).ConfigureAwait(false);

    public ValueTask<HumanTask?> FindAsync(string tenant, Ulid id, CancellationToken cancellationToken) => new(database.Read(connection =>
        ReadAll(connection.Prepare($"SELECT {Columns} FROM human_tasks WHERE tenant = ? AND id = ?").Bind(tenant).Bind(id)) is [var found] ? found : null));

    public ValueTask<HumanTaskPage> ListAsync(string tenant, HumanTaskFilter filter, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        const string Wanted = """
            tenant = ?1 AND (?2 < 0 OR status = ?2) AND (?3 < 0 OR (approval <> '') = ?3) AND (?4 IS NULL OR assignee_role = ?4) AND (?5 IS NULL OR assignee_user = ?5)
            AND (?6 IS NULL OR run = ?6) AND (?7 = 0 OR status < 3)
            """;
        SqliteStatement Bound(string sql) => connection.Prepare(sql).Bind(tenant).Bind((long?)filter.Status ?? -1).Bind(filter.Approvals is { } approvals ? approvals ? 1 : 0 : -1)
            .BindOptional(filter.Role).BindOptional(filter.User).BindOptional(filter.Run).Bind(filter.OpenOnly ? 1 : 0);
        SqliteStatement count = Bound($"SELECT count(*) FROM human_tasks WHERE {Wanted}");
        count.Read();
        long total = count.Int64(0);
        count.Reset();
        List<HumanTask> found = ReadAll(Bound($"SELECT {Columns} FROM human_tasks WHERE {Wanted} AND (?8 IS NULL OR id < ?8) ORDER BY id DESC LIMIT ?9").BindOptional(filter.Before).Bind(filter.Size + 1));
        bool more = found.Count > filter.Size;
        return new HumanTaskPage(more ? found[..filter.Size] : found, total, more);
    }));

    public async ValueTask<bool> ReplaceAsync(HumanTask task, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        SqliteStatement update = connection.Prepare("""
            UPDATE human_tasks SET status = ?, assignee_role = ?, assignee_user = ?, claimed_by = ?, level = ?, next_at = ?, answer = ?, answered_by = ?, answer_key = ?, delivered = ?, updated_at = ?, completed_at = ?, version = version + 1
            WHERE tenant = ? AND id = ? AND version = ?
            """)
            .Bind((long)task.Status).BindOptional(task.To.Role).BindOptional(task.To.User).Bind(task.ClaimedBy).Bind(task.Level).Bind(task.NextAt);
        (task.Answer is { } answer ? update.Bind(answer.Utf8.Span) : update.BindOptional((string?)null))
            .Bind(task.AnsweredBy).Bind(task.AnswerKey).Bind(task.IsDelivered ? 1 : 0).Bind(task.UpdatedAt).Bind(task.EndedAt)
            .Bind(task.Tenant).Bind(task.Id).Bind(task.Version).Run();
        return connection.Changes > 0;
    }).ConfigureAwait(false);

    public ValueTask<IReadOnlyList<HumanTask>> OfStepAsync(string tenant, Ulid run, int step, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<HumanTask>>(connection =>
        ReadAll(connection.Prepare($"SELECT {Columns} FROM human_tasks WHERE tenant = ? AND run = ? AND step = ? AND status < 3").Bind(tenant).Bind(run).Bind(step))));

    public ValueTask<IReadOnlyList<HumanTask>> DueAsync(long now, int max, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<HumanTask>>(connection =>
        ReadAll(connection.Prepare($"SELECT {Columns} FROM human_tasks WHERE status < 3 AND next_at > 0 AND next_at <= ? ORDER BY next_at LIMIT ?").Bind(now).Bind(max))));

    public ValueTask<IReadOnlyList<HumanTask>> UndeliveredAsync(Ulid after, int max, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<HumanTask>>(connection =>
        ReadAll(connection.Prepare($"SELECT {Columns} FROM human_tasks WHERE status >= 3 AND delivered = 0 AND id > ? ORDER BY id LIMIT ?").Bind(after).Bind(max))));

    public ValueTask<IReadOnlyList<HumanTask>> AbandonedAsync(Ulid after, int max, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<HumanTask>>(connection =>
        ReadAll(connection.Prepare($"SELECT {Columns} FROM human_tasks WHERE status < 3 AND id > ? AND EXISTS (SELECT 1 FROM runs r WHERE r.tenant = human_tasks.tenant AND r.id = human_tasks.run AND r.status BETWEEN 6 AND 8) ORDER BY id LIMIT ?").Bind(after).Bind(max))));

    private static List<HumanTask> ReadAll(SqliteStatement rows)
    {
        var found = new List<HumanTask>();
        while (rows.Read())
        {
            found.Add(new HumanTask(
                new Ulid(rows.Blob(1)), rows.Text(0), new Ulid(rows.Blob(2)), new StepAddress((int)rows.Int64(3), (int)rows.Int64(4)), rows.Text(5), rows.Text(6), rows.Text(7), HumanTaskOrder.Read(rows.Blob(8).ToArray()))
            {
                Status = (HumanTaskStatus)rows.Int64(9),
                To = new Assignee(rows.OptionalText(10), rows.OptionalText(11)),
                ClaimedBy = rows.Text(12),
                Level = (int)rows.Int64(13),
                DueAt = rows.Int64(14),
                NextAt = rows.Int64(15),
                Answer = rows.IsNull(16) ? null : new Payload(rows.Blob(16).ToArray()),
                AnsweredBy = rows.Text(17),
                AnswerKey = rows.Text(18),
                IsDelivered = rows.Int64(19) != 0,
                Version = (int)rows.Int64(20),
                CreatedAt = rows.Int64(21),
                UpdatedAt = rows.Int64(22),
                EndedAt = rows.Int64(23),
            });
        }

        return found;
    }
}
