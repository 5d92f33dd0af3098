using System.Diagnostics;
using System.Text;
using AgentFlow.Cli.Tests.Support;
using AgentFlow.Cli.Tests.Support.Chaos;
using AgentFlow.Storage.Tests.Postgres;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>
/// Every fault on every link of a deployment, at three moments: before something is committed, while it is, and after. Each
/// ends in the right state, by itself: every accepted run ends once, each effect has one key, no stream misses or doubles.
/// </summary>
public sealed class NetworkFaultTests
{
    private const int Bystanders = 4;

    private static readonly Moment[] Moments = Enum.GetValues<Moment>();

    private readonly List<(string Cell, TimeSpan Resumed)> _resumptions = [];
    private int _cells;

    public enum Link
    {
        ApiToDatabase,
        WorkerToDatabase,
        WorkerToTool,
        ClientToApi,
    }

    [Fact]
    public Task Faults_SomeOnEveryLink_EndInTheRightState() => RunAsync(
        TimeSpan.FromSeconds(1),
        isTimed: false,
        [
            (Link.ApiToDatabase, Fault.Partition, Moment.During),
            (Link.ApiToDatabase, Fault.HalfOpen, Moment.Before),
            (Link.WorkerToDatabase, Fault.Partition, Moment.Before),
            (Link.WorkerToDatabase, Fault.HalfOpen, Moment.During),
            (Link.WorkerToDatabase, Fault.Reset, Moment.During),
            (Link.WorkerToTool, Fault.Drop(Direction.ToClient), Moment.During),
            (Link.WorkerToTool, Fault.Reset, Moment.Before),
            (Link.ClientToApi, Fault.HalfOpen, Moment.During),
            (Link.ClientToApi, Fault.Reset, Moment.After),
        ]);

    [Theory]
    [Trait("Suite", "slow")]
    [InlineData(Link.ApiToDatabase)]
    [InlineData(Link.WorkerToDatabase)]
    [InlineData(Link.WorkerToTool)]
    [InlineData(Link.ClientToApi)]
    public Task Faults_AllOnOneLink_EndInTheRightState(Link link) => RunAsync(
        TimeSpan.FromSeconds(2),
        isTimed: true,
        [.. Fault.All.SelectMany(fault => Moments.Select(moment => (link, fault, moment)))]);

    /// <param name="isTimed">Whether runs must go on within three leases: a promise in seconds, and so for a machine with nothing else to do.</param>
    private async Task RunAsync(TimeSpan lease, bool isTimed, (Link Link, Fault Fault, Moment Moment)[] cells)
    {
        Assert.SkipWhen(PostgresCluster.Missing is not null, PostgresCluster.Missing ?? "");
        await using PostgresCluster cluster = await PostgresCluster.StartAsync();
        await using Fleet fleet = await Fleet.StartAsync(cluster, workers: 2, lease);
        foreach ((Link link, Fault fault, Moment moment) in cells)
        {
            string cell = $"{link}, {fault}, {moment}";
            try
            {
                await (link == Link.ClientToApi ? StreamCellAsync(fleet, cell, fault, moment) : RunCellAsync(fleet, cell, link, fault, moment));
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"{cell}: {e.Message}\n{fleet.Said()}", e);
            }
        }

        TimeSpan[] resumed = [.. _resumptions.Select(r => r.Resumed).Order()];
        foreach ((string cell, TimeSpan time) in _resumptions.OrderByDescending(r => r.Resumed).Take(8))
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"{time.TotalSeconds:0.00} s: {cell}");
        }

        TimeSpan p99 = resumed[(int)Math.Ceiling(resumed.Length * 0.99) - 1];
        Assert.True(!isTimed || p99 <= lease * 3, $"99 % resumed within {p99.TotalSeconds:0.00} s; the lease is {lease.TotalSeconds} s");
    }

    private async Task RunCellAsync(Fleet fleet, string cell, Link link, Fault fault, Moment moment)
    {
        string id = $"c{_cells++:0000}";
        string[] bystanders = [.. Enumerable.Range(0, Bystanders).Select(i => $"b{_cells:0000}.{i}")];
        ChaosProxy[] links = link switch
        {
            Link.ApiToDatabase => [fleet.ApiToDatabase],
            Link.WorkerToDatabase => [.. fleet.WorkersToDatabase],
            _ => [fleet.WorkersToTool],
        };
        string[] others = await Task.WhenAll(bystanders.Select(fleet.AcceptAsync));
        var trap = new Trap(fault, moment, Encoding.ASCII.GetBytes(id));
        foreach (ChaosProxy proxy in links)
        {
            proxy.Trap = trap;
        }

        Task<string> accepting = fleet.AcceptAsync(id);
        await trap.Sprung.WaitAsync(Af.Patience);
        long sprung = Stopwatch.GetTimestamp();
        // A worker that is cut off is replaced by the other one, and stays cut off until it has been.
        bool isReplaced = link == Link.WorkerToDatabase && fault.Dropped.Count > 0;
        Task healing = isReplaced ? Task.CompletedTask : HealAsync(links, fleet.Lease * 2);
        if (link != Link.WorkerToDatabase)
        {
            // Nobody can stand in for the link: what counts begins when it is there again.
            await healing;
            sprung = Stopwatch.GetTimestamp();
        }

        string run = await accepting;
        await fleet.CompletedAsync(run);
        _resumptions.Add((cell, Stopwatch.GetElapsedTime(sprung)));
        await healing;
        foreach (string other in others)
        {
            await fleet.CompletedAsync(other);
        }

        if (isReplaced)
        {
            await HealAsync(links, TimeSpan.Zero);
        }

        await fleet.CheckAsync(id, run);
        foreach ((string other, string key) in others.Zip(bystanders))
        {
            await fleet.CheckAsync(key, other);
        }
    }

    private async Task StreamCellAsync(Fleet fleet, string cell, Fault fault, Moment moment)
    {
        string id = $"c{_cells++:0000}";
        var trap = new Trap(fault, moment, "\"step_succeeded\""u8.ToArray(), Direction.ToClient, answered: false);
        fleet.ClientToApi.Trap = trap;
        string run = await fleet.AcceptAsync(id);
        var stream = new FollowedStream(fleet.ClientToApi.Port, run);
        Task following = stream.RunAsync();
        await trap.Sprung.WaitAsync(Af.Patience);
        await HealAsync([fleet.ClientToApi], fleet.Lease * 2);
        long healed = Stopwatch.GetTimestamp();
        await following;
        _resumptions.Add((cell, Stopwatch.GetElapsedTime(healed)));
        await fleet.CheckAsync(id, run);
        Assert.Equal(Enumerable.Range(0, (await fleet.Api.EventsAsync(run)).Count), stream.Sequences);
    }

    private static async Task HealAsync(ChaosProxy[] links, TimeSpan after)
    {
        await Task.Delay(after);
        foreach (ChaosProxy proxy in links)
        {
            proxy.Trap = null;
            proxy.Heal();
        }
    }
}
