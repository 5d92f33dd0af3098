using System.Globalization;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.StressTests;
using AgentFlow.Server.Features.StressTests.Results;
using AgentFlow.Server.Features.StressTests.Submissions;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.StressTests;

/// <summary>What a dashboard polls: figures of a tenant's stress tests, from the store.</summary>
internal sealed class DashboardEndpoints(IStressTestStore store, IAgentStore agents, IHumanTaskStore tasks, StressTestRunner runner, StressFleets fleets, TimeProvider clock)
{
    private const int MostListed = 500;
    private const decimal NanoDollars = 1_000_000_000m;

    private static readonly HumanTaskFilter Pending = new(OpenOnly: true, Approvals: true, Size: MostListed);
    private static readonly string[] Metrics = ["workflows", "tasks", "throughput", "recovery_rate", "completion_rate", "cost_usd"];
    private static readonly TimeSpan Rated = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan MostWindow = TimeSpan.FromDays(31);
    private const int MostPoints = 1000;

    public async Task DashboardAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = StressTenant.OfWrite(context);
        DateTimeOffset now = clock.GetUtcNow();
        AgentStats registry = await agents.StatsAsync(tenant, cancellationToken).ConfigureAwait(false);
        StressTotals ever = await store.TotalsAsync(tenant, 0, cancellationToken).ConfigureAwait(false);
        StressTotals today = await store.TotalsAsync(tenant, new DateTimeOffset(now.UtcDateTime.Date, TimeSpan.Zero).ToUnixTimeMilliseconds(), cancellationToken).ConfigureAwait(false);
        IReadOnlyList<StressPoint> lately = await store.PointsAsync(tenant, (now - Rated).ToUnixTimeMilliseconds(), (long)Rated.TotalMilliseconds, cancellationToken).ConfigureAwait(false);
        int running = runner.ActiveOf(tenant);
        double recovery = Rate(ever);
        double throughput = Math.Round(lately.Sum(p => p.Totals.TasksCompleted) / Rated.TotalSeconds, 2);
        IReadOnlyDictionary<string, long> byType = new SortedDictionary<string, long>(registry.ByCategory.ToDictionary(c => c.Key.Length > 0 ? c.Key : "other", c => c.Value, StringComparer.Ordinal), StringComparer.Ordinal);
        var view = new DashboardView(
            new DashboardAgents(registry.Total - registry.ByStatus.GetValueOrDefault(AgentStatus.Disabled) - registry.ByStatus.GetValueOrDefault(AgentStatus.Offline), registry.Total, byType),
            new DashboardWorkflows(running, ever.Completed, ever.Failed, Math.Max(0, ever.Pending - running)),
            new DashboardChaos(recovery, ever.Faults, ever.Recovered),
            new DashboardCosts(today.CostNanoDollars / NanoDollars, ever.CostNanoDollars / NanoDollars),
            new DashboardApprovals((int)(await tasks.ListAsync(tenant, Pending with { Size = 1 }, cancellationToken).ConfigureAwait(false)).Total, today.Approvals),
            new DashboardVitals(
                // Few are no trouble; thousands that wait are.
                Vital.Rising(ever.Pending, runner.MostPending / 2, runner.MostPending * 9L / 10),
                Vital.Falling(recovery, Thresholds.Recovered, 0.5),
                ever.Pending == 0 ? new Vital(throughput, "ok", 1, 0.5) : Vital.Falling(throughput, 1, 0.5)),
            now);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, view, ServerJson.Default.DashboardView).ConfigureAwait(false);
    }

    public async Task TimeseriesAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var query = new QueryReader(context);
        string metric = query.Text("metric") ?? Metrics[0];
        TimeSpan window = query.Duration("window", MostWindow) ?? TimeSpan.FromHours(1);
        TimeSpan step = query.Duration("step", MostWindow) ?? TimeSpan.FromMinutes(1);
        query.End();
        if (!Metrics.Contains(metric))
        {
            throw ProblemException.Parameter("metric", "is none of the metrics", $"They are {string.Join(", ", Metrics)}.");
        }

        if (step <= TimeSpan.Zero || window / step > MostPoints)
        {
            throw ProblemException.Parameter("step", string.Create(CultureInfo.InvariantCulture, $"makes more than {MostPoints} points of the window"), "Take longer steps or a shorter window.");
        }

        long width = (long)step.TotalMilliseconds;
        long since = ((clock.GetUtcNow() - window).ToUnixTimeMilliseconds() / width) * width;
        IReadOnlyList<StressPoint> points = await store.PointsAsync(StressTenant.OfWrite(context), since, width, cancellationToken).ConfigureAwait(false);
        var view = new TimeseriesView(metric, window.TotalSeconds, step.TotalSeconds, [.. points.Select(p => new PointView(DateTimeOffset.FromUnixTimeMilliseconds(p.At), Value(metric, p.Totals, step)))]);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, view, ServerJson.Default.TimeseriesView).ConfigureAwait(false);
    }

    public async Task AgentsAsync(HttpContext context, CancellationToken cancellationToken)
    {
        IReadOnlyList<SubmittedAgent> fleet = await fleets.OfAsync(StressTenant.OfWrite(context), cancellationToken).ConfigureAwait(false);
        var view = new AgentsSummaryView(
            fleet.Count,
            new SortedDictionary<string, int>(fleet.GroupBy(a => a.Agent.Type, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal), StringComparer.Ordinal),
            [.. fleet.Take(MostListed).Select(a => new AgentSummaryView(a.Agent.AgentId, a.Name, a.Agent.Type, a.Agent.SuccessRate, a.Agent.MeanLatencyMs, a.Agent.PerInvocationNano / NanoDollars, a.Agent.PerTokenNano / NanoDollars))]);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, view, ServerJson.Default.AgentsSummaryView).ConfigureAwait(false);
    }

    public async Task WorkflowsAsync(HttpContext context, CancellationToken cancellationToken)
    {
        IReadOnlyList<StressWorkflow> pending = await store.PendingAsync(StressTenant.OfWrite(context), MostListed, cancellationToken).ConfigureAwait(false);
        var view = new ActiveWorkflowsView(pending.Count, [.. pending.Select(w => runner.Find(w.Id) is { } active
            ? new ActiveWorkflowView(w.Workflow, w.Id.ToString(), "running", active.Run.ToString(), active.Plan.ScenarioId, active.Plan.Tasks.Count, DateTimeOffset.FromUnixTimeMilliseconds(w.ReceivedAt))
            : new ActiveWorkflowView(w.Workflow, w.Id.ToString(), "pending", null, null, null, DateTimeOffset.FromUnixTimeMilliseconds(w.ReceivedAt)))]);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, view, ServerJson.Default.ActiveWorkflowsView).ConfigureAwait(false);
    }

    public async Task ApprovalsAsync(HttpContext context, CancellationToken cancellationToken)
    {
        HumanTaskPage pending = await tasks.ListAsync(StressTenant.OfWrite(context), Pending, cancellationToken).ConfigureAwait(false);
        var view = new PendingApprovalsView((int)pending.Total, [.. pending.Tasks.Select(t => new PendingApprovalView(t.Id.ToString(), t.Run.ToString(), t.Workflow, t.Step, t.Order.Description, DateTimeOffset.FromUnixTimeMilliseconds(t.CreatedAt)))]);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, view, ServerJson.Default.PendingApprovalsView).ConfigureAwait(false);
    }

    private static double Rate(in StressTotals totals) => totals.Faults == 0 ? 1 : Math.Round((double)totals.Recovered / totals.Faults, 6);

    private static double Value(string metric, in StressTotals totals, TimeSpan step) => metric switch
    {
        "workflows" => totals.Completed + totals.Failed,
        "tasks" => totals.TasksCompleted,
        "throughput" => Math.Round(totals.TasksCompleted / step.TotalSeconds, 3),
        "recovery_rate" => Rate(totals),
        "completion_rate" => totals.Completed + totals.Failed == 0 ? 1 : Math.Round((double)totals.Completed / (totals.Completed + totals.Failed), 6),
        _ => (double)(totals.CostNanoDollars / NanoDollars),
    };
}

