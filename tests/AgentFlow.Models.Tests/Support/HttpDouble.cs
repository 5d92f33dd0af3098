using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Models.Tests.Support;

/// <summary>A raw HTTP/1.1 server on loopback that answers each request as told, down to broken connections.</summary>
public sealed class HttpDouble : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<Request, Reply> _answer;
    private readonly Task _accepting;
    private readonly ConcurrentBag<Task> _connections = [];

    public HttpDouble(Func<Request, Reply> answer)
    {
        _answer = answer;
        _listener.Start();
        BaseUrl = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _accepting = AcceptAsync();
    }

    public HttpDouble(Reply reply)
        : this(_ => reply)
    {
    }

    public sealed record Request(string Method, string Path, IReadOnlyDictionary<string, string> Headers, string Body)
    {
        public JsonElement Json => JsonDocument.Parse(Body).RootElement;
    }

    public enum Ending
    {
        Complete,

        /// <summary>The headers promise more bytes than come before the connection is closed.</summary>
        Truncated,

        /// <summary>The connection is reset after half of the body.</summary>
        Reset,

        /// <summary>Nothing is ever sent.</summary>
        Silent,
    }

    public sealed record Reply(int Status, string Body, Ending Ending = Ending.Complete, params (string Name, string Value)[] Headers)
    {
        public static Reply Ok(string body) => new(200, body);
    }

    public Uri BaseUrl { get; }

    public ConcurrentQueue<Request> Requests { get; } = new();

    public Request Only => Assert.Single(Requests);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_connections);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _connections.Add(ServeAsync(client));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                if (await ReadAsync(stream) is { } request)
                {
                    Requests.Enqueue(request);
                    await WriteAsync(client, stream, _answer(request));
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
            {
                // The client went away, as some tests make it do.
            }
        }
    }

    private async Task<Request?> ReadAsync(NetworkStream stream)
    {
        var bytes = new List<byte>();
        byte[] one = new byte[1];
        while (!(bytes.Count > 4 && bytes[^4] == '\r' && bytes[^3] == '\n' && bytes[^2] == '\r' && bytes[^1] == '\n'))
        {
            if (await stream.ReadAsync(one, _stop.Token) == 0)
                return null;
            bytes.Add(one[0]);
        }

        string[] head = Encoding.ASCII.GetString([.. bytes]).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        string[] first = head[0].Split(' ');
        var headers = head[1..].Select(h => h.Split(": ", 2)).ToDictionary(p => p[0], p => p[1], StringComparer.OrdinalIgnoreCase);
        byte[] body = headers.TryGetValue("Content-Length", out string? length)
            ? new byte[int.Parse(length)]
            : headers.ContainsKey("Transfer-Encoding") ? await ReadChunksAsync(stream) : [];
        if (length is not null)
            await stream.ReadExactlyAsync(body, _stop.Token);
        return new Request(first[0], first[1], headers, Encoding.UTF8.GetString(body));
    }

    private async Task<byte[]> ReadChunksAsync(NetworkStream stream)
    {
        using var body = new MemoryStream();
        while (true)
        {
            int size = Convert.ToInt32(await ReadLineAsync(stream), 16);
            byte[] chunk = new byte[size];
            await stream.ReadExactlyAsync(chunk, _stop.Token);
            await ReadLineAsync(stream);
            if (size == 0)
                return body.ToArray();
            body.Write(chunk);
        }
    }

    private async Task<string> ReadLineAsync(NetworkStream stream)
    {
        var line = new StringBuilder();
        byte[] one = new byte[1];
        while (line.Length < 2 || line[^2] != '\r' || line[^1] != '\n')
        {
            await stream.ReadExactlyAsync(one, _stop.Token);
            line.Append((char)one[0]);
        }

        return line.ToString().Trim();
    }

    private async Task WriteAsync(TcpClient client, NetworkStream stream, Reply reply)
    {
        if (reply.Ending == Ending.Silent)
        {
            // Until the client gives up: it then closes, and the read ends.
            await stream.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false, _stop.Token);
            return;
        }

        byte[] body = Encoding.UTF8.GetBytes(reply.Body);
        var head = new StringBuilder($"HTTP/1.1 {reply.Status} Status\r\nContent-Type: application/json\r\nConnection: close\r\n");
        head.Append($"Content-Length: {body.Length}\r\n");
        foreach (var (name, value) in reply.Headers)
            head.Append($"{name}: {value}\r\n");
        head.Append("\r\n");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head.ToString()), _stop.Token);
        int sent = reply.Ending == Ending.Complete ? body.Length : body.Length / 2;
        await stream.WriteAsync(body.AsMemory(0, sent), _stop.Token);
        if (reply.Ending == Ending.Reset)
            client.Client.LingerState = new LingerOption(true, 0);
    }
}
