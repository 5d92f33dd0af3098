using System.Net.Sockets;
using System.Threading.Channels;

namespace AgentFlow.Cli.Tests.Support.Chaos;

/// <summary>One direction of a connection: reads on while earlier bytes are still on their way, as a long line does.</summary>
internal sealed class ProxiedWay(ProxiedConnection connection, Direction direction, Socket from, Socket to)
{
    private readonly Channel<(byte[] Bytes, long Sent)> _line = Channel.CreateBounded<(byte[], long)>(64);
    private long _read;
    private long _passed;

    public long Passed => Volatile.Read(ref _passed);

    public long Held => Volatile.Read(ref _read) - Passed;

    public async Task RunAsync(CancellationToken end)
    {
        Task reading = ReadAsync(end);
        await foreach ((byte[] bytes, long sent) in _line.Reader.ReadAllAsync(end))
        {
            await connection.PassAsync(direction, sent);
            if (bytes.Length == 0)
            {
                to.Shutdown(SocketShutdown.Send);
                break;
            }

            await SendAsync(bytes, sent, end);
        }

        await reading;
    }

    private async Task ReadAsync(CancellationToken end)
    {
        byte[] buffer = new byte[65_536];
        bool broken = false;
        int count;
        do
        {
            try
            {
                count = await from.ReceiveAsync(buffer, end);
            }
            catch (SocketException)
            {
                (count, broken) = (0, true);
            }

            long sent = connection.Proxy.Clock.GetTimestamp();
            Interlocked.Add(ref _read, count);
            await _line.Writer.WriteAsync((buffer[..count], sent), end);
        }
        while (count > 0);

        if (broken)
        {
            // A reset travels like everything else, but says more than an end.
            await connection.PassAsync(direction, connection.Proxy.Clock.GetTimestamp());
            connection.Reset();
        }
    }

    private async Task SendAsync(ReadOnlyMemory<byte> bytes, long sent, CancellationToken end)
    {
        Trap? trap = connection.Proxy.Trap;
        if (trap?.Look(connection, direction, bytes.Span) is { } before)
        {
            await HandOverAsync(bytes[..before], sent, end);
            connection.Proxy.Set(trap.Fault);
            trap.Done();
            bytes = bytes[before..];
        }

        await HandOverAsync(bytes, sent, end);
    }

    private async Task HandOverAsync(ReadOnlyMemory<byte> bytes, long sent, CancellationToken end)
    {
        while (bytes.Length > 0)
        {
            Fault fault = await connection.PassAsync(direction, sent);
            int count = fault.Drip > TimeSpan.Zero ? 1 : bytes.Length;
            await to.SendAsync(bytes[..count], end);
            Interlocked.Add(ref _passed, count);
            bytes = bytes[count..];
            if (fault.Drip > TimeSpan.Zero && bytes.Length > 0)
            {
                await Task.Delay(fault.Drip, connection.Proxy.Clock, end);
            }
        }
    }
}
