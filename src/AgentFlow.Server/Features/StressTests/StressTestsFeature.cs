using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Features.StressTests.Live;
using AgentFlow.Server.Features.StressTests.Results;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.StressTests;

/// <summary>The addresses of stress tests, as FARM and foreign clients of its protocol (version 1.0) know them.</summary>
internal static class StressTestsFeature
{
    private const string Tag = "Stress tests";
    private const string TenantNote = "Without `X-Tenant-ID`, where nobody is asked who they are, `stress-test-tenant`.";

    private static readonly ParameterNote TenantHeader = new(Tenant.Header, "string", TenantNote, "header");
    private static readonly ErrorCode[] Refusals = [ErrorCode.ValidationFailed, ErrorCode.JsonInvalid, ErrorCode.PayloadTooLarge, ErrorCode.UnsupportedMediaType, ErrorCode.QuotaExceeded];

    public static void MapStressTests(this IEndpointRouteBuilder api, SubmissionEndpoints submissions, ResultEndpoints results, DashboardEndpoints dashboard, StressEventsEndpoint events)
    {
        api.MapPost("/stress-test/fleet", submissions.FleetAsync)
            .Audits("stress_test.fleet", "stress_test")
            .Says("submitFleet", Tag, "Register a fleet of simulated agents", "Each becomes an entry of the tenant's registry (kind `custom`, specialist `simulated`) with its reliability, cost and policy in the document; one that is there is renewed. `distribution` may have any form.")
            .Needs(Permission.AgentsWrite)
            .Takes(TenantHeader).TakesBody<FleetBody>(true)
            .Gives<FleetView>(200, "All of them are registered.").Fails([.. Refusals, ErrorCode.AgentExists]);
        api.MapPost("/stress-test/scenario", submissions.ScenarioAsync)
            .Audits("stress_test.scenario", "stress_test")
            .Says("submitScenario", Tag, "Run a scenario", """
                On disk when it is answered; every workflow becomes a run of the engine and is accounted for, whatever becomes of this process. `workflows` is
                a list, or an object with one under `workflows`; dependencies are `depends_on` or `dependencies`; unknown members are left alone. `simulation`
                may say `time` (`accelerated` or `real`) and `without`: mechanisms of recovery that are switched off (`retry`, `compensate`, `adjudicate`,
                `approve`, `rebuild`, `summarize`, `backoff`, `repair`, `queue`). The same body again while it is under way is the same scenario.
                """)
            .Needs(Permission.WorkflowsExecute)
            .Takes(TenantHeader).TakesBody<ScenarioBody>(true)
            .Gives<ScenarioQueuedView>(200, "Accepted; `Location` has the result.").Fails([.. Refusals, ErrorCode.ScenarioUnderWay, ErrorCode.RateLimited, ErrorCode.AgentExists]);
        api.MapPost("/stress-test/workflow", submissions.WorkflowAsync)
            .Audits("stress_test.workflow", "stress_test")
            .Says("submitStressWorkflow", Tag, "Run one workflow", "On disk when it is answered. Too many that wait are refused with 429 and `Retry-After`; nothing that was accepted is lost. Agents are those of the tenant's registered fleet.")
            .Needs(Permission.WorkflowsExecute)
            .Takes(TenantHeader, new ParameterNote(IdempotencyKeys.Header, "string", "The same key is the same execution.", "header")).TakesBody<WorkflowBody>(true)
            .Gives<WorkflowQueuedView>(200, "Accepted; `Location` has the result.").Fails([.. Refusals, ErrorCode.IdempotencyKeyReused, ErrorCode.RateLimited]);
        api.MapGet("/stress-test/scenario/{id}", results.ScenarioAsync)
            .AuditsRead("stress_test.read", "stress_test")
            .Says("getScenarioResult", Tag, "Read what a scenario has come to", "Its newest round. Where nobody is asked who they are, a request without `X-Tenant-ID` finds any tenant's.")
            .Needs(Permission.RunsRead)
            .Takes(TenantHeader).Gives<ScenarioResultView>(200, "The result, or how far it is.").Fails(ErrorCode.StressTestNotFound);
        api.MapGet("/stress-test/execution/{id}", results.ExecutionAsync)
            .AuditsRead("stress_test.read", "stress_test")
            .Says("getStressExecution", Tag, "Read what a workflow has come to", "Where nobody is asked who they are, a request without `X-Tenant-ID` finds any tenant's.")
            .Needs(Permission.RunsRead)
            .Takes(TenantHeader).Gives<WorkflowResultView>(200, "The result, or how far it is.").Fails(ErrorCode.StressTestNotFound);
        MapDashboard(api, dashboard, events);
    }

