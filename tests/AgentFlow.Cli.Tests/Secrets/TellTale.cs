using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Cli.Tests.Secrets;

/// <summary>A server that tells everybody what it was told, in every shape that it can think of, and fails in between.</summary>
internal sealed class TellTale : IAsyncDisposable
{
    public const int Ways = 10;

    private readonly WebApplication _app;
    private int _asked;

    private TellTale(WebApplication app) => _app = app;

    public int Port { get; private set; }

    /// <summary>Requests that carried the secret.</summary>
    public int Asked => Volatile.Read(ref _asked);

    public static async Task<TellTale> StartAsync(string secret)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        WebApplication app = builder.Build();
        var told = new TellTale(app);
        app.Run(context => told.AnswerAsync(context, secret));
        await app.StartAsync();
        told.Port = new Uri(app.Urls.Single()).Port;
        return told;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context, string secret)
    {
        using var reader = new StreamReader(context.Request.Body);
        string body = await reader.ReadToEndAsync();
        string authorization = context.Request.Headers.Authorization.ToString();
        if (authorization.Contains(secret, StringComparison.Ordinal))
        {
            Interlocked.Increment(ref _asked);
        }

        string all = $"{context.Request.Method} {context.Request.Path}{context.Request.QueryString}\nAuthorization: {authorization}\n{body}";
        HttpResponse response = context.Response;
        response.Headers["X-Told"] = Uri.EscapeDataString(authorization);
        response.Headers["X-Basic"] = Convert.ToBase64String(Encoding.UTF8.GetBytes("user:" + secret));
        switch (int.Parse(context.Request.Query["way"].ToString(), System.Globalization.CultureInfo.InvariantCulture))
        {
            case 0:
                await response.WriteAsJsonAsync(new { all, body, authorization, hex = Convert.ToHexString(Encoding.UTF8.GetBytes(secret)) });
                break;
            case 1:
                await response.WriteAsJsonAsync(new { nested = JsonSerializer.Serialize(new { deeper = JsonSerializer.Serialize(new { authorization }) }), url = $"https://x.example/?k={Uri.EscapeDataString(secret)}", form = WebUtility.UrlEncode(secret) });
                break;
            case 2:
                response.StatusCode = 500;
                await response.WriteAsync(all);
                break;
            case 3:
                response.StatusCode = 400;
                await response.WriteAsJsonAsync(new { error = $"bad token {secret}" });
                break;
            case 4:
                response.ContentType = "application/octet-stream";
                await response.Body.WriteAsync((byte[])[0, 255, 254, .. Encoding.UTF8.GetBytes(all), 0, 200]);
                break;
            case 5:
                response.ContentType = "text/html";
                await response.WriteAsync($"<p>{WebUtility.HtmlEncode(all)}</p>{new string('-', 150)}{secret}");
                break;
            case 6:
                response.StatusCode = 500;
                // An excerpt of this ends in the middle of it.
                await response.WriteAsync(new string('x', 190) + secret);
                break;
            case 7:
                context.Abort();
                break;
            case 8:
                await response.WriteAsync("\"" + string.Concat(secret.Select(c => $"\\u{(int)c:X4}")) + "\"");
                break;
            default:
                response.StatusCode = 302;
                response.Headers.Location = $"/?way=0&k={Uri.EscapeDataString(secret)}";
                break;
        }
    }
}
