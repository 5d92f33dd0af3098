using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Hosting;

namespace AgentFlow.Server.Features.Runs;

/// <summary><c>GET /runs/{id}/stream</c>: a run's durable events as they come, over WebSocket or server-sent events.</summary>
internal sealed class StreamEndpoint(RunReader reader, RunStreams streams, IHostApplicationLifetime lifetime, TimeProvider clock)
{
    private const string EventStream = "text/event-stream";
    private const string Kept = ": alive\n\n";

    // Try Again Later (the IANA registry of WebSocket close codes).
    private const WebSocketCloseStatus TryAgainLater = (WebSocketCloseStatus)1013;

    // A reader that takes nothing for so long holds memory for nothing.
    private static readonly TimeSpan SendLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(5);

    public async Task HandleAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        long from = From(context);
        (string tenant, RunRow row) = await reader.LocateAsync(context, id, cancellationToken).ConfigureAwait(false);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        CallerWatch watch = CallerWatch.Begin(context, Permission.RunsRead, stop, clock);
        await using ConfiguredAsyncDisposable watching = watch.ConfigureAwait(false);
        if (context.WebSockets.IsWebSocketRequest)
        {
            using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync().ConfigureAwait(false);
            await SendAsync(socket, streams.FollowAsync(tenant, row, from, stop.Token), watch, stop).ConfigureAwait(false);
        }
        else if (MediaTypes.Accepts(context, EventStream))
        {
            await WriteAsync(context, streams.FollowAsync(tenant, row, from, stop.Token), watch, stop.Token).ConfigureAwait(false);
        }
        else
        {
            throw new ProblemException(ErrorCode.NotAcceptable, $"A stream is a WebSocket upgrade, or {EventStream} in Accept.");
        }
    }

    /// <summary>The first sequence to send. A reconnecting <c>EventSource</c> repeats its address and adds what it has seen.</summary>
    private static long From(HttpContext context)
    {
        var query = new QueryReader(context);
        long from = query.Number("from", 0, 0, long.MaxValue);
        query.End();
        string seen = context.Request.Headers["Last-Event-ID"].ToString();
        if (seen.Length == 0)
        {
            return from;
        }

        return long.TryParse(seen, NumberStyles.None, CultureInfo.InvariantCulture, out long last) && last < long.MaxValue
            ? last + 1
            : throw ProblemException.Parameter("Last-Event-ID", "is no sequence", "Send the id of the last event that was received.");
    }

    private static async Task WriteAsync(HttpContext context, IAsyncEnumerable<StreamItem> items, CallerWatch watch, CancellationToken cancellationToken)
    {
        HttpResponse response = context.Response;
        response.ContentType = EventStream;
        response.Headers.CacheControl = "no-cache";
        // nginx would hold events back until its buffer is full.
        response.Headers["X-Accel-Buffering"] = "no";
        PipeWriter body = response.BodyWriter;
        Write(body, "retry: 1000\n\n");
        await body.FlushAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await foreach (StreamItem item in items.ConfigureAwait(false))
            {
                Write(body, item);
                await body.FlushAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The client left, or the server stops: the client resumes after the last id that it saw.
            if (watch.HasEnded)
            {
                Write(body, $"event: closed\ndata: {{\"code\":\"{ErrorCode.Unauthenticated}\",\"reason\":\"{CallerWatch.Reason}\"}}\n\n");
                await body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
            }
        }
    }

    private static void Write(PipeWriter body, StreamItem item)
    {
        switch (item)
        {
            case StreamItem.Events { Texts: var texts }:
                foreach (EventText text in texts)
                {
                    Write(body, $"id: {text.Seq}\nevent: {text.Type}\ndata: ");
                    body.Write(text.Json.Span);
                    Write(body, "\n\n");
                }

                break;
            case StreamItem.Heartbeat:
                Write(body, Kept);
                break;
            case StreamItem.Ended end:
                Write(body, $"event: end\ndata: {{\"seq\":{end.LastSeq},\"status\":\"{end.Status.Word()}\"}}\n\n");
                break;
            case StreamItem.TooSlow slow:
                Write(body, $": too slow, resume after {slow.LastSeq}\n\n");
                break;
        }
    }

    private static void Write(PipeWriter body, string text) => Encoding.UTF8.GetBytes(text, body);

    private static async Task SendAsync(WebSocket socket, IAsyncEnumerable<StreamItem> items, CallerWatch watch, CancellationTokenSource stop)
    {
        Task listening = ListenAsync(socket, stop);
        (WebSocketCloseStatus status, string reason) = (WebSocketCloseStatus.EndpointUnavailable, "server is stopping");
        try
        {
            await foreach (StreamItem item in items.ConfigureAwait(false))
            {
                switch (item)
                {
                    case StreamItem.Events { Texts: var texts }:
                        await SendAsync(socket, texts, stop.Token).ConfigureAwait(false);
                        break;
                    case StreamItem.Ended:
                        (status, reason) = (WebSocketCloseStatus.NormalClosure, "run ended");
                        break;
                    case StreamItem.TooSlow slow:
                        (status, reason) = (TryAgainLater, $"too slow, resume after {slow.LastSeq}");
                        break;
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            // The peer left or took nothing for too long, or the server stops; what follows is the same.
        }

        if (watch.HasEnded)
        {
            (status, reason) = (WebSocketCloseStatus.PolicyViolation, CallerWatch.Reason);
        }

        await CloseAsync(socket, status, reason).ConfigureAwait(false);
        if (await Task.WhenAny(listening, Task.Delay(CloseLimit, CancellationToken.None)).ConfigureAwait(false) != listening)
        {
            socket.Abort();
        }

        await listening.ConfigureAwait(false);
    }

    private static async Task SendAsync(WebSocket socket, EventText[] texts, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(SendLimit);
        foreach (EventText text in texts)
        {
            await socket.SendAsync(text.Json, WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, limit.Token).ConfigureAwait(false);
        }
    }

    /// <summary>Reads until the peer closes or is gone, then stops the sending; whatever else the peer says means nothing here.</summary>
    private static async Task ListenAsync(WebSocket socket, CancellationTokenSource stop)
    {
        byte[] ignored = new byte[256];
        try
        {
            // Without the token: cancelling a read would tear the connection down before the close is said.
            while ((await socket.ReceiveAsync(ignored.AsMemory(), CancellationToken.None).ConfigureAwait(false)).MessageType != WebSocketMessageType.Close)
            {
            }
        }
        catch (WebSocketException)
        {
            // Gone without a word.
        }

        await stop.CancelAsync().ConfigureAwait(false);
    }

    private static async Task CloseAsync(WebSocket socket, WebSocketCloseStatus status, string reason)
    {
        if (socket.State is not (WebSocketState.Open or WebSocketState.CloseReceived))
        {
            return;
        }

        using var limit = new CancellationTokenSource(CloseLimit);
        try
        {
            await socket.CloseOutputAsync(status, reason, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            socket.Abort();
        }
    }
}
