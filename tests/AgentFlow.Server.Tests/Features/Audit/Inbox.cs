using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Tests.Features.Audit;

/// <summary>Somebody who takes posts; refuses the first one, so that it has to be sent again.</summary>
internal sealed class Inbox : IAsyncDisposable
{
    private readonly Channel<string> _posts = Channel.CreateUnbounded<string>();
    private WebApplication? _app;
    private int _asked;

    public Uri Address => new(_app!.Urls.First());

    public static async Task<Inbox> StartAsync()
    {
        var inbox = new Inbox();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        inbox._app = builder.Build();
        inbox._app.Run(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            string body = await reader.ReadToEndAsync();
            if (Interlocked.Increment(ref inbox._asked) == 1)
            {
                context.Response.StatusCode = StatusCodes.Status500InternalServerError;
                return;
            }

            inbox._posts.Writer.TryWrite(body);
        });
        await inbox._app.StartAsync();
        return inbox;
    }

    public async Task<string> NextAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        return await _posts.Reader.ReadAsync(limit.Token);
    }

    public ValueTask DisposeAsync() => _app!.DisposeAsync();
}
