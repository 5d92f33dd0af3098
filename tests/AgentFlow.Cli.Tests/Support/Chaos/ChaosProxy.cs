using System.Net;
using System.Net.Sockets;

namespace AgentFlow.Cli.Tests.Support.Chaos;

/// <summary>A TCP relay before a server, which does to its connections what it is told. Real sockets on the loopback interface.</summary>
internal sealed class ChaosProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<ProxiedConnection> _connections = [];
    private readonly int _server;
    private readonly Task _accepting;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Fault _fault = Fault.None;
    private int _accepted;

    /// <param name="clock">Measures latency.</param>
    public ChaosProxy(int server, TimeProvider? clock = null)
    {
        _server = server;
        Clock = clock ?? TimeProvider.System;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Connections that were ever accepted.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    public Trap? Trap { get; set; }

    internal TimeProvider Clock { get; }

    /// <summary>What holds now, and a task that completes when something else does.</summary>
    internal (Fault Fault, Task Changed) Now
    {
        get
        {
            lock (_gate)
            {
                return (_fault, _changed.Task);
            }
        }
    }

    /// <summary>Bytes that were read from one side and have not been handed to the other one.</summary>
    public long Held(Direction direction) => Sum(direction, static way => way.Held);

    /// <summary>Bytes that were handed over.</summary>
    public long Passed(Direction direction) => Sum(direction, static way => way.Passed);

    /// <summary>Lets a fault hold from now on, for connections that exist and for those that come.</summary>
    public void Set(Fault fault)
    {
        TaskCompletionSource changed;
        ProxiedConnection[] connections;
        lock (_gate)
        {
            (_fault, changed) = (fault, _changed);
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            connections = [.. _connections];
        }

        foreach (ProxiedConnection connection in connections)
        {
            if (fault.Resets)
            {
                connection.Reset();
            }
            else if (fault.Forgets)
            {
                connection.Forget();
            }
        }

        changed.SetResult();
    }

    public void Heal() => Set(Fault.None);

    /// <summary>Tears every connection down, as when a router forgot them during a partition.</summary>
    public void Reset()
    {
        ProxiedConnection[] connections;
        lock (_gate)
        {
            connections = [.. _connections];
        }

        foreach (ProxiedConnection connection in connections)
        {
            connection.Reset();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Reset();
        await _accepting;
        _stop.Dispose();
    }

    private long Sum(Direction direction, Func<ProxiedWay, long> number)
    {
        lock (_gate)
        {
            return _connections.Sum(c => number(c[direction]));
        }
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptSocketAsync(_stop.Token);
                var connection = new ProxiedConnection(this, client, _server, _stop.Token);
                lock (_gate)
                {
                    _connections.Add(connection);
                    if (_fault.Forgets)
                    {
                        connection.Forget();
                    }
                }

                Interlocked.Increment(ref _accepted);
                serving.Add(connection.ServeAsync());
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            await Task.WhenAll(serving);
        }
    }
}
