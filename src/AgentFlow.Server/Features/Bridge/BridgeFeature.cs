using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Features.Config;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Features.Secrets;
using AgentFlow.Server.Features.Workflows;
using AgentFlow.Server.Http;
using AgentFlow.Tools;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>The addresses under <c>/orchestrator</c>.</summary>
internal static class BridgeFeature
{
    private const string Tag = "Agent Bridge";
    private const string Unchanged = "Unchanged since the ETag in `If-None-Match`.";
    private const string TokenOfItsOwn = "Agents show a token of their own, signed with a secret that they share with the deployment; the handler checks it before anything else.";

    private static readonly ErrorCode[] FromAgents = [ErrorCode.InvalidPayload, ErrorCode.MissingToken, ErrorCode.InvalidToken, ErrorCode.TokenExpired, ErrorCode.AgentMismatch, ErrorCode.AgentNotAllowed, ErrorCode.AuthError];

    public static void MapBridge(this WebApplication app, BridgeParts bridge, PublishedWorkflows workflows, RunHost host, SecretKeeping secrets, HttpTransport transport, ConfigBook config, AuditRecorder audit, UlidFactory ids, TenantQuotas quotas)
    {
        OpenStore store = bridge.Store;
        RouteGroupBuilder group = app.MapGroup(BridgeErrors.Base);
        MapAgents(group, new AgentEndpoints(bridge.Settings, bridge.Tokens, bridge.Rules, store.Agents, store.BridgeTasks, store.BridgeEvents, bridge.Courier, bridge.Signal, audit, bridge.Mask, bridge.Activity, bridge.Clock, quotas));
        var dispatch = new TaskDispatch(bridge.Settings, bridge.Choice, store.BridgeTasks, workflows, host, config, audit, bridge.Mask, bridge.Clock, quotas);
        MapOperators(group, new OperatorEndpoints(dispatch, store.BridgeTasks, store.Agents));
        MapEvents(
            group,
            new SubscriptionEndpoints(store.BridgeEvents, secrets, transport, bridge.Signal, audit, ids, bridge.Clock),
            new EventStreamEndpoint(store.BridgeEvents, bridge.Signal, app.Lifetime, bridge.Clock));
    }

    private static void MapAgents(IEndpointRouteBuilder api, AgentEndpoints agents)
    {
        api.MapPost("/register", agents.RegisterAsync)
            .Audits("agent.register", "agent")
            .Says("bridgeRegister", Tag, "Agent: register", "`Authorization: Bearer` with an HS256 token whose claims are this body, `iss` (the agent's id) and `aud`. Again at any time; the newest holds.")
            .IsOpenToAnyone(TokenOfItsOwn)
            .TakesBody<RegisterBody>(true).Gives<AgentAnswerView>(200, "Registered, durably.").Fails([.. FromAgents, ErrorCode.RegistrationFailed]);
        api.MapPost("/heartbeat", agents.HeartbeatAsync)
            .Audits("agent.heartbeat", "agent")
            .Says("bridgeHeartbeat", Tag, "Agent: heartbeat", "A sign of life; an agent without one for five minutes is offline.")
            .IsOpenToAnyone(TokenOfItsOwn)
            .TakesBody<HeartbeatBody>(true).Gives<AgentAnswerView>(200, "Noted, durably.").Fails([.. FromAgents, ErrorCode.MissingAgentId, ErrorCode.AgentNotFound, ErrorCode.HeartbeatFailed]);
        api.MapPost("/tasks/{id}/callback", agents.CallbackAsync)
            .Audits("task.callback", "task")
            .Says("bridgeCallback", Tag, "Agent: report on a task", "States only move forward; the same report again is a 200 and changes nothing. A final one is durable when it is answered.")
            .IsOpenToAnyone(TokenOfItsOwn)
            .TakesBody<CallbackBody>(true).Gives<AgentAnswerView>(200, "Taken, durably.").Fails([.. FromAgents, ErrorCode.TaskNotFound, ErrorCode.TaskAlreadyFinished, ErrorCode.CallbackFailed]);
        api.MapPost("/events", agents.EventAsync)
            .Audits("agent.event", "event")
            .Says("bridgeEvent", Tag, "Agent: tell an event", "Once for each `event_id` of an agent.")
            .IsOpenToAnyone(TokenOfItsOwn)
            .TakesBody<EventBody>(true).Gives<AgentAnswerView>(200, "Taken, durably.").Fails([.. FromAgents, ErrorCode.EventFailed]);
    }

