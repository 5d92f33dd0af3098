using System.Net;
using System.Net.Sockets;

namespace AgentFlow.Cli.Tests.Support.Chaos;

/// <summary>One client's connection and the one behind it.</summary>
internal sealed class ProxiedConnection
{
    private readonly ChaosProxy _proxy;
    private readonly Socket _client;
    private readonly Socket _server = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly CancellationTokenSource _end;
    private readonly int _port;
    private readonly ProxiedWay _up;
    private readonly ProxiedWay _down;
    private volatile bool _forgotten;

    public ProxiedConnection(ChaosProxy proxy, Socket client, int port, CancellationToken stop)
    {
        _proxy = proxy;
        _client = client;
        _client.NoDelay = true;
        _port = port;
        _end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _up = new ProxiedWay(this, Direction.ToServer, _client, _server);
        _down = new ProxiedWay(this, Direction.ToClient, _server, _client);
    }

    public ProxiedWay this[Direction direction] => direction == Direction.ToServer ? _up : _down;

    internal ChaosProxy Proxy => _proxy;

    public async Task ServeAsync()
    {
        try
        {
            // A connection is made by packets both ways.
            await PassAsync(Direction.ToServer, since: null);
            await PassAsync(Direction.ToClient, since: null);
            await _server.ConnectAsync(IPAddress.Loopback, _port, _end.Token);
            await Task.WhenAll(_up.RunAsync(_end.Token), _down.RunAsync(_end.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // One side is gone, and the other one hears of it the hard way.
            Reset();
        }
        finally
        {
            _client.Dispose();
            _server.Dispose();
        }
    }

    public void Forget() => _forgotten = true;

    public void Reset()
    {
        foreach (Socket socket in new[] { _client, _server })
        {
            try
            {
                // Closing without lingering is what sends RST.
                socket.LingerState = new LingerOption(true, 0);
            }
            catch (Exception e) when (e is ObjectDisposedException or SocketException)
            {
                continue;
            }

            socket.Dispose();
        }

        _end.Cancel();
    }

    /// <summary>Waits until something that was sent may go on.</summary>
    /// <param name="since">When it was sent; <see langword="null"/> for what latency does not hold up.</param>
    internal async Task<Fault> PassAsync(Direction direction, long? since)
    {
        while (true)
        {
            (Fault fault, Task changed) = _proxy.Now;
            if (_forgotten)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, _end.Token);
            }

            TimeSpan left = since is { } sent ? fault.Delay - _proxy.Clock.GetElapsedTime(sent) : TimeSpan.Zero;
            if (fault.Dropped.Contains(direction))
            {
                await changed.WaitAsync(_end.Token);
            }
            else if (left > TimeSpan.Zero)
            {
                using var over = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
                await Task.WhenAny(Task.Delay(left, _proxy.Clock, over.Token), changed);
                _end.Token.ThrowIfCancellationRequested();
                await over.CancelAsync();
            }
            else
            {
                return fault;
            }
        }
    }
}
