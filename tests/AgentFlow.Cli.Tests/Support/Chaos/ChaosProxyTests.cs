using System.Net;
using System.Net.Sockets;

namespace AgentFlow.Cli.Tests.Support.Chaos;

public sealed class ChaosProxyTests : IAsyncDisposable
{
    private static readonly byte[] Ping = "ping"u8.ToArray();

    private readonly TurnedClock _clock = new();
    private readonly TcpListener _server = new(IPAddress.Loopback, 0);
    private readonly ChaosProxy _proxy;

    public ChaosProxyTests()
    {
        _server.Start();
        _proxy = new ChaosProxy(((IPEndPoint)_server.LocalEndpoint).Port, _clock);
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _server.Dispose();
    }

    private static CancellationToken Patience => new CancellationTokenSource(Af.Patience).Token;

    private async Task<(Socket Client, Socket Server)> ConnectAsync()
    {
        Socket client = await DialAsync();
        return (client, await _server.AcceptSocketAsync(Patience));
    }

    private async Task<Socket> DialAsync()
    {
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, _proxy.Port, Patience);
        return client;
    }

    private static async Task<string> ReadAsync(Socket socket, int count)
    {
        byte[] buffer = new byte[count];
        int read = 0;
        while (read < count && await socket.ReceiveAsync(buffer.AsMemory(read), Patience) is > 0 and var more)
        {
            read += more;
        }

        return System.Text.Encoding.ASCII.GetString(buffer, 0, read);
    }

    private async Task HeldAsync(Direction direction, int count)
    {
        while (_proxy.Held(direction) != count)
        {
            await Task.Delay(1, Patience);
        }
    }

    [Fact]
    public async Task None_BothWays_PassesDataAndTheEnd()
    {
        (Socket client, Socket server) = await ConnectAsync();
        await client.SendAsync(Ping);
        Assert.Equal("ping", await ReadAsync(server, 4));
        await server.SendAsync("answer"u8.ToArray());
        server.Shutdown(SocketShutdown.Send);
        Assert.Equal("answer", await ReadAsync(client, 100));
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal("", await ReadAsync(server, 1));
        Assert.Equal((4, 6), (_proxy.Passed(Direction.ToServer), _proxy.Passed(Direction.ToClient)));
    }

    [Fact]
    public async Task Partition_HoldsBothWaysAndNewConnections_UntilItHeals()
    {
        (Socket client, Socket server) = await ConnectAsync();
        _proxy.Set(Fault.Partition);
        await client.SendAsync(Ping);
        await server.SendAsync(Ping);
        server.Shutdown(SocketShutdown.Send);
        await HeldAsync(Direction.ToServer, 4);
        await HeldAsync(Direction.ToClient, 4);
        Socket late = await DialAsync();
        await late.SendAsync("late"u8.ToArray());
        Assert.False(_server.Pending());
        Assert.Equal((0, 0), (server.Available, client.Available));
        _proxy.Heal();
        Assert.Equal("ping", await ReadAsync(server, 4));
        Assert.Equal("ping", await ReadAsync(client, 100));
        Assert.Equal("late", await ReadAsync(await _server.AcceptSocketAsync(Patience), 4));
    }

    [Theory]
    [InlineData(nameof(Direction.ToServer))]
    [InlineData(nameof(Direction.ToClient))]
    public async Task Drop_OneWay_TheOtherOnePasses(string dropped)
    {
        (Socket client, Socket server) = await ConnectAsync();
        bool up = dropped == nameof(Direction.ToServer);
        _proxy.Set(Fault.Drop(Enum.Parse<Direction>(dropped)));
        (Socket mute, Socket deaf) = up ? (client, server) : (server, client);
        await mute.SendAsync(Ping);
        await HeldAsync(Enum.Parse<Direction>(dropped), 4);
        await deaf.SendAsync("other"u8.ToArray());
        Assert.Equal("other", await ReadAsync(mute, 5));
        Assert.Equal(0, deaf.Available);
        _proxy.Heal();
        Assert.Equal("ping", await ReadAsync(deaf, 4));
    }

    [Theory]
    [InlineData(50)]
    [InlineData(500)]
    [InlineData(5000)]
    public async Task Latency_EachWay_DelaysEverythingAndReordersNothing(int milliseconds)
    {
        (Socket client, Socket server) = await ConnectAsync();
        _proxy.Set(Fault.Latency(milliseconds));
        await client.SendAsync("one"u8.ToArray());
        await HeldAsync(Direction.ToServer, 3);
        await _clock.AdvanceWhenAwaitedAsync(milliseconds - 1);
        await client.SendAsync("two"u8.ToArray());
        await HeldAsync(Direction.ToServer, 6);
        Assert.Equal(0, server.Available);
        await _clock.AdvanceWhenAwaitedAsync(1);
        Assert.Equal("one", await ReadAsync(server, 3));
        await HeldAsync(Direction.ToServer, 3);
        await _clock.AdvanceWhenAwaitedAsync(milliseconds - 1);
        Assert.Equal("two", await ReadAsync(server, 3));
    }

    [Fact]
    public async Task Reset_BreaksWhatExists_AndLetsNewOnesIn()
    {
        (Socket client, Socket server) = await ConnectAsync();
        _proxy.Set(Fault.Reset);
        Assert.Equal(SocketError.ConnectionReset, (await Assert.ThrowsAsync<SocketException>(() => ReadAsync(client, 1))).SocketErrorCode);
        Assert.Equal(SocketError.ConnectionReset, (await Assert.ThrowsAsync<SocketException>(() => ReadAsync(server, 1))).SocketErrorCode);
        (Socket again, Socket behind) = await ConnectAsync();
        await again.SendAsync(Ping);
        Assert.Equal("ping", await ReadAsync(behind, 4));
    }

    [Fact]
    public async Task HalfOpen_AcceptsAndNeverForwards_EvenAfterItIsOver()
    {
        (Socket old, Socket server) = await ConnectAsync();
        _proxy.Set(Fault.HalfOpen);
        Socket dead = await DialAsync();
        await dead.SendAsync(Ping);
        await old.SendAsync(Ping);
        await HeldAsync(Direction.ToServer, 4);
        _proxy.Heal();
        (Socket fresh, Socket behind) = await ConnectAsync();
        await fresh.SendAsync(Ping);
        Assert.Equal("ping", await ReadAsync(behind, 4));
        Assert.Equal(0, server.Available);
        Assert.False(_server.Pending());
    }

    [Fact]
    public async Task SlowDrip_AByteAtATime_EachAfterItsPause()
    {
        (Socket client, Socket server) = await ConnectAsync();
        _proxy.Set(Fault.SlowDrip);
        await client.SendAsync(Ping);
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal("ping"[i].ToString(), await ReadAsync(server, 1));
            await HeldAsync(Direction.ToServer, 3 - i);
            Assert.Equal(0, server.Available);
            if (i < 3)
            {
                await _clock.AdvanceWhenAwaitedAsync(1);
            }
        }
    }

    [Theory]
    [InlineData(nameof(Moment.Before), 0, 0)]
    [InlineData(nameof(Moment.During), 4, 0)]
    [InlineData(nameof(Moment.After), 4, 6)]
    public async Task Trap_AnsweredText_SpringsAtItsMoment(string moment, int asked, int answered)
    {
        (Socket client, Socket server) = await ConnectAsync();
        var trap = new Trap(Fault.Partition, Enum.Parse<Moment>(moment), Ping);
        _proxy.Trap = trap;
        await client.SendAsync("other"u8.ToArray());
        Assert.Equal("other", await ReadAsync(server, 5));
        await client.SendAsync(Ping);
        Assert.Equal("ping"[..asked], await ReadAsync(server, asked));
        if (asked > 0)
        {
            await server.SendAsync("answer"u8.ToArray());
        }

        await trap.Sprung.WaitAsync(Patience);
        Assert.Equal("answer"[..answered], await ReadAsync(client, answered));
        // Bytes are counted once they are gone, and may have been read by then.
        CancellationToken limit = Patience;
        while (_proxy.Passed(Direction.ToServer) < 5 + asked && !limit.IsCancellationRequested)
        {
            await Task.Delay(1, CancellationToken.None);
        }

        Assert.Equal((5 + asked, answered), (_proxy.Passed(Direction.ToServer), _proxy.Passed(Direction.ToClient)));
    }

    [Fact]
    public async Task Trap_TextThatIsNotAnswered_SpringsInItsMiddle()
    {
        (Socket client, Socket server) = await ConnectAsync();
        _proxy.Trap = new Trap(Fault.Reset, Moment.During, Ping, Direction.ToClient, answered: false);
        await server.SendAsync(Ping);
        await _proxy.Trap.Sprung.WaitAsync(Patience);
        Assert.Equal(2, _proxy.Passed(Direction.ToClient));
        await Assert.ThrowsAsync<SocketException>(() => ReadAsync(server, 1));
        client.Dispose();
    }

    /// <summary>Stands still until it is turned.</summary>
    private sealed class TurnedClock : TimeProvider
    {
        private readonly Lock _gate = new();
        private readonly List<(long Due, TurnedTimer Timer)> _timers = [];
        private long _now;

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => Volatile.Read(ref _now);

        /// <summary>Turns it once somebody waits for it.</summary>
        public async Task AdvanceWhenAwaitedAsync(long milliseconds)
        {
            while (!IsAwaited)
            {
                await Task.Delay(1, Patience);
            }

            Advance(milliseconds);
        }

        private void Advance(long milliseconds)
        {
            (long Due, TurnedTimer Timer)[] due;
            lock (_gate)
            {
                _now += milliseconds;
                due = [.. _timers.Where(t => t.Due <= _now)];
                _timers.RemoveAll(t => t.Due <= _now);
            }

            foreach ((_, TurnedTimer timer) in due)
            {
                timer.Fire();
            }
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new TurnedTimer(this, () => callback(state));
            timer.Change(dueTime, period);
            return timer;
        }

        private bool IsAwaited
        {
            get
            {
                lock (_gate)
                {
                    return _timers.Count > 0;
                }
            }
        }

        private sealed class TurnedTimer(TurnedClock clock, Action fire) : ITimer
        {
            public void Fire() => fire();

            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                lock (clock._gate)
                {
                    clock._timers.RemoveAll(t => t.Timer == this);
                    if (dueTime != Timeout.InfiniteTimeSpan)
                    {
                        clock._timers.Add((clock._now + (long)dueTime.TotalMilliseconds, this));
                    }
                }

                return true;
            }

            public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

            public ValueTask DisposeAsync()
            {
                Dispose();
                return default;
            }
        }
    }
}
