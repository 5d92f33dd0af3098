using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>A client that follows a run over WebSocket, and resumes after the last event that it has whenever the connection fails.</summary>
internal sealed class FollowedStream(int port, string run)
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(1);

    /// <summary>Sequences in the order in which they came.</summary>
    public List<int> Sequences { get; } = [];

    public int Connections { get; private set; }

    public async Task RunAsync()
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        while (true)
        {
            using var socket = new ClientWebSocket();
            socket.Options.KeepAliveInterval = Silence / 2;
            socket.Options.KeepAliveTimeout = Silence;
            using var connecting = CancellationTokenSource.CreateLinkedTokenSource(patience.Token);
            connecting.CancelAfter(Silence);
            try
            {
                Connections++;
                int next = Sequences.Count == 0 ? 0 : Sequences[^1] + 1;
                await socket.ConnectAsync(new Uri(string.Create(CultureInfo.InvariantCulture, $"ws://127.0.0.1:{port}/api/v1/runs/{run}/stream?from={next}")), connecting.Token);
                if (await ReadAsync(socket, patience.Token))
                {
                    return;
                }
            }
            catch (Exception e) when (e is WebSocketException or OperationCanceledException && !patience.IsCancellationRequested)
            {
                // It failed, or nothing came for too long.
            }

            await Task.Delay(20, patience.Token);
        }
    }

    /// <returns>True when the run has ended.</returns>
    private async Task<bool> ReadAsync(ClientWebSocket socket, CancellationToken cancellationToken)
    {
        var message = new MemoryStream();
        byte[] buffer = new byte[65_536];
        while (true)
        {
            ValueWebSocketReceiveResult read = await socket.ReceiveAsync(buffer.AsMemory(), cancellationToken);
            if (read.MessageType == WebSocketMessageType.Close)
            {
                return socket.CloseStatus == WebSocketCloseStatus.NormalClosure;
            }

            message.Write(buffer, 0, read.Count);
            if (read.EndOfMessage)
            {
                using JsonDocument e = JsonDocument.Parse(message.ToArray());
                Sequences.Add(e.RootElement.GetProperty("seq").GetInt32());
                message.SetLength(0);
            }
        }
    }
}
