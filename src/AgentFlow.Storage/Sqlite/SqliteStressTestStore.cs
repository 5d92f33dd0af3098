using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.StressTests;

namespace AgentFlow.Storage.Sqlite;

/// <summary>Stress tests in the same file as the runs.</summary>
public sealed class SqliteStressTestStore(SqliteDatabase database) : IStressTestStore
{
    private const string ScenarioColumns = "tenant, id, round, request, document, workflows, received_at, ended_at, result";
    private const string WorkflowColumns = "number, id, tenant, workflow, round, position, document, received_at, run, status, started_at, ended_at, tasks, completed, failed, faults, recovered, approvals, cost, details";
    private const string Sums = "coalesce(sum(ended_at IS NULL), 0), coalesce(sum(status = 'completed'), 0), coalesce(sum(ended_at IS NOT NULL AND status <> 'completed'), 0), coalesce(sum(tasks), 0), coalesce(sum(completed), 0), coalesce(sum(faults), 0), coalesce(sum(recovered), 0), coalesce(sum(approvals), 0), coalesce(sum(cost), 0)";

    public async ValueTask<StressScenario> AddScenarioAsync(StressScenario scenario, IReadOnlyList<StressWorkflow> workflows, CancellationToken cancellationToken) => await database.Shared.RunAsync(
        connection =>
        {
            if (FindScenario(connection, scenario.Tenant, scenario.Id) is { EndedAt: null } open)
            {
                return open;
            }

            connection.Prepare("INSERT INTO stress_scenarios (tenant, id, round, request, document, workflows, received_at) VALUES (?, ?, ?, ?, ?, ?, ?)")
                .Bind(scenario.Tenant).Bind(scenario.Id).Bind(scenario.Round).Bind(scenario.RequestHash).Bind(scenario.Document.Span).Bind(scenario.Workflows).Bind(scenario.ReceivedAt).Run();
            foreach (StressWorkflow workflow in workflows)
            {
                Insert(connection, workflow, null);
            }

            return scenario;
        },
        rows: 1 + workflows.Count).ConfigureAwait(false);

