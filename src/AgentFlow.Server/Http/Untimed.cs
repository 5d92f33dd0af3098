namespace AgentFlow.Server.Http;

/// <summary>A feature of requests whose answer lasts as long as its sender wants: how long that is says nothing about the server.</summary>
internal sealed class Untimed
{
    private static readonly Untimed Instance = new();

    private Untimed()
    {
    }

    public static void Mark(HttpContext context) => context.Features.Set(Instance);
}