    private static void MapDashboard(IEndpointRouteBuilder api, DashboardEndpoints dashboard, StressEventsEndpoint events)
    {
        api.MapGet("/aoa/dashboard", dashboard.DashboardAsync)
            .AuditsRead("stress_test.read", "stress_test")
            .Says("getStressDashboard", Tag, "Read a tenant's figures", "Counts and sums are from the store. `vitals` have a value, its warning and critical thresholds, and which of them it is beyond.")
            .Needs(Permission.RunsRead)
            .Takes(TenantHeader).Gives<DashboardView>(200, "The figures.").Fails();
        api.MapGet("/aoa/metrics/timeseries", dashboard.TimeseriesAsync)
            .AuditsRead("stress_test.read", "stress_test")
            .Says("getStressTimeseries", Tag, "Read a metric over time", "Points are of workflows that ended in them; steps without any are left out.")
            .Needs(Permission.RunsRead)
            .Takes(
                TenantHeader,
                new ParameterNote("metric", "string", "What to count.") { Words = ["workflows", "tasks", "throughput", "recovery_rate", "completion_rate", "cost_usd"], Default = "workflows" },
                new ParameterNote("window", "string", "How far back, such as `30m` or `1440m`.") { Default = "60m" },
                new ParameterNote("step", "string", "Width of one point; at most 1000 of them.") { Default = "1m" })
            .Gives<TimeseriesView>(200, "The points, oldest first.").Fails();
        api.MapGet("/aoa/agents/summary", dashboard.AgentsAsync)
            .AuditsRead("stress_test.read", "stress_test")
            .Says("listSimulatedAgents", Tag, "List the simulated agents")
            .Needs(Permission.AgentsRead)
            .Takes(TenantHeader).Gives<AgentsSummaryView>(200, "The fleet, at most 500 of it.").Fails();
        api.MapGet("/aoa/workflows/active", dashboard.WorkflowsAsync)
            .AuditsRead("stress_test.read", "stress_test")
            .Says("listActiveStressWorkflows", Tag, "List workflows that have not ended", "Oldest first, at most 500.")
            .Needs(Permission.RunsRead)
            .Takes(TenantHeader).Gives<ActiveWorkflowsView>(200, "Workflows that wait or run.").Fails();
        api.MapGet("/aoa/approvals/pending", dashboard.ApprovalsAsync)
            .AuditsRead("stress_test.read", "stress_test")
            .Says("listPendingStressApprovals", Tag, "List approvals that the tenant's runs wait for", "Newest first, at most 500 of `total`. A simulation approves by itself, so that they are those of other workflows.")
            .Needs(Permission.RunsRead)
            .Takes(TenantHeader).Gives<PendingApprovalsView>(200, "Approvals.").Fails();
        api.MapGet("/aoa/events", events.HandleAsync)
            .AuditsRead("stress_test.read", "stress_test")
            .Says("streamStressEvents", Tag, "Follow stress tests", """
                Server-sent events: `agent.registered`, `agent.started_task`, `agent.completed_task`, `workflow.started`, `workflow.progress`,
                `workflow.completed`, `workflow.failed`, `chaos.injected`, `chaos.recovered`, `chaos.failed`, `scenario.started`, `scenario.progress`,
                `scenario.completed`, `approval.requested`, `approval.granted`. Each `data` is one JSON object with `type`, `timestamp`, the ids and figures
                that belong to it. Comments keep the connection alive. From `Last-Event-ID` on nothing is repeated; what is no longer kept is missing, and a
                comment says so.
                """)
            .Needs(Permission.RunsRead)
            .Takes(TenantHeader, new ParameterNote("Last-Event-ID", "string", "The id of the last event that was received.", "header"))
            .Gives(200, "Events until the reader leaves.", EventStream.MediaType).Fails(ErrorCode.NotAcceptable);
    }
}

/// <summary>A fleet as FARM makes it.</summary>
internal sealed record FleetBody
{
    public string? FleetId { get; init; }

    public long? Seed { get; init; }

    /// <summary>1 to 1,000 agents, each with an <c>agent_id</c>.</summary>
    public required IReadOnlyList<System.Text.Json.JsonElement> Agents { get; init; }
}

/// <summary>A scenario as FARM makes it.</summary>
internal sealed record ScenarioBody
{
    public required string ScenarioId { get; init; }

    public long? Seed { get; init; }

    /// <summary>A fleet, or a list of agents; those that are registered when absent.</summary>
    public System.Text.Json.JsonElement? Agents { get; init; }

    /// <summary>A list of workflows, or an object with one under <c>workflows</c>.</summary>
    public required System.Text.Json.JsonElement Workflows { get; init; }

    /// <summary>Agents by task by workflow.</summary>
    public System.Text.Json.JsonElement? AgentAssignments { get; init; }

    public SimulationBody? Simulation { get; init; }
}

/// <summary>A workflow as FARM makes it.</summary>
internal sealed record WorkflowBody
{
    public required string WorkflowId { get; init; }

    public string? Type { get; init; }

    /// <summary>1 to 500 tasks, each with a <c>task_id</c>.</summary>
    public required IReadOnlyList<System.Text.Json.JsonElement> Tasks { get; init; }

    public SimulationBody? Simulation { get; init; }
}

/// <summary>How to simulate; a member of this platform's own.</summary>
internal sealed record SimulationBody
{
    /// <summary><c>accelerated</c> or <c>real</c>.</summary>
    public string? Time { get; init; }

    /// <summary>Mechanisms of recovery to switch off.</summary>
    public IReadOnlyList<string>? Without { get; init; }
}
