using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.StressTests;
using Npgsql;

namespace AgentFlow.Storage.Postgres;

/// <summary>Stress tests in the same database as the runs.</summary>
public sealed class PostgresStressTestStore(PostgresDatabase database) : IStressTestStore
{
    private const string ScenarioColumns = "tenant, id, round, request, document, workflows, received_at, ended_at, result";
    private const string WorkflowColumns = "number, id, tenant, workflow, round, position, document, received_at, run, status, started_at, ended_at, tasks, completed, failed, faults, recovered, approvals, cost, details";
    private const string Sums = "count(*) FILTER (WHERE ended_at IS NULL), count(*) FILTER (WHERE status = 'completed'), count(*) FILTER (WHERE ended_at IS NOT NULL AND status <> 'completed'), coalesce(sum(tasks), 0)::bigint, coalesce(sum(completed), 0)::bigint, coalesce(sum(faults), 0)::bigint, coalesce(sum(recovered), 0)::bigint, coalesce(sum(approvals), 0)::bigint, coalesce(sum(cost), 0)::bigint";
    private const string Insert = "INSERT INTO stress_workflows (id, tenant, workflow, round, position, key, document, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

    public async ValueTask<StressScenario> AddScenarioAsync(StressScenario scenario, IReadOnlyList<StressWorkflow> workflows, CancellationToken cancellationToken) => await database.ReadAsync(
        async (connection, token) =>
        {
            NpgsqlTransaction transaction = await connection.BeginTransactionAsync(token).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                // Whoever submits the same name at the same time waits here and then finds this round.
                using var batch = new NpgsqlBatch(connection, transaction);
                batch.Add("SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 40))").Value(scenario.Tenant).Value(scenario.Id);
                await batch.ExecuteNonQueryAsync(token).ConfigureAwait(false);
                using var find = new NpgsqlCommand($"SELECT {ScenarioColumns} FROM stress_scenarios WHERE tenant = $1 AND id = $2 AND ended_at IS NULL ORDER BY round DESC LIMIT 1", connection, transaction);
                find.Parameters.Value(scenario.Tenant).Value(scenario.Id);
                NpgsqlDataReader found = await find.ExecuteReaderAsync(token).ConfigureAwait(false);
                await using (found.ConfigureAwait(false))
                {
                    if (await found.ReadAsync(token).ConfigureAwait(false))
                    {
                        return ToScenario(found);
                    }
                }

                using var adds = new NpgsqlBatch(connection, transaction);
                adds.Add("INSERT INTO stress_scenarios (tenant, id, round, request, document, workflows, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7)")
                    .Value(scenario.Tenant).Value(scenario.Id).Value(scenario.Round).Value(scenario.RequestHash).Value(scenario.Document).Value((long)scenario.Workflows).Value(scenario.ReceivedAt);
                foreach (StressWorkflow workflow in workflows)
                {
                    Bind(adds.Add(Insert), workflow, null);
                }

                await adds.ExecuteNonQueryAsync(token).ConfigureAwait(false);
                await transaction.CommitAsync(token).ConfigureAwait(false);
                return scenario;
            }
        },
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<StressWorkflow> AddWorkflowAsync(StressWorkflow workflow, string? key, CancellationToken cancellationToken)
    {
        int added = await database.ExecuteAsync($"{Insert} ON CONFLICT (tenant, key) WHERE key IS NOT NULL DO NOTHING", p => Bind(p, workflow, key), cancellationToken).ConfigureAwait(false);
        return added > 0 ? workflow : (await database.QueryAsync($"SELECT {WorkflowColumns} FROM stress_workflows WHERE tenant = $1 AND key = $2", p => p.Value(workflow.Tenant).Value(key!), ToWorkflow, cancellationToken).ConfigureAwait(false))[0];
    }

    public async ValueTask<StressScenario?> FindScenarioAsync(string? tenant, string id, CancellationToken cancellationToken) =>
        (await database.QueryAsync($"SELECT {ScenarioColumns} FROM stress_scenarios WHERE id = $1 AND ($2::text IS NULL OR tenant = $2) ORDER BY round DESC LIMIT 1", p => p.Value(id).Optional(tenant), ToScenario, cancellationToken).ConfigureAwait(false)).FirstOrDefault();

    public async ValueTask<StressWorkflow?> FindWorkflowAsync(string? tenant, Ulid id, CancellationToken cancellationToken) =>
        (await database.QueryAsync($"SELECT {WorkflowColumns} FROM stress_workflows WHERE id = $1 AND ($2::text IS NULL OR tenant = $2)", p => p.Value(id).Optional(tenant), ToWorkflow, cancellationToken).ConfigureAwait(false)).FirstOrDefault();

