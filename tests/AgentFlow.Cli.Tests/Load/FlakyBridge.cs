using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Cli.Tests.Load;

/// <summary>An orchestrator that speaks the wire and, when it is told to, fails every second heartbeat.</summary>
internal sealed class FlakyBridge : IAsyncDisposable
{
    private readonly HttpClient _http = new();
    private WebApplication? _app;
    private string _agents = "";
    private int _heartbeats;

    public bool IsFlaky { get; set; }

    /// <summary>What was said of each task, in the order in which it came.</summary>
    public ConcurrentDictionary<string, List<string>> Callbacks { get; } = new(StringComparer.Ordinal);

    public Uri Address => new(_app!.Urls.First());

    public static async Task<FlakyBridge> StartAsync()
    {
        var bridge = new FlakyBridge();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        bridge._app = builder.Build();
        bridge._app.Run(bridge.AnswerAsync);
        await bridge._app.StartAsync();
        return bridge;
    }

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return _app!.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        string path = context.Request.Path;
        if (!path.StartsWith("/orchestrator/", StringComparison.Ordinal))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        using JsonDocument body = await JsonDocument.ParseAsync(context.Request.Body);
        context.Response.ContentType = "application/json";
        if (path.EndsWith("/register", StringComparison.Ordinal))
        {
            _agents = body.RootElement.GetProperty("base_url").GetString()!;
        }
        else if (path.EndsWith("/dispatch", StringComparison.Ordinal))
        {
            string task = Guid.NewGuid().ToString();
            using var content = new StringContent($$"""{"task_id":"{{task}}"}""");
            (await _http.PostAsync(_agents + "/agent/task", content)).EnsureSuccessStatusCode();
            context.Response.StatusCode = StatusCodes.Status202Accepted;
            await context.Response.WriteAsync($$"""{"success":true,"task_id":"{{task}}"}""");
            return;
        }
        else if (path.EndsWith("/callback", StringComparison.Ordinal))
        {
            List<string> said = Callbacks.GetOrAdd(body.RootElement.GetProperty("task_id").GetString()!, static _ => []);
            lock (said)
            {
                said.Add(body.RootElement.GetProperty("status").GetString()!);
            }
        }
        else if (path.EndsWith("/heartbeat", StringComparison.Ordinal) && IsFlaky && Interlocked.Increment(ref _heartbeats) % 2 == 0)
        {
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            await context.Response.WriteAsync("""{"success":false,"error":{"code":"HEARTBEAT_FAILED","message":"no disk"}}""");
            return;
        }

        await context.Response.WriteAsync("""{"success":true}""");
    }
}