    private static void MapOperators(IEndpointRouteBuilder api, OperatorEndpoints operators)
    {
        ParameterNote[] filters =
        [
            ParameterNote.Size,
            ParameterNote.Cursor,
            new ParameterNote("filter[status]", "string", "Only tasks in this state.") { Words = [.. BridgeTaskStatusExtensions.All] },
            new ParameterNote("filter[agent_id]", "string", "Only tasks of this agent."),
            new ParameterNote("filter[action]", "string", "Only tasks of this action."),
            new ParameterNote("sort", "string", "The order.") { Words = ["-created_at"], Default = "-created_at" },
        ];
        api.MapGet("/agents", operators.AgentsAsync)
            .AuditsRead("agent.read", "agent")
            .Says("listBridgeAgents", Tag, "List the remote agents")
            .Needs(Permission.BridgeRead)
            .Gives<AgentListView>(200, "Remote agents by name.").Fails(ErrorCode.ListFailed);
        api.MapPost("/tasks/dispatch", operators.DispatchAsync)
            .Audits("task.dispatch", "task")
            .Says("dispatchTask", Tag, "Dispatch a task to a remote agent", "The agent is chosen by capability (`action`), health, load and rate. The task is a run of one step, `run_id`: budget, journal and audit are the run's.")
            .Needs(Permission.BridgeWrite)
            .Takes(new ParameterNote(IdempotencyKeys.Header, "string", "The same key gives the same task.", "header"))
            .TakesBody<DispatchBody>(true)
            .Gives<DispatchedView>(202, "The task, durable; `Location` names it.")
            .Fails(ErrorCode.AgentNotFound, ErrorCode.InvalidPayload, ErrorCode.IdempotencyKeyReused, ErrorCode.RunsNotAccepted, ErrorCode.RateLimited, ErrorCode.AuthError);
        api.MapGet("/tasks", operators.ListAsync)
            .AuditsRead("task.read", "task")
            .Says("listTasks", Tag, "List tasks, newest first", "Items have the short form: without payload, result and history.")
            .Needs(Permission.BridgeRead)
            .Takes(filters).Gives<PageView<TaskView>>(200, "Tasks.").Gives(304, Unchanged).Fails(ErrorCode.ListFailed);
        api.MapGet("/tasks/{id}", operators.GetAsync)
            .AuditsRead("task.read", "task")
            .Says("getTask", Tag, "Read a task with its history")
            .Needs(Permission.BridgeRead)
            .Gives<TaskView>(200, "The task.").Gives(304, Unchanged).Fails(ErrorCode.TaskNotFound);
        api.MapGet("/dead-letters", operators.ListDeadAsync)
            .AuditsRead("task.read", "task")
            .Says("listDeadLetters", Tag, "List tasks that nobody did, newest first", "Those that timed out in their last try, and those that no agent took. `GET /orchestrator/tasks/{id}` shows one whole.")
            .Needs(Permission.BridgeRead)
            .Takes(filters).Gives<PageView<TaskView>>(200, "Dead letters.").Gives(304, Unchanged).Fails(ErrorCode.ListFailed);
        api.MapPost("/dead-letters/{id}/replay", operators.ReplayAsync)
            .Audits("task.replay", "task")
            .Says("replayDeadLetter", Tag, "Dispatch a dead letter again", "As a new task and a new run, each naming the other. One dead letter gives one replay, however often it is asked for.")
            .Needs(Permission.BridgeWrite)
            .TakesBody<ReplayBody>(false).Gives<DispatchedView>(202, "The new task; `Location` names it.")
            .Fails(ErrorCode.TaskNotFound, ErrorCode.TaskAlreadyFinished, ErrorCode.AgentNotFound, ErrorCode.InvalidPayload, ErrorCode.AuthError);
    }

    private static void MapEvents(IEndpointRouteBuilder api, SubscriptionEndpoints subscriptions, EventStreamEndpoint stream)
    {
        api.MapGet("/events/stream", stream.HandleAsync)
            .AuditsRead("event.read", "event")
            .Says("streamBridgeEvents", Tag, "Follow events of remote agents", "As server-sent events (`id` is the event's number, `event` its type), without loss or repetition from `Last-Event-ID` or `after` on.")
            .Needs(Permission.BridgeRead)
            .Takes(
                new ParameterNote("type", "string", "Types, comma separated; a final `*` means a beginning."),
                new ParameterNote("source", "string", "Sources, likewise."),
                new ParameterNote("after", "integer", "The number of the last event that is known; by default only what comes.") { Least = 0 })
            .Gives(200, "Events until the reader leaves.", "text/event-stream").Fails(ErrorCode.NotAcceptable);
        api.MapPost("/subscriptions", subscriptions.CreateAsync)
            .Audits("subscription.create", "subscription")
            .Says("createSubscription", Tag, "Have events posted to an address", "In their order, one at a time, again until they are taken (any 2xx). `X-AgentFlow-Signature: t=SECONDS,v1=HEX` is the HMAC-SHA256 of `SECONDS.BODY` under the secret.")
            .Needs(Permission.BridgeWrite)
            .TakesBody<SubscriptionBody>(true).Gives<SubscriptionView>(201, "The subscription; `Location` names it.").Fails(ErrorCode.SecretNotFound, ErrorCode.InvalidPayload, ErrorCode.RateLimited);
        api.MapGet("/subscriptions", subscriptions.ListAsync)
            .AuditsRead("subscription.read", "subscription")
            .Says("listSubscriptions", Tag, "List subscriptions, oldest first")
            .Needs(Permission.BridgeRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor).Gives<PageView<SubscriptionView>>(200, "Subscriptions.").Gives(304, Unchanged).Fails(ErrorCode.ListFailed);
        api.MapGet("/subscriptions/{id}", subscriptions.GetAsync)
            .AuditsRead("subscription.read", "subscription")
            .Says("getSubscription", Tag, "Read a subscription")
            .Needs(Permission.BridgeRead)
            .Gives<SubscriptionView>(200, "The subscription and how far it is.").Gives(304, Unchanged).Fails(ErrorCode.SubscriptionNotFound);
        api.MapPost("/subscriptions/{id}/resume", subscriptions.ResumeAsync)
            .Audits("subscription.resume", "subscription")
            .Says("resumeSubscription", Tag, "Try a suspended subscription again", "It goes on where it stopped.")
            .Needs(Permission.BridgeWrite)
            .TakesBody<EmptyBody>(false).Gives<SubscriptionView>(200, "The subscription as it is now.").Fails(ErrorCode.SubscriptionNotFound, ErrorCode.InvalidPayload);
        api.MapDelete("/subscriptions/{id}", subscriptions.RemoveAsync)
            .Audits("subscription.remove", "subscription")
            .Says("removeSubscription", Tag, "Remove a subscription")
            .Needs(Permission.BridgeWrite)
            .Gives(204, "Removed.").Fails(ErrorCode.SubscriptionNotFound);
    }
}