    public async ValueTask<IReadOnlyList<StressWorkflow>> WorkflowsAsync(string tenant, Ulid round, CancellationToken cancellationToken) =>
        await database.QueryAsync($"SELECT {WorkflowColumns} FROM stress_workflows WHERE round = $1 AND tenant = $2 ORDER BY position", p => p.Value(round).Value(tenant), ToWorkflow, cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<StressWorkflow>> PendingAsync(long after, int max, CancellationToken cancellationToken) =>
        await database.QueryAsync($"SELECT {WorkflowColumns} FROM stress_workflows WHERE ended_at IS NULL AND number > $1 ORDER BY number LIMIT $2", p => p.Value(after).Value(max), ToWorkflow, cancellationToken).ConfigureAwait(false);

    public async ValueTask<IReadOnlyList<StressWorkflow>> PendingAsync(string tenant, int max, CancellationToken cancellationToken) =>
        await database.QueryAsync($"SELECT {WorkflowColumns} FROM stress_workflows WHERE tenant = $1 AND ended_at IS NULL ORDER BY number LIMIT $2", p => p.Value(tenant).Value(max), ToWorkflow, cancellationToken).ConfigureAwait(false);

    public async ValueTask<long> CountPendingAsync(CancellationToken cancellationToken) =>
        (await database.QueryAsync("SELECT count(*) FROM stress_workflows WHERE ended_at IS NULL", static _ => { }, static row => row.GetInt64(0), cancellationToken).ConfigureAwait(false))[0];

    public async ValueTask<IReadOnlyList<StressScenario>> OpenScenariosAsync(CancellationToken cancellationToken) =>
        await database.QueryAsync($"SELECT {ScenarioColumns} FROM stress_scenarios WHERE ended_at IS NULL ORDER BY round", static _ => { }, ToScenario, cancellationToken).ConfigureAwait(false);

    public async ValueTask EndWorkflowAsync(string tenant, Ulid id, StressOutcome outcome, CancellationToken cancellationToken) => await database.ExecuteAsync(
        """
        UPDATE stress_workflows SET run = $2, status = $3, started_at = $4, ended_at = $5, tasks = $6, completed = $7, failed = $8, faults = $9, recovered = $10, approvals = $11, cost = $12, details = $13
        WHERE tenant = $14 AND id = $1 AND ended_at IS NULL
        """,
        p => p.Value(id).Value(outcome.Run).Value(outcome.Status).Value(outcome.StartedAt).Value(outcome.EndedAt).Value((long)outcome.Tasks).Value((long)outcome.TasksCompleted).Value((long)outcome.TasksFailed)
            .Value((long)outcome.Faults).Value((long)outcome.Recovered).Value((long)outcome.Approvals).Value(outcome.CostNanoDollars).Value(outcome.Details).Value(tenant),
        cancellationToken).ConfigureAwait(false);

    public async ValueTask<bool> EndScenarioAsync(string tenant, Ulid round, ReadOnlyMemory<byte> result, long endedAt, CancellationToken cancellationToken) =>
        await database.ExecuteAsync("UPDATE stress_scenarios SET result = $3, ended_at = $4 WHERE tenant = $1 AND round = $2 AND ended_at IS NULL", p => p.Value(tenant).Value(round).Value(result).Value(endedAt), cancellationToken).ConfigureAwait(false) > 0;

    public async ValueTask<StressTotals> TotalsAsync(string tenant, long since, CancellationToken cancellationToken) =>
        (await database.QueryAsync($"SELECT {Sums} FROM stress_workflows WHERE tenant = $1 AND (ended_at IS NULL OR ended_at >= $2)", p => p.Value(tenant).Value(since), static row => ToTotals(row, 0), cancellationToken).ConfigureAwait(false))[0];

    public async ValueTask<IReadOnlyList<StressPoint>> PointsAsync(string tenant, long since, long step, CancellationToken cancellationToken) => await database.QueryAsync(
        $"SELECT (ended_at - $1) / $2 AS slot, {Sums} FROM stress_workflows WHERE tenant = $3 AND ended_at >= $1 GROUP BY slot ORDER BY slot",
        p => p.Value(since).Value(step).Value(tenant),
        row => new StressPoint(since + (row.GetInt64(0) * step), ToTotals(row, 1)),
        cancellationToken).ConfigureAwait(false);

    private static void Bind(NpgsqlParameterCollection p, StressWorkflow workflow, string? key) => p
        .Value(workflow.Id).Value(workflow.Tenant).Value(workflow.Workflow).Optional(workflow.Round).Value((long)workflow.Position).Optional(key).Value(workflow.Document).Value(workflow.ReceivedAt);

    private static StressScenario ToScenario(NpgsqlDataReader row) => new(row.GetString(0), row.GetString(1), Parameters.ToUlid(row.GetGuid(2)), row.GetString(3), row.GetFieldValue<byte[]>(4), (int)row.GetInt64(5), row.GetInt64(6))
    {
        EndedAt = row.IsDBNull(7) ? null : row.GetInt64(7),
        Result = row.IsDBNull(8) ? default : row.GetFieldValue<byte[]>(8),
    };

    private static StressWorkflow ToWorkflow(NpgsqlDataReader row) => new(Parameters.ToUlid(row.GetGuid(1)), row.GetString(2), row.GetString(3), row.GetFieldValue<byte[]>(6), row.GetInt64(7))
    {
        Number = row.GetInt64(0),
        Round = row.IsDBNull(4) ? null : Parameters.ToUlid(row.GetGuid(4)),
        Position = (int)row.GetInt64(5),
        Outcome = row.IsDBNull(11) ? null : new StressOutcome(
            Parameters.ToUlid(row.GetGuid(8)), row.GetString(9), row.GetInt64(10), row.GetInt64(11), (int)row.GetInt64(12), (int)row.GetInt64(13), (int)row.GetInt64(14), (int)row.GetInt64(15), (int)row.GetInt64(16), (int)row.GetInt64(17), row.GetInt64(18), row.GetFieldValue<byte[]>(19)),
    };

    private static StressTotals ToTotals(NpgsqlDataReader row, int first) => new(
        row.GetInt64(first), row.GetInt64(first + 1), row.GetInt64(first + 2), row.GetInt64(first + 3), row.GetInt64(first + 4), row.GetInt64(first + 5), row.GetInt64(first + 6), row.GetInt64(first + 7), row.GetInt64(first + 8));
}
