using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
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
    private const string Kept = ": alive\n\n";

    public async Task HandleAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        long from = From(context);
        (string tenant, RunRow row) = await reader.LocateAsync(context, id, cancellationToken).ConfigureAwait(false);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        CallerWatch watch = CallerWatch.Begin(context, Permission.RunsRead, stop, clock);
        await using ConfiguredAsyncDisposable watching = watch.ConfigureAwait(false);
        IAsyncEnumerable<StreamItem> items = streams.FollowAsync(tenant, row, from, stop.Token);
        if (context.WebSockets.IsWebSocketRequest)
        {
            await LiveSocket.ServeAsync(context, watch, stop, socket => SendAsync(socket, items)).ConfigureAwait(false);
        }
        else if (MediaTypes.Accepts(context, EventStream.MediaType))
        {
            await EventStream.ServeAsync(context, watch, body => WriteAsync(body, items, stop.Token), stop.Token).ConfigureAwait(false);
        }
        else
        {
            throw new ProblemException(ErrorCode.NotAcceptable, $"A stream is a WebSocket upgrade, or {EventStream.MediaType} in Accept.");
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

    private static async Task WriteAsync(PipeWriter body, IAsyncEnumerable<StreamItem> items, CancellationToken cancellationToken)
    {
        await foreach (StreamItem item in items.ConfigureAwait(false))
        {
            Write(body, item);
            await body.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static void Write(PipeWriter body, StreamItem item)
    {
        switch (item)
        {
            case StreamItem.Events { Texts: var texts }:
                foreach (EventText text in texts)
                {
                    EventStream.Write(body, $"id: {text.Seq}\nevent: {text.Type}\ndata: ");
                    body.Write(text.Json.Span);
                    EventStream.Write(body, "\n\n");
                }

                break;
            case StreamItem.Heartbeat:
                EventStream.Write(body, Kept);
                break;
            case StreamItem.Ended end:
                EventStream.Write(body, $"event: end\ndata: {{\"seq\":{end.LastSeq},\"status\":\"{end.Status.Word()}\"}}\n\n");
                break;
            case StreamItem.TooSlow slow:
                EventStream.Write(body, $": too slow, resume after {slow.LastSeq}\n\n");
                break;
        }
    }

    private static async Task<(WebSocketCloseStatus Status, string Reason)> SendAsync(LiveSocket socket, IAsyncEnumerable<StreamItem> items)
    {
        await foreach (StreamItem item in items.ConfigureAwait(false))
        {
            switch (item)
            {
                case StreamItem.Events { Texts: var texts }:
                    await socket.SendAsync(texts, static t => t.Json).ConfigureAwait(false);
                    break;
                case StreamItem.TooSlow slow:
                    return (LiveSocket.TryAgainLater, $"too slow, resume after {slow.LastSeq}");
            }
        }

        return (WebSocketCloseStatus.NormalClosure, "run ended");
    }
}
