using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;

namespace AgentFlow.Server.Tests.Features.Bridge;

/// <summary>An agent's HTTP server in this process: it keeps what it gets and answers as it is told.</summary>
public sealed class AgentDouble : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Channel<JsonElement> _tasks = Channel.CreateUnbounded<JsonElement>();

    private AgentDouble(int port)
    {
        Url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");
        _listener.Prefixes.Add(Url + "/");
        _listener.Start();
        _ = ServeAsync();
    }

    public string Url { get; }

    public int Port => new Uri(Url).Port;

    /// <summary>What the next requests are answered with; 200 after them.</summary>
    public ConcurrentQueue<(int Status, string? RetryAfter)> Answers { get; } = new();

    public ConcurrentQueue<(string Path, string Authorization, string Body, string? Signature)> Requests { get; } = new();

    public static AgentDouble Start()
    {
        for (int port = Random.Shared.Next(20_000, 60_000); ; port = Random.Shared.Next(20_000, 60_000))
        {
            try
            {
                return new AgentDouble(port);
            }
            catch (HttpListenerException)
            {
                // Taken.
            }
        }
    }

    /// <summary>The next task that was taken.</summary>
    public async Task<JsonElement> TaskAsync() => await _tasks.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));

    public void Dispose() => _listener.Close();

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            using var reader = new StreamReader(context.Request.InputStream);
            string body = await reader.ReadToEndAsync();
            Requests.Enqueue((context.Request.Url!.AbsolutePath, context.Request.Headers["Authorization"] ?? "", body, context.Request.Headers["X-AgentFlow-Signature"]));
            (int status, string? retryAfter) = Answers.TryDequeue(out var told) ? told : (200, null);
            context.Response.StatusCode = status;
            if (retryAfter is not null)
            {
                context.Response.Headers["Retry-After"] = retryAfter;
            }

            context.Response.ContentType = "application/json";
            await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(context.Request.HttpMethod == "GET" ? """{"capabilities":["doc.read"],"version":"1","status":"online"}""" : """{"status":"accepted"}"""));
            context.Response.Close();
            if (status < 300 && body.Length > 0)
            {
                _tasks.Writer.TryWrite(JsonElement.Parse(body));
            }
        }
    }
}
