using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Cli.Load;

/// <summary>Where the agents of a load take tasks: accepts every one and does nothing.</summary>
internal sealed class LoadAgents : IAsyncDisposable
{
    public const string Action = "load.nothing";

    private readonly WebApplication _app;
    private int _taken;

    private LoadAgents(WebApplication app) => _app = app;

    /// <summary>Where it listens.</summary>
    public Uri Address => new(_app.Urls.First());

    /// <summary>Tasks that have come.</summary>
    public int Taken => Volatile.Read(ref _taken);

    public static async Task<LoadAgents> StartAsync(IPEndPoint at, CancellationToken cancelled)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(at));
        WebApplication app = builder.Build();
        var agents = new LoadAgents(app);
        app.Run(agents.TakeAsync);
        await app.StartAsync(cancelled);
        return agents;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using JsonDocument task = await JsonDocument.ParseAsync(context.Request.Body, default, context.RequestAborted);
        Interlocked.Increment(ref _taken);
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync($$"""{"task_id":"{{task.RootElement.GetProperty("task_id").GetString()}}","status":"accepted","message":"taken"}""", context.RequestAborted);
    }
}
