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
    private readonly ConcurrentDictionary<string, bool> _refused = new(StringComparer.Ordinal);
    private int _active;
    private int _slow;

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
    /// <param name="looks">How many looks, 20 ms apart, must have found nothing.</param>
    public async Task NextLifeAsync(int looks = 10)
    {
        for (int calm = 0; calm < looks; calm++)
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

    /// <summary>Returns while a slow call is under way; or soon, when none comes.</summary>
    public async Task SlowCallAsync()
    {
        for (int looks = 0; Volatile.Read(ref _slow) == 0 && looks < 250; looks++)
        {
            await Task.Delay(20);
        }
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    /// <param name="refuse">The first call under a key is refused, and has no effect.</param>
    /// <param name="slow">The answer takes its time.</param>
    /// <param name="pad">Length of a text that the answer carries.</param>
    private async Task<IResult> RecordAsync(HttpContext context, string run, int step, bool refuse = false, bool slow = false, int pad = 0)
    {
        string key = context.Request.Headers["Idempotency-Key"].ToString();
        if (refuse && _refused.TryAdd(key, true))
        {
            return Results.StatusCode(StatusCodes.Status503ServiceUnavailable);
        }

        Interlocked.Increment(ref _active);
        Interlocked.Add(ref _slow, slow ? 1 : 0);
        Effects.Enqueue(new Effect(run, step, key, Life));
        await Task.Delay(slow ? 400 : Random.Shared.Next(5, 80), CancellationToken.None);
        Interlocked.Add(ref _slow, slow ? -1 : 0);
        Interlocked.Decrement(ref _active);
        return Results.Json(new { run, step, text = new string('x', pad) });
    }

    internal sealed record Effect(string Run, int Step, string Key, int Life);
}
