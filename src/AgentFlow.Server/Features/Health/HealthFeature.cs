using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;

namespace AgentFlow.Server.Features.Health;

/// <summary>The addresses that a supervisor asks.</summary>
internal static class HealthFeature
{
    private const string Tag = "Health";

    public static void MapHealth(this IEndpointRouteBuilder root, HealthEndpoints health)
    {
        root.MapGet("/healthz", HealthEndpoints.AliveAsync)
            .Says("isAlive", Tag, "Whether the process lives")
            .IsOpenToAnyone("A supervisor asks; it says nothing but that.")
            .Gives<HealthView>(200, "It does.")
            .Fails();
        root.MapGet("/readyz", health.ReadyAsync)
            .Says("isReady", Tag, "Whether the server can take work", "503 while the store does not answer, and once the server is stopping.")
            .IsOpenToAnyone("A supervisor asks; it says how much waits, and nothing of anybody.")
            .Gives<HealthView>(200, "The store answers.")
            .Fails();
    }
}