    public async ValueTask<StressWorkflow> AddWorkflowAsync(StressWorkflow workflow, string? key, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        if (key is not null && ReadWorkflows(connection.Prepare($"SELECT {WorkflowColumns} FROM stress_workflows WHERE tenant = ? AND key = ?").Bind(workflow.Tenant).Bind(key)) is [var known])
        {
            return known;
        }

        Insert(connection, workflow, key);
        return workflow;
    }).ConfigureAwait(false);

    public ValueTask<StressScenario?> FindScenarioAsync(string? tenant, string id, CancellationToken cancellationToken) => new(database.Read(connection => FindScenario(connection, tenant, id)));

    public ValueTask<StressWorkflow?> FindWorkflowAsync(string? tenant, Ulid id, CancellationToken cancellationToken) => new(database.Read(connection =>
        ReadWorkflows(connection.Prepare($"SELECT {WorkflowColumns} FROM stress_workflows WHERE id = ?1 AND (?2 IS NULL OR tenant = ?2)").Bind(id).BindOptional(tenant)) is [var found] ? found : null));

    public ValueTask<IReadOnlyList<StressWorkflow>> WorkflowsAsync(string tenant, Ulid round, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<StressWorkflow>>(connection =>
        ReadWorkflows(connection.Prepare($"SELECT {WorkflowColumns} FROM stress_workflows WHERE round = ? AND tenant = ? ORDER BY position").Bind(round).Bind(tenant))));

    public ValueTask<IReadOnlyList<StressWorkflow>> PendingAsync(long after, int max, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<StressWorkflow>>(connection =>
        ReadWorkflows(connection.Prepare($"SELECT {WorkflowColumns} FROM stress_workflows WHERE ended_at IS NULL AND number > ? ORDER BY number LIMIT ?").Bind(after).Bind(max))));

    public ValueTask<IReadOnlyList<StressWorkflow>> PendingAsync(string tenant, int max, CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<StressWorkflow>>(connection =>
        ReadWorkflows(connection.Prepare($"SELECT {WorkflowColumns} FROM stress_workflows WHERE tenant = ? AND ended_at IS NULL ORDER BY number LIMIT ?").Bind(tenant).Bind(max))));

    public ValueTask<long> CountPendingAsync(CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        SqliteStatement row = connection.Prepare("SELECT count(*) FROM stress_workflows WHERE ended_at IS NULL");
        row.Read();
        long count = row.Int64(0);
        row.Reset();
        return count;
    }));

    public ValueTask<IReadOnlyList<StressScenario>> OpenScenariosAsync(CancellationToken cancellationToken) => new(database.Read<IReadOnlyList<StressScenario>>(connection =>
        ReadScenarios(connection.Prepare($"SELECT {ScenarioColumns} FROM stress_scenarios WHERE ended_at IS NULL ORDER BY round"))));

    public async ValueTask EndWorkflowAsync(string tenant, Ulid id, StressOutcome outcome, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("""
            UPDATE stress_workflows SET run = ?, status = ?, started_at = ?, ended_at = ?, tasks = ?, completed = ?, failed = ?, faults = ?, recovered = ?, approvals = ?, cost = ?, details = ?
            WHERE tenant = ? AND id = ? AND ended_at IS NULL
            """)
            .Bind(outcome.Run).Bind(outcome.Status).Bind(outcome.StartedAt).Bind(outcome.EndedAt).Bind(outcome.Tasks).Bind(outcome.TasksCompleted).Bind(outcome.TasksFailed)
            .Bind(outcome.Faults).Bind(outcome.Recovered).Bind(outcome.Approvals).Bind(outcome.CostNanoDollars).Bind(outcome.Details.Span).Bind(tenant).Bind(id).Run();
        return true;
    }).ConfigureAwait(false);

    public async ValueTask<bool> EndScenarioAsync(string tenant, Ulid round, ReadOnlyMemory<byte> result, long endedAt, CancellationToken cancellationToken) => await database.Shared.RunAsync(connection =>
    {
        connection.Prepare("UPDATE stress_scenarios SET result = ?, ended_at = ? WHERE tenant = ? AND round = ? AND ended_at IS NULL").Bind(result.Span).Bind(endedAt).Bind(tenant).Bind(round).Run();
        return connection.Changes > 0;
    }).ConfigureAwait(false);

    public ValueTask<StressTotals> TotalsAsync(string tenant, long since, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        SqliteStatement row = connection.Prepare($"SELECT {Sums} FROM stress_workflows WHERE tenant = ? AND (ended_at IS NULL OR ended_at >= ?)").Bind(tenant).Bind(since);
        row.Read();
        StressTotals totals = ReadTotals(row, 0);
        row.Reset();
        return totals;
    }));

    public ValueTask<IReadOnlyList<StressPoint>> PointsAsync(string tenant, long since, long step, CancellationToken cancellationToken) => new(database.Read(connection =>
    {
        var points = new List<StressPoint>();
        SqliteStatement rows = connection.Prepare($"SELECT (ended_at - ?1) / ?2 AS slot, {Sums} FROM stress_workflows WHERE tenant = ?3 AND ended_at >= ?1 GROUP BY slot ORDER BY slot").Bind(since).Bind(step).Bind(tenant);
        while (rows.Read())
        {
            points.Add(new StressPoint(since + (rows.Int64(0) * step), ReadTotals(rows, 1)));
        }

        return (IReadOnlyList<StressPoint>)points;
    }));

    private static void Insert(SqliteConnection connection, StressWorkflow workflow, string? key) =>
        connection.Prepare("INSERT INTO stress_workflows (id, tenant, workflow, round, position, key, document, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .Bind(workflow.Id).Bind(workflow.Tenant).Bind(workflow.Workflow).BindOptional(workflow.Round).Bind(workflow.Position).BindOptional(key).Bind(workflow.Document.Span).Bind(workflow.ReceivedAt).Run();

    private static StressScenario? FindScenario(SqliteConnection connection, string? tenant, string id) =>
        ReadScenarios(connection.Prepare($"SELECT {ScenarioColumns} FROM stress_scenarios WHERE id = ?1 AND (?2 IS NULL OR tenant = ?2) ORDER BY round DESC LIMIT 1").Bind(id).BindOptional(tenant)) is [var found] ? found : null;

    private static List<StressScenario> ReadScenarios(SqliteStatement rows)
    {
        var found = new List<StressScenario>();
        while (rows.Read())
        {
            found.Add(new StressScenario(rows.Text(0), rows.Text(1), new Ulid(rows.Blob(2)), rows.Text(3), rows.Blob(4).ToArray(), (int)rows.Int64(5), rows.Int64(6))
            {
                EndedAt = rows.OptionalInt64(7),
                Result = rows.Blob(8).ToArray(),
            });
        }

        return found;
    }

    private static List<StressWorkflow> ReadWorkflows(SqliteStatement rows)
    {
        var found = new List<StressWorkflow>();
        while (rows.Read())
        {
            found.Add(new StressWorkflow(new Ulid(rows.Blob(1)), rows.Text(2), rows.Text(3), rows.Blob(6).ToArray(), rows.Int64(7))
            {
                Number = rows.Int64(0),
                Round = rows.IsNull(4) ? null : new Ulid(rows.Blob(4)),
                Position = (int)rows.Int64(5),
                Outcome = rows.IsNull(11) ? null : new StressOutcome(
                    new Ulid(rows.Blob(8)), rows.Text(9), rows.Int64(10), rows.Int64(11), (int)rows.Int64(12), (int)rows.Int64(13), (int)rows.Int64(14), (int)rows.Int64(15), (int)rows.Int64(16), (int)rows.Int64(17), rows.Int64(18), rows.Blob(19).ToArray()),
            });
        }

        return found;
    }

    private static StressTotals ReadTotals(in SqliteStatement row, int first) => new(
        row.Int64(first), row.Int64(first + 1), row.Int64(first + 2), row.Int64(first + 3), row.Int64(first + 4), row.Int64(first + 5), row.Int64(first + 6), row.Int64(first + 7), row.Int64(first + 8));
}