internal sealed record DashboardView(DashboardAgents Agents, DashboardWorkflows Workflows, DashboardChaos Chaos, DashboardCosts Costs, DashboardApprovals Approvals, DashboardVitals Vitals, DateTimeOffset Timestamp);

internal sealed record DashboardAgents(long Active, long Total, IReadOnlyDictionary<string, long> ByType);

internal sealed record DashboardWorkflows(long ActiveWorkflows, long Completed, long Failed, long Pending);

internal sealed record DashboardChaos(double RecoveryRate, long EventsTriggered, long EventsRecovered);

internal sealed record DashboardCosts(decimal TodayUsd, decimal SessionUsd);

internal sealed record DashboardApprovals(long Pending, long ApprovedToday);

/// <param name="ActiveRuns">Workflows accepted and not ended.</param>
/// <param name="TasksPerSecond">Tasks completed, over the last half minute.</param>
internal sealed record DashboardVitals(Vital ActiveRuns, Vital RecoveryRate, Vital TasksPerSecond);

/// <param name="Status"><c>ok</c>, <c>warning</c> or <c>critical</c>.</param>
internal sealed record Vital(double Value, string Status, double Warning, double Critical)
{
    /// <summary>The more, the worse.</summary>
    public static Vital Rising(double value, double warning, double critical) => new(value, value >= critical ? "critical" : value >= warning ? "warning" : "ok", warning, critical);

    /// <summary>The less, the worse.</summary>
    public static Vital Falling(double value, double warning, double critical) => new(value, value < critical ? "critical" : value < warning ? "warning" : "ok", warning, critical);
}

internal sealed record TimeseriesView(string Metric, double WindowSeconds, double StepSeconds, IReadOnlyList<PointView> Points);

internal sealed record PointView(DateTimeOffset Timestamp, double Value);

internal sealed record AgentsSummaryView(int Total, IReadOnlyDictionary<string, int> ByType, IReadOnlyList<AgentSummaryView> Agents);

internal sealed record AgentSummaryView(string AgentId, string Name, string Type, double SuccessRate, long MeanLatencyMs, decimal PerInvocationUsd, decimal PerTokenUsd);

internal sealed record ActiveWorkflowsView(int Total, IReadOnlyList<ActiveWorkflowView> Workflows);

internal sealed record ActiveWorkflowView(string WorkflowId, string ExecutionId, string Status, string? RunId, string? ScenarioId, int? TotalTasks, DateTimeOffset ReceivedAt);

internal sealed record PendingApprovalsView(int Total, IReadOnlyList<PendingApprovalView> Approvals);

/// <param name="ApprovalId">What <c>/approvals/{id}/approve</c> takes.</param>
/// <param name="WorkflowId">The name of the run's workflow.</param>
/// <param name="TaskId">The path of the step that waits.</param>
internal sealed record PendingApprovalView(string ApprovalId, string RunId, string WorkflowId, string TaskId, string Reason, DateTimeOffset RequestedAt);
