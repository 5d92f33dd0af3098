using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Hosting;

namespace AgentFlow.Server.Features.Activities;

/// <summary><c>GET /agents/activity/stream</c>: what happens in the tenant, over WebSocket or server-sent events.</summary>
internal sealed class ActivityEndpoint(ActivityHub hub, IHostApplicationLifetime lifetime, TimeProvider clock)
{
    private const int MaxWords = 100;

    /// <summary>After how much silence a reader is told its place: one whose filter lets little through would resume from too far back.</summary>
    private static readonly TimeSpan SignOfLife = TimeSpan.FromSeconds(15);

    public async Task HandleAsync(HttpContext context, CancellationToken cancellationToken)
    {
        (ActivityCursor? after, ActivityFilter filter) = Read(context);
        string tenant = Tenant.Of(context);
        bool isSocket = context.WebSockets.IsWebSocketRequest;
        if (!isSocket && !MediaTypes.Accepts(context, EventStream.MediaType))
        {
            throw new ProblemException(ErrorCode.NotAcceptable, $"A stream is a WebSocket upgrade, or {EventStream.MediaType} in Accept.");
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        CallerWatch watch = CallerWatch.Begin(context, Permission.ActivityRead, stop, clock);
        await using ConfiguredAsyncDisposable watching = watch.ConfigureAwait(false);
        using ActivityReader reader = hub.Open(tenant, after, filter);
        await (isSocket
            ? LiveSocket.ServeAsync(context, watch, stop, socket => SendAsync(socket, reader, after, stop.Token))
            : EventStream.ServeAsync(context, watch, body => WriteAsync(body, reader, after, stop.Token), stop.Token)).ConfigureAwait(false);
    }

    private static (ActivityCursor? After, ActivityFilter Filter) Read(HttpContext context)
    {
        var query = new QueryReader(context);
        string? after = query.Text("after");
        var filter = new ActivityFilter { Types = Words(query, "type"), Agents = Words(query, "agent_id"), Roles = Words(query, "role"), Categories = Words(query, "category") };
        query.End();
        // A reconnecting EventSource repeats its address and adds what it has seen.
        string seen = context.Request.Headers["Last-Event-ID"].ToString();
        (string name, string? text) = seen.Length > 0 ? ("Last-Event-ID", seen) : ("after", after);
        if (text is null)
        {
            return (null, filter);
        }

        return ActivityCursor.TryParse(text, out ActivityCursor? cursor)
            ? (cursor, filter)
            : throw ProblemException.Parameter(name, "is no place in the activity", "Send the id of the last event that was received, as it stood there.");
    }

    private static string[]? Words(in QueryReader query, string name)
    {
        string[]? words = query.Text(name)?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return words is not { Length: > MaxWords } ? words : throw ProblemException.Parameter(name, $"names {words.Length}", $"Name at most {MaxWords}, or filter what comes.");
    }

    private static async Task<(WebSocketCloseStatus Status, string Reason)> SendAsync(LiveSocket socket, ActivityReader reader, ActivityCursor? after, CancellationToken cancellationToken)
    {
        await socket.SendAsync([Opened(reader, after)], static text => Encoding.UTF8.GetBytes(text)).ConfigureAwait(false);
        while (reader.Take() is { } items)
        {
            if (items.Count > 0)
            {
                await socket.SendAsync(items, static item => item.Json).ConfigureAwait(false);
            }
            else if (!await HasArrivedAsync(reader, cancellationToken).ConfigureAwait(false))
            {
                await socket.SendAsync([Alive(reader)], static text => Encoding.UTF8.GetBytes(text)).ConfigureAwait(false);
            }
        }

        return (LiveSocket.TryAgainLater, $"too slow, resume after {reader.Place}");
    }

    private static async Task WriteAsync(PipeWriter body, ActivityReader reader, ActivityCursor? after, CancellationToken cancellationToken)
    {
        EventStream.Write(body, $"id: {reader.Place}\nevent: stream.opened\ndata: {Opened(reader, after)}\n\n");
        await FlushAsync(body, cancellationToken).ConfigureAwait(false);
        while (reader.Take() is { } items)
        {
            foreach (ActivityItem item in items)
            {
                EventStream.Write(body, string.Create(CultureInfo.InvariantCulture, $"id: {reader.Place with { Seq = item.Seq }}\nevent: {item.Type}\ndata: "));
                body.Write(item.Json);
                EventStream.Write(body, "\n\n");
            }

            if (items.Count == 0 && !await HasArrivedAsync(reader, cancellationToken).ConfigureAwait(false))
            {
                // An id without data is remembered, and gives no event.
                EventStream.Write(body, $"id: {reader.Place}\n: alive\n\n");
            }

            await FlushAsync(body, cancellationToken).ConfigureAwait(false);
        }

        EventStream.Write(body, $"event: closed\ndata: {{\"reason\":\"too slow, resume after {reader.Place}\"}}\n\n");
        await FlushAsync(body, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes out; a client that takes nothing for too long is given up.</summary>
    private static async Task FlushAsync(PipeWriter body, CancellationToken cancellationToken)
    {
        if (body.UnflushedBytes == 0)
        {
            return;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(LiveSocket.SendLimit);
        await body.FlushAsync(limit.Token).ConfigureAwait(false);
    }

    /// <returns>False when nothing has happened for a while.</returns>
    private static async ValueTask<bool> HasArrivedAsync(ActivityReader reader, CancellationToken cancellationToken)
    {
        try
        {
            await reader.ArrivalAsync().WaitAsync(SignOfLife, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private static string Opened(ActivityReader reader, ActivityCursor? after)
    {
        string gap = reader.Gap is { } reason ? $",\"gap\":{{\"after\":\"{after}\",\"reason\":\"{(reason == ActivityGap.TooOld ? "too_old" : "restarted")}\"}}" : "";
        return $"{{\"type\":\"stream.opened\",\"id\":\"{reader.Place}\"{gap}}}";
    }

    private static string Alive(ActivityReader reader) => $"{{\"type\":\"stream.alive\",\"id\":\"{reader.Place}\"}}";
}
