using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Agents;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Agents;

/// <summary>The addresses under <c>/agents</c>, <c>/metrics</c> and <c>/events</c>.</summary>
internal static class AgentsFeature
{
    private const string Agents = "Agents";
    private const string Metrics = "Metrics";
    private const string Events = "Agent events";
    private const string Unchanged = "Unchanged since the ETag in `If-None-Match`.";
    private static readonly ErrorCode[] Bodies = [ErrorCode.ValidationFailed, ErrorCode.JsonInvalid, ErrorCode.PayloadTooLarge, ErrorCode.UnsupportedMediaType];

    private static ParameterNote Key => new(IdempotencyKeys.Header, "string", "Sent again with the same key, the request is carried out once.", "header");

    private static ParameterNote IfMatch => new("If-Match", "string", "The ETag of the agent as it was read: the request is refused when it has changed since.", "header");

    private static ParameterNote From => new("from", "string", "Not before this time (RFC 3339).");

    private static ParameterNote To => new("to", "string", "Before this time (RFC 3339).");

    private static ParameterNote[] OfMetrics =>
    [
        new ParameterNote("agent_id", "string", "Only this agent's."),
        .. OfTypes,
    ];

    private static ParameterNote[] OfTypes =>
    [
        new ParameterNote("metric_type", "string", "Only this type.") { Words = MetricTypes.All },
        new ParameterNote("dimension", "string", "Only this dimension, such as `tokens` or `naming`."),
        From, To,
    ];

    private static ParameterNote[] OfEvents =>
    [
        new ParameterNote("agent_id", "string", "Only this agent's."),
        new ParameterNote("role", "string", "Only this role's.") { Words = AgentRoles.All },
        new ParameterNote("operation", "string", "Only this operation."),
        new ParameterNote("decision", "string", "Only this decision.") { Words = HookEvent.Decisions },
        From, To,
    ];

    public static void MapAgents(this IEndpointRouteBuilder api, AgentEndpoints agents, AgentImport import)
    {
        api.MapPost("/agents", agents.CreateAsync)
            .Says("createAgent", Agents, "Add an agent")
            .Needs(Permission.AgentsWrite)
            .Takes(Key).TakesBody<AgentBodyNote>(true).Shows(AgentExamples.Agent)
            .Gives<RegisteredAgentView>(201, "The agent.")
            .Audits("agent.create", "agent").Fails([.. Bodies, ErrorCode.AgentExists, ErrorCode.IdempotencyKeyReused, ErrorCode.AuditUnavailable]);
        api.MapGet("/agents", agents.ListAsync)
            .Says("listAgents", Agents, "List agents of every kind, by name", "Definitions, instructions and performance come with a single agent only.")
            .Needs(Permission.AgentsRead)
            .Takes(
                ParameterNote.Size, ParameterNote.Cursor,
                new ParameterNote("role", "string", "Only this role.") { Words = AgentRoles.All },
                new ParameterNote("category", "string", "Only this category."),
                new ParameterNote("specialist", "string", "Only this specialist."),
                new ParameterNote("kind", "string", "Only this kind.") { Words = AgentKinds.All },
                new ParameterNote("status", "string", "Only this status.") { Words = AgentStatus.All },
                new ParameterNote("capability", "string", "Only those that have this capability, such as `doc.read`."),
                new ParameterNote("sort", "string", "The order.") { Words = ["name"], Default = "name" })
            .Gives<PageView<RegisteredAgentView>>(200, "Agents.").Gives(304, Unchanged)
            .AuditsRead("agent.read", "agents").Fails();
        api.MapPost("/agents/import", import.ImportAsync)
            .Says("importAgents", Agents, "Import identities", "By name: new ones are added, those whose `digest` has changed are renewed, the rest is left alone. `af agents import DIR` reads a tree of files.")
            .Needs(Permission.AgentsWrite)
            .TakesBody<ImportBodyNote>(true).Shows(AgentExamples.Import)
            .Gives<ImportView>(200, "What became of each.")
            .Audits("agent.import", "agents").Fails([.. Bodies, ErrorCode.AuditUnavailable]);
        api.MapGet("/agents/stats/summary", agents.StatsAsync)
            .Says("summarizeAgents", Agents, "Count agents by role, category and status, and add up their budgets")
            .Needs(Permission.AgentsRead)
            .Gives<AgentStatsView>(200, "Numbers.").Gives(304, Unchanged)
            .AuditsRead("agent.read", "agents").Fails();
        api.MapGet("/agents/name/{name}", agents.GetByNameAsync)
            .Says("getAgentByName", Agents, "Read one agent by its name", "Of remote agents that share a name, the first by id.")
            .Needs(Permission.AgentsRead)
            .Gives<RegisteredAgentView>(200, "The agent.").Gives(304, Unchanged)
            .AuditsRead("agent.read", "agent").Fails(ErrorCode.AgentNotFound);
        api.MapGet("/agents/{id}", agents.GetAsync)
            .Says("getAgent", Agents, "Read one agent")
            .Needs(Permission.AgentsRead)
            .Gives<RegisteredAgentView>(200, "The agent.").Gives(304, Unchanged)
            .AuditsRead("agent.read", "agent").Fails(ErrorCode.AgentNotFound);
        api.MapPut("/agents/{id}", agents.UpdateAsync)
            .Says("updateAgent", Agents, "Change an agent", "Members that are absent stay as they are. With `version` in the body, or `If-Match`, only the agent that you know is changed. Leave `budget.use` out unless you mean to set it.")
            .Needs(Permission.AgentsWrite)
            .Takes(IfMatch).TakesBody<AgentBodyNote>(true).Shows(AgentExamples.Change)
            .Gives<RegisteredAgentView>(200, "The agent as it is now.")
            .Audits("agent.update", "agent").Fails([.. Bodies, ErrorCode.AgentNotFound, ErrorCode.AgentExists, ErrorCode.PreconditionFailed, ErrorCode.AuditUnavailable]);
        api.MapDelete("/agents/{id}", agents.DeleteAsync)
            .Says("deleteAgent", Agents, "Remove an agent", "Its metrics and its audit stay.")
            .Needs(Permission.AgentsWrite)
            .Takes(IfMatch)
            .Gives(204, "It is gone.")
            .Audits("agent.delete", "agent").Fails(ErrorCode.AgentNotFound, ErrorCode.PreconditionFailed, ErrorCode.AuditUnavailable);
        api.MapPost("/agents/{id}/activate", agents.ActivateAsync)
            .Says("activateAgent", Agents, "Say that an agent starts a task", "It is `active` until a `task_completion` metric says that the task is done.")
            .Needs(Permission.AgentsReport)
            .TakesBody<ActivateBodyNote>(false).Shows(AgentExamples.Activate)
            .Gives<RegisteredAgentView>(200, "The agent.")
            .Audits("agent.activate", "agent").Fails([.. Bodies, ErrorCode.AgentNotFound, ErrorCode.AgentNotReady, ErrorCode.AuditUnavailable]);
    }

