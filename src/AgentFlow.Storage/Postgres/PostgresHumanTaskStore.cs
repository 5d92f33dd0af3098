using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using Npgsql;
using NpgsqlTypes;

namespace AgentFlow.Storage.Postgres;

/// <summary>What runs wait for people to do, in the same database as the runs.</summary>
public sealed class PostgresHumanTaskStore(PostgresDatabase database) : IHumanTaskStore
{
    private const string Columns =
        "tenant, id, run, step, generation, approval, workflow, step_path, task_data, status, assignee_role, assignee_user, claimed_by, level, due_at, next_at, answer, answered_by, answer_key, delivered, version, created_at, updated_at, completed_at";

    public async ValueTask<HumanTask> AddAsync(HumanTask task, CancellationToken cancellationToken)
    {
        bool added = await database.ExecuteAsync(
            $"""
            INSERT INTO human_tasks ({Columns}, priority)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, NULL, '', '', false, 0, $17, $18, 0, $19)
            ON CONFLICT (tenant, run, step, generation, approval) DO NOTHING
            """,
            p => p.Value(task.Tenant).Value(task.Id).Value(task.Run).Value(task.Address.Step).Value(task.Address.Generation).Value(task.Approval).Value(task.Workflow).Value(task.Step).Value(task.Order.ToPayload().Utf8)
                .Value((int)task.Status).Optional(task.To.Role).Optional(task.To.User).Value(task.ClaimedBy).Value(task.Level).Value(task.DueAt).Value(task.NextAt)
                .Value(task.CreatedAt).Value(task.UpdatedAt).Value(task.Order.Priority),
            cancellationToken).ConfigureAwait(false) > 0;
        return added ? task : (await database.QueryAsync(
            $"SELECT {Columns} FROM human_tasks WHERE tenant = $1 AND run = $2 AND step = $3 AND generation = $4 AND approval = $5",
            p => p.Value(task.Tenant).Value(task.Run).Value(task.Address.Step).Value(task.Address.Generation).Value(task.Approval),
            ToTask,
            cancellationToken).ConfigureAwait(false))[0];
    }

    public async ValueTask<HumanTask?> FindAsync(string tenant, Ulid id, CancellationToken cancellationToken) =>
        await database.QueryAsync($"SELECT {Columns} FROM human_tasks WHERE tenant = $1 AND id = $2", p => p.Value(tenant).Value(id), ToTask, cancellationToken).ConfigureAwait(false) is [var found] ? found : null;

    public async ValueTask<HumanTaskPage> ListAsync(string tenant, HumanTaskFilter filter, CancellationToken cancellationToken)
    {
        const string Wanted = """
            tenant = $1 AND ($2 < 0 OR status = $2) AND ($3 < 0 OR (approval <> '') = ($3 = 1)) AND ($4 IS NULL OR assignee_role = $4) AND ($5 IS NULL OR assignee_user = $5)
            AND ($6 IS NULL OR run = $6) AND (NOT $7 OR status < 3)
            """;
        void Bind(NpgsqlParameterCollection p) => p.Value(tenant).Value((int?)filter.Status ?? -1).Value(filter.Approvals is { } approvals ? approvals ? 1 : 0 : -1)
            .Optional(filter.Role).Optional(filter.User).Optional(filter.Run).Value(filter.OpenOnly);
        List<HumanTask> found = await database.QueryAsync(
            $"SELECT {Columns} FROM human_tasks WHERE {Wanted} AND ($8 IS NULL OR id < $8) ORDER BY id DESC LIMIT $9",
            p =>
            {
                Bind(p);
                p.Optional(filter.Before).Value(filter.Size + 1);
            },
            ToTask,
            cancellationToken).ConfigureAwait(false);
        List<long> total = await database.QueryAsync($"SELECT count(*) FROM human_tasks WHERE {Wanted}", Bind, static row => row.GetInt64(0), cancellationToken).ConfigureAwait(false);
        bool more = found.Count > filter.Size;
        return new HumanTaskPage(more ? found[..filter.Size] : found, total[0], more);
    }

    public async ValueTask<bool> ReplaceAsync(HumanTask task, CancellationToken cancellationToken) => await database.ExecuteAsync(
        """
        UPDATE human_tasks SET status = $4, assignee_role = $5, assignee_user = $6, claimed_by = $7, level = $8, next_at = $9, answer = $10, answered_by = $11, answer_key = $12, delivered = $13, updated_at = $14, completed_at = $15, version = version + 1
        WHERE tenant = $1 AND id = $2 AND version = $3
        """,
        p =>
        {
            p.Value(task.Tenant).Value(task.Id).Value(task.Version).Value((int)task.Status).Optional(task.To.Role).Optional(task.To.User).Value(task.ClaimedBy).Value(task.Level).Value(task.NextAt);
            p.Add(new NpgsqlParameter { Value = task.Answer is { } answer ? answer.Utf8 : DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bytea });
            p.Value(task.AnsweredBy).Value(task.AnswerKey).Value(task.IsDelivered).Value(task.UpdatedAt).Value(task.EndedAt);
        },
        cancellationToken).ConfigureAwait(false) > 0;

    public async ValueTask<IReadOnlyList<HumanTask>> OfStepAsync(string tenant, Ulid run, int step, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT {Columns} FROM human_tasks WHERE tenant = $1 AND run = $2 AND step = $3 AND status < 3", p => p.Value(tenant).Value(run).Value(step), ToTask, cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<HumanTask>> DueAsync(long now, int max, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT {Columns} FROM human_tasks WHERE status < 3 AND next_at > 0 AND next_at <= $1 ORDER BY next_at LIMIT $2", p => p.Value(now).Value(max), ToTask, cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<HumanTask>> UndeliveredAsync(Ulid after, int max, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT {Columns} FROM human_tasks WHERE status >= 3 AND NOT delivered AND id > $1 ORDER BY id LIMIT $2", p => p.Value(after).Value(max), ToTask, cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<HumanTask>> AbandonedAsync(Ulid after, int max, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT {Columns} FROM human_tasks WHERE status < 3 AND id > $1 AND EXISTS (SELECT FROM runs r WHERE r.tenant = human_tasks.tenant AND r.id = human_tasks.run AND r.status BETWEEN 6 AND 8) ORDER BY id LIMIT $2", p => p.Value(after).Value(max), ToTask, cancellationToken).ConfigureAwait(false);

    private static HumanTask ToTask(NpgsqlDataReader row) => new(
        Parameters.ToUlid(row.GetGuid(1)), row.GetString(0), Parameters.ToUlid(row.GetGuid(2)), new StepAddress(row.GetInt32(3), row.GetInt32(4)), row.GetString(5), row.GetString(6), row.GetString(7), HumanTaskOrder.Read(row.GetFieldValue<byte[]>(8)))
    {
        Status = (HumanTaskStatus)row.GetInt16(9),
        To = new Assignee(row.IsDBNull(10) ? null : row.GetString(10), row.IsDBNull(11) ? null : row.GetString(11)),
        ClaimedBy = row.GetString(12),
        Level = row.GetInt32(13),
        DueAt = row.GetInt64(14),
        NextAt = row.GetInt64(15),
        Answer = row.IsDBNull(16) ? null : new Payload(row.GetFieldValue<byte[]>(16)),
        AnsweredBy = row.GetString(17),
        AnswerKey = row.GetString(18),
        IsDelivered = row.GetBoolean(19),
        Version = row.GetInt32(20),
        CreatedAt = row.GetInt64(21),
        UpdatedAt = row.GetInt64(22),
        EndedAt = row.GetInt64(23),
    };
}
