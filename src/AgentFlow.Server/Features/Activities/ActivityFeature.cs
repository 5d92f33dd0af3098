using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Activities;

/// <summary>The address of what happens now.</summary>
internal static class ActivityFeature
{
    public static void MapActivity(this IEndpointRouteBuilder api, ActivityEndpoint activity) => api.MapGet("/agents/activity/stream", activity.HandleAsync)
        .AuditsRead("activity.read", "activity")
        .Says("streamActivity", "Activity", "Follow what happens in the tenant", """
            Agents, runs, steps, metrics, budgets, decisions about access and alerts, as server-sent events or, on a WebSocket upgrade, one JSON object in
            each text message: `seq`, `id`, `at`, `type`, `agent_id`, `role`, `category`, `data`. The first is `stream.opened`; with a `gap` in it, events
            behind the place that was asked for are gone (`too_old`), or numbered anew (`restarted`). Otherwise nothing is lost or repeated from
            `Last-Event-ID` or `after` on. A reader that is too slow is dropped (WebSocket 1013, event `closed`) and told where to resume.
            """)
        .Needs(Permission.ActivityRead)
        .Takes(
            new ParameterNote("after", "string", "The `id` of the last event that was received; without one the stream begins now."),
            new ParameterNote("Last-Event-ID", "string", "Goes before `after`.", "header"),
            new ParameterNote("type", "string", "Only these types, comma separated; `agent.*` means all that begin so."),
            new ParameterNote("agent_id", "string", "Only these agents, comma separated."),
            new ParameterNote("role", "string", "Only agents in these roles, comma separated."),
            new ParameterNote("category", "string", "Only agents of these categories, comma separated."))
        .Gives(200, "Server-sent events.", EventStream.MediaType).Gives(101, "A WebSocket.")
        .Fails(ErrorCode.NotAcceptable, ErrorCode.RateLimited);
}
