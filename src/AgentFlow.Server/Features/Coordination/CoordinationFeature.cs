using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Coordination;

/// <summary>The addresses <c>/semaphores</c> and <c>/barriers</c>.</summary>
internal static class CoordinationFeature
{
    private const string Tag = "Coordination";
    private const string Unchanged = "Unchanged since the ETag in `If-None-Match`.";

    public static void MapCoordination(this IEndpointRouteBuilder api, CoordinationEndpoints endpoints)
    {
        api.MapGet("/semaphores", endpoints.SemaphoresAsync)
            .AuditsRead("run.read", "run")
            .Says("listSemaphores", Tag, "List semaphores", "Those that somebody holds or wants a permit of.")
            .Needs(Permission.RunsRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor, Sort)
            .Gives<PageView<SemaphoreView>>(200, "Semaphores by name.").Gives(304, Unchanged)
            .Fails();
        api.MapGet("/barriers", endpoints.BarriersAsync)
            .AuditsRead("run.read", "run")
            .Says("listBarriers", Tag, "List barriers", "Those that somebody waits at.")
            .Needs(Permission.RunsRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor, Sort)
            .Gives<PageView<BarrierView>>(200, "Barriers by name.").Gives(304, Unchanged)
            .Fails();
    }

    private static ParameterNote Sort => new("sort", "string", "The order.") { Words = ["name"], Default = "name" };
}
