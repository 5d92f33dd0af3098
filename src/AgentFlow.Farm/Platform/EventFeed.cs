using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text.Json;

namespace AgentFlow.Farm.Platform;

/// <summary>One thing that a platform said to have happened.</summary>
/// <param name="Type">For example <c>workflow.completed</c>; empty when the platform gave none.</param>
public sealed record PlatformEvent(string Type, JsonElement Body);

/// <summary>
/// Follows <c>GET /api/v1/aoa/events</c> until it is cancelled: reconnects after the last event that came, waits longer
/// each time, takes the time that the server asks for. What it cannot do it says in <see cref="Problem"/>: a platform
/// without events is still a platform.
/// </summary>
public sealed class EventFeed(Target target, EventTransport transport, TimeProvider clock, Action<PlatformEvent> seen)
{
    private const string Path = "api/v1/aoa/events";
    private const int MostMessageBytes = 1 << 20;
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan LeastWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MostWait = TimeSpan.FromSeconds(15);
    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _lastId;
    private TimeSpan? _retry;
    private long _received;
    private long _unreadable;
    private int _connections;

    /// <summary>Completes when the first connection stands, or has failed.</summary>
    public Task Tried => _tried.Task;

    /// <summary><c>sse</c>, <c>websocket</c> or <c>none</c>: what worked.</summary>
    public string Used { get; private set; } = "none";

    public int Connections => Volatile.Read(ref _connections);

    public long Received => Interlocked.Read(ref _received);

    /// <summary>Events that were no JSON object.</summary>
    public long Unreadable => Interlocked.Read(ref _unreadable);

    public string? Problem { get; private set; }

    private enum Ending
    {
        /// <summary>Connect again.</summary>
        Lost,

        /// <summary>The platform has no such thing.</summary>
        NotOffered,
    }

    public async Task FollowAsync(CancellationToken cancelled)
    {
        if (transport == EventTransport.None)
        {
            _tried.TrySetResult();
            return;
        }

        using var http = new HttpClient(PlatformClient.Handler(1)) { Timeout = Timeout.InfiniteTimeSpan };
        bool overSocket = transport == EventTransport.WebSocket;
        TimeSpan wait = TimeSpan.FromMilliseconds(500);
        while (!cancelled.IsCancellationRequested)
        {
            long before = Received;
            Ending ending = await ConnectAsync(http, overSocket, cancelled).ConfigureAwait(false);
            if (ending == Ending.NotOffered)
            {
                if (transport != EventTransport.Auto || overSocket)
                {
                    _tried.TrySetResult();
                    return;
                }

                overSocket = true;
                continue;
            }

            _tried.TrySetResult();
            // Whoever sent something may be asked again soon.
            wait = Received > before ? TimeSpan.FromMilliseconds(500) : wait * 2;
            TimeSpan pause = _retry ?? wait;
            pause = pause < LeastWait ? LeastWait : pause > MostWait ? MostWait : pause;
            try
            {
                await Task.Delay(pause, clock, cancelled).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task<Ending> ConnectAsync(HttpClient http, bool overSocket, CancellationToken cancelled)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        limit.CancelAfter(ConnectLimit);
        try
        {
            return overSocket ? await ReadSocketAsync(limit).ConfigureAwait(false) : await ReadStreamAsync(http, limit).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            if (!cancelled.IsCancellationRequested)
            {
                Problem = $"GET /{Path} was silent for too long.";
            }

            return Ending.Lost;
        }
        catch (WebSocketException e) when (overSocket && e.WebSocketErrorCode == WebSocketError.NotAWebSocket)
        {
            Problem = $"GET /{Path} offers no events: {e.Message}";
            return Ending.NotOffered;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or WebSocketException or InvalidDataException)
        {
            Problem = $"GET /{Path} broke: {e.Message}";
            return Ending.Lost;
        }
    }

    private async Task<Ending> ReadStreamAsync(HttpClient http, CancellationTokenSource limit)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, target.At(Path));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        target.Sign(request.Headers);
        if (_lastId is not null)
        {
            request.Headers.TryAddWithoutValidation("Last-Event-ID", _lastId);
        }

        using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
        {
            Problem = $"GET /{Path} answered {(int)response.StatusCode}.";
            return (int)response.StatusCode is 408 or 425 or 429 or >= 500 and not 501 ? Ending.Lost : Ending.NotOffered;
        }

        Connected("sse");
        limit.CancelAfter(IdleLimit);
        Stream stream = await response.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            await foreach (ServerSentEvent happened in ServerSentEvents.ReadAsync(stream, () => limit.CancelAfter(IdleLimit), limit.Token).ConfigureAwait(false))
            {
                _lastId = happened.Id ?? _lastId;
                _retry = happened.Retry ?? _retry;
                Take(System.Text.Encoding.UTF8.GetBytes(happened.Data), happened.Type);
            }
        }

        return Ending.Lost;
    }

    private async Task<Ending> ReadSocketAsync(CancellationTokenSource limit)
    {
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("X-Tenant-ID", target.Tenant);
        if (target.Token is not null)
        {
            socket.Options.SetRequestHeader("Authorization", $"Bearer {target.Token}");
        }

        if (_lastId is not null)
        {
            socket.Options.SetRequestHeader("Last-Event-ID", _lastId);
        }

        Uri address = new UriBuilder(target.At(Path)) { Scheme = target.Address.Scheme == Uri.UriSchemeHttps ? Uri.UriSchemeWss : Uri.UriSchemeWs }.Uri;
        await socket.ConnectAsync(address, limit.Token).ConfigureAwait(false);
        Connected("websocket");
        byte[] part = new byte[8 << 10];
        using var message = new MemoryStream();
        while (true)
        {
            limit.CancelAfter(IdleLimit);
            ValueWebSocketReceiveResult got = await socket.ReceiveAsync(part.AsMemory(), limit.Token).ConfigureAwait(false);
            if (got.MessageType == WebSocketMessageType.Close)
            {
                return Ending.Lost;
            }

            message.Write(part, 0, got.Count);
            if (message.Length > MostMessageBytes)
            {
                throw new InvalidDataException($"an event is larger than {MostMessageBytes >> 20} MiB.");
            }

            if (got.EndOfMessage)
            {
                Take(message.GetBuffer().AsMemory(0, (int)message.Length), "");
                message.SetLength(0);
            }
        }
    }

    private void Connected(string how)
    {
        Used = how;
        Problem = null;
        _tried.TrySetResult();
        Interlocked.Increment(ref _connections);
    }

    private void Take(ReadOnlyMemory<byte> json, string type)
    {
        Interlocked.Increment(ref _received);
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement body = document.RootElement;
            if (body.ValueKind == JsonValueKind.Object)
            {
                // Over a WebSocket the id can only stand inside.
                _lastId = Used == "websocket" ? body.Text("id") ?? _lastId : _lastId;
                seen(new PlatformEvent(body.Text("type") ?? body.Text("event_type") ?? body.Text("event") ?? type, body.Clone()));
                return;
            }
        }
        catch (JsonException)
        {
            // Counted below: a broken event must not end the feed.
        }

        Interlocked.Increment(ref _unreadable);
    }
}
