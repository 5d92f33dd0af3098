using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>The outside world: remembers every effect that reaches it, by idempotency key. It outlives the server under test.</summary>
internal sealed class EffectLedger : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _active;

    private EffectLedger(WebApplication app) => _app = app;

    public ConcurrentQueue<Effect> Effects { get; } = new();

    /// <summary>Which life of the server is calling.</summary>
    public int Life { get; set; }

    public int Port { get; private set; }

    public static async Task<EffectLedger> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        WebApplication app = builder.Build();
        var ledger = new EffectLedger(app);
        app.MapPost("/effect", ledger.RecordAsync);
        await app.StartAsync();
        ledger.Port = new Uri(app.Urls.Single()).Port;
        return ledger;
    }

    /// <summary>Waits until nothing has been under way for a while, and counts what comes then to the next life.</summary>
    public async Task NextLifeAsync()
    {
        for (int calm = 0; calm < 10; calm++)
        {
            int seen = Effects.Count;
            await Task.Delay(20);
            if (Effects.Count != seen || Volatile.Read(ref _active) > 0)
            {
                calm = 0;
            }
        }

        Life++;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task<IResult> RecordAsync(HttpContext context, string run, int step)
    {
        Interlocked.Increment(ref _active);
        Effects.Enqueue(new Effect(run, step, context.Request.Headers["Idempotency-Key"].ToString(), Life));
        await Task.Delay(Random.Shared.Next(5, 80), CancellationToken.None);
        Interlocked.Decrement(ref _active);
        return Results.Json(new { run, step });
    }

    internal sealed record Effect(string Run, int Step, string Key, int Life);
}
