using System.Net.WebSockets;
using AgentFlow.Server.Features.Access;

namespace AgentFlow.Server.Http;

/// <summary>A WebSocket that only tells: whatever the peer says but its leaving means nothing.</summary>
internal sealed class LiveSocket
{
    // Try Again Later (the IANA registry of WebSocket close codes).
    public const WebSocketCloseStatus TryAgainLater = (WebSocketCloseStatus)1013;

    // A reader that takes nothing for so long holds memory for nothing.
    public static readonly TimeSpan SendLimit = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(5);

    private readonly WebSocket _socket;
    private readonly CancellationTokenSource _stop;

    private LiveSocket(WebSocket socket, CancellationTokenSource stop) => (_socket, _stop) = (socket, stop);

    /// <summary>Accepts the upgrade, lets <paramref name="tell"/> send, and closes with the reason that it gives.</summary>
    /// <param name="stop">Cancelled when the peer has left; cancel it to end the telling.</param>
    public static async Task ServeAsync(HttpContext context, CallerWatch watch, CancellationTokenSource stop, Func<LiveSocket, Task<(WebSocketCloseStatus Status, string Reason)>> tell)
    {
        Untimed.Mark(context);
        using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync().ConfigureAwait(false);
        var live = new LiveSocket(socket, stop);
        Task listening = live.ListenAsync();
        (WebSocketCloseStatus status, string reason) = (WebSocketCloseStatus.EndpointUnavailable, "server is stopping");
        try
        {
            (status, reason) = await tell(live).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            // The peer left or took nothing for too long, or the server stops; what follows is the same.
        }

        if (watch.HasEnded)
        {
            (status, reason) = (WebSocketCloseStatus.PolicyViolation, CallerWatch.Reason);
        }

        await live.CloseAsync(status, reason).ConfigureAwait(false);
        if (await Task.WhenAny(listening, Task.Delay(CloseLimit, CancellationToken.None)).ConfigureAwait(false) != listening)
        {
            socket.Abort();
        }

        await listening.ConfigureAwait(false);
    }

    /// <summary>Sends text messages, in order.</summary>
    /// <exception cref="OperationCanceledException">The peer has taken nothing for <see cref="SendLimit"/>, or the telling is over.</exception>
    public async Task SendAsync<T>(IReadOnlyList<T> items, Func<T, ReadOnlyMemory<byte>> text)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        limit.CancelAfter(SendLimit);
        for (int i = 0; i < items.Count; i++)
        {
            await _socket.SendAsync(text(items[i]), WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, limit.Token).ConfigureAwait(false);
        }
    }

    /// <summary>Reads until the peer closes or is gone, then stops the sending.</summary>
    private async Task ListenAsync()
    {
        byte[] ignored = new byte[256];
        try
        {
            // Without the token: cancelling a read would tear the connection down before the close is said.
            while ((await _socket.ReceiveAsync(ignored.AsMemory(), CancellationToken.None).ConfigureAwait(false)).MessageType != WebSocketMessageType.Close)
            {
            }
        }
        catch (WebSocketException)
        {
            // Gone without a word.
        }

        await _stop.CancelAsync().ConfigureAwait(false);
    }

    private async Task CloseAsync(WebSocketCloseStatus status, string reason)
    {
        if (_socket.State is not (WebSocketState.Open or WebSocketState.CloseReceived))
        {
            return;
        }

        using var limit = new CancellationTokenSource(CloseLimit);
        try
        {
            await _socket.CloseOutputAsync(status, reason, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            _socket.Abort();
        }
    }
}
