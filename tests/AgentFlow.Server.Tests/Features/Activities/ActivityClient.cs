using System.Net.ServerSentEvents;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Activities;

/// <summary>One client of the activity stream, over WebSocket or server-sent events.</summary>
internal static class ActivityClient
{
    public const string Address = "/api/v1/agents/activity/stream";

    /// <summary>Messages as they come, <c>stream.opened</c> first; ends when the server closes.</summary>
    public static async IAsyncEnumerable<JsonElement> SocketAsync(RunningServer server, string query, [EnumeratorCancellation] CancellationToken cancellationToken, params (string Name, string Value)[] headers)
    {
        using ClientWebSocket socket = await ConnectAsync(server, query, cancellationToken, headers);
        await foreach (ReadOnlyMemory<byte> message in MessagesAsync(socket, cancellationToken))
        {
            yield return JsonElement.Parse(message.Span);
        }
    }

    public static async Task<ClientWebSocket> ConnectAsync(RunningServer server, string query, CancellationToken cancellationToken, params (string Name, string Value)[] headers)
    {
        var socket = new ClientWebSocket();
        foreach ((string name, string value) in headers)
        {
            socket.Options.SetRequestHeader(name, value);
        }

        await socket.ConnectAsync(new UriBuilder(server.Address) { Scheme = "ws", Path = Address, Query = query }.Uri, cancellationToken);
        return socket;
    }

    public static async IAsyncEnumerable<ReadOnlyMemory<byte>> MessagesAsync(ClientWebSocket socket, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[64 * 1024];
        while (true)
        {
            int length = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                part = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
                length += part.Count;
            }
            while (!part.EndOfMessage);

            if (part.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
                yield break;
            }

            yield return buffer.AsMemory(0, length);
        }
    }

    /// <summary>The same over server-sent events; heartbeats give none.</summary>
    public static async IAsyncEnumerable<(string? Id, JsonElement Json)> EventsAsync(RunningServer server, string query, string? lastEventId, [EnumeratorCancellation] CancellationToken cancellationToken, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Address + query);
        request.Headers.Accept.ParseAdd("text/event-stream");
        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        using HttpResponseMessage response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        Assert.True(response.IsSuccessStatusCode, response.IsSuccessStatusCode ? "" : await response.Content.ReadAsStringAsync(cancellationToken));
        await foreach (SseItem<string> item in SseParser.Create(await response.Content.ReadAsStreamAsync(cancellationToken)).EnumerateAsync(cancellationToken))
        {
            JsonElement json = JsonElement.Parse(Encoding.UTF8.GetBytes(item.Data));
            if (json.TryGetProperty("type", out JsonElement type))
            {
                Assert.Equal(item.EventType, type.GetString());
            }

            yield return (item.EventId, json.Clone());
        }
    }

    public static string TypeOf(JsonElement message) => message.GetProperty("type").GetString()!;
}