    public static void MapMetrics(this IEndpointRouteBuilder api, MetricEndpoints metrics)
    {
        api.MapPost("/metrics", metrics.RecordAsync)
            .Says("recordMetric", Metrics, "Record a metric, or up to 1,000", "On disk when it is acknowledged. A cost adds to its agent's use in the same transaction; of several metrics all are taken, or none.")
            .Needs(Permission.AgentsReport)
            .Takes(Key).TakesBody<MetricBodyNote>(true).Shows(AgentExamples.Metric)
            .Gives<MetricView>(201, "The metric; of several, `{\"recorded\": n}`.")
            .Audits("metric.record", "metrics").Fails([.. Bodies, ErrorCode.AgentNotFound, ErrorCode.IdempotencyKeyReused]);
        api.MapGet("/metrics", metrics.ListAsync)
            .Says("listMetrics", Metrics, "List metrics, newest first")
            .Needs(Permission.AgentsRead)
            .Takes([ParameterNote.Size, ParameterNote.Cursor, .. OfMetrics, new ParameterNote("sort", "string", "The order.") { Words = ["-timestamp"], Default = "-timestamp" }])
            .Gives<PageView<MetricView>>(200, "Metrics.").Gives(304, Unchanged)
            .AuditsRead("metric.read", "metrics").Fails();
        api.MapGet("/metrics/aggregate", metrics.AggregateAsync)
            .Says("aggregateMetrics", Metrics, "Add metrics up", "By type and dimension, and by window and group where asked; at most 10,000 groups.")
            .Needs(Permission.AgentsRead)
            .Takes([
                new ParameterNote("window", "string", "How time is divided, in UTC.") { Words = ["none", "minute", "hour", "day", "week"], Default = "none" },
                new ParameterNote("group_by", "string", "What is kept apart besides.") { Words = ["none", "agent", "role", "category"], Default = "none" },
                .. OfMetrics])
            .Gives<AggregateView>(200, "Groups.").Gives(304, Unchanged)
            .AuditsRead("metric.read", "metrics").Fails();
        api.MapGet("/metrics/agent/{id}/summary", metrics.SummarizeAsync)
            .Says("summarizeAgentMetrics", Metrics, "Sum up one agent")
            .Needs(Permission.AgentsRead)
            .Takes(OfTypes)
            .Gives<AgentMetricsView>(200, "What was measured of it.").Gives(304, Unchanged)
            .AuditsRead("metric.read", "agent").Fails(ErrorCode.AgentNotFound);
    }

    public static void MapEvents(this IEndpointRouteBuilder api, EventEndpoints events)
    {
        api.MapPost("/events/ingest", events.IngestAsync)
            .Says("ingestEvent", Events, "Hand in what an RBAC engine has decided, one event or up to 1,000", "On disk when it is acknowledged; of several events all are taken, or none. It becomes a record of the audit chain.")
            .Needs(Permission.AgentsReport)
            .TakesBody<EventBodyNote>(true).Shows(AgentExamples.Event)
            .Gives<IngestedView>(201, "How many were taken.")
            .Audits("event.ingest", "events").Fails([.. Bodies, ErrorCode.NotFound, ErrorCode.AuditUnavailable]);
        api.MapGet("/events/audit", events.ListAsync)
            .Says("listAgentAudit", Events, "Search the decisions about agents, newest first")
            .Needs(Permission.AuditRead)
            .Takes([ParameterNote.Size, ParameterNote.Cursor, .. OfEvents, new ParameterNote("sort", "string", "The order.") { Words = ["-number"], Default = "-number" }])
            .Gives<PageView<AgentAuditView>>(200, "Decisions.").Gives(304, Unchanged)
            .AuditsRead("audit.read", "audit").Fails(ErrorCode.NotFound);
        api.MapGet("/events/audit/stats", events.StatsAsync)
            .Says("countAgentAudit", Events, "Count the decisions about agents")
            .Needs(Permission.AuditRead)
            .Takes(OfEvents)
            .Gives<AgentAuditStatsView>(200, "Numbers.").Gives(304, Unchanged)
            .AuditsRead("audit.read", "audit").Fails(ErrorCode.NotFound);
    }
}
