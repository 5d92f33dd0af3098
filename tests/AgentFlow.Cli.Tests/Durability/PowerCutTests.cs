using System.Collections.Concurrent;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;
using AgentFlow.Cli.Tests.Support.Disks;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>
/// The server is killed at a random moment, and its files are cut back to what had been synced by then, as a power cut does.
/// What was acknowledged must be there; what was not is there as a whole or not at all.
/// </summary>
public sealed class PowerCutTests
{
    private const int Clients = 6;

    [Theory]
    [InlineData(1)]
    public Task Serve_PowerCutWhileBusy_KeepsWhatItAcknowledged(int seed) => RunAsync(seed, least: 10, most: 60);

    [Theory]
    [Trait("Suite", "slow")]
    [MemberData(nameof(SlowSeeds))]
    public Task Serve_PowerCutAfterManyWrites_KeepsWhatItAcknowledged(int seed) => RunAsync(seed, least: 50, most: 900);

    public static TheoryData<int> SlowSeeds => [.. Enumerable.Range(100, 12)];

    /// <summary>The measuring stick itself: taking away what was synced for the last acknowledgement is noticed.</summary>
    [Fact]
    public async Task PowerCut_BeforeTheSyncOfARun_LosesIt()
    {
        Assert.SkipWhen(SystemCallLog.Missing is not null, SystemCallLog.Missing ?? "");
        using var af = new Af();
        string log = Path.Combine(af.Folder, "calls");
        using ServedAf server = await ServedAf.StartAsync(af, SystemCallLog.Tracer(log));
        await server.SaveAsync(Af.Hold);
        string run = await server.ExecuteAsync("hold", isAsync: true);
        await server.KillAsync();
        List<SystemCall> calls = SystemCallLog.Read(log);
        SystemCall[] acknowledgements = [.. calls.Where(c => c.IsAcknowledgement)];
        // The audit is chained beside the run, so what is synced last may be its.
        Assert.NotEqual(0, calls.RemoveAll(c => c.IsSync && c.Entered > acknowledgements[^2].Entered));
        using var after = new Af();
        Assert.True(PowerCut.Copy(calls, Path.Combine(af.Folder, ".af"), Path.Combine(after.Folder, ".af"), Unsynced.Lost, new Random(1)) > 0);
        using ServedAf restarted = await ServedAf.StartAsync(after);
        Assert.Null(await restarted.StatusAsync(run));
    }

    /// <param name="least">Fewest ends that are acknowledged before the cut.</param>
    private static async Task RunAsync(int seed, int least, int most)
    {
        Assert.SkipWhen(SystemCallLog.Missing is not null, SystemCallLog.Missing ?? "");
        var random = new Random(seed);
        using var af = new Af();
        string log = Path.Combine(af.Folder, "calls");
        var told = new Told();
        using (ServedAf server = await ServedAf.StartAsync(af, SystemCallLog.Tracer(log)))
        {
            await server.SaveAsync(DurabilityFlows.Barriers);
            await server.SaveAsync(Af.Hold);
            Task[] clients = [.. Enumerable.Range(0, Clients).Select(i => Task.Run(() => told.WorkAsync(server)))];
            await told.ReachAsync(random.Next(least, most));
            await server.KillAsync();
            await Task.WhenAll(clients);
        }

        List<SystemCall> calls = SystemCallLog.Read(log);
        foreach (Unsynced unsynced in Enum.GetValues<Unsynced>())
        {
            using var after = new Af();
            int lost = PowerCut.Copy(calls, Path.Combine(af.Folder, ".af"), Path.Combine(after.Folder, ".af"), unsynced, random);
            using ServedAf restarted = await ServedAf.StartAsync(after);
            TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}, {unsynced}: {told}; {lost} writes were not synced");
            await told.CheckAsync(restarted);
            await restarted.KillAsync();
            StoreFile.Check(Path.Combine(after.Folder, ".af", "agentflow.db"));
        }
    }

    /// <summary>What the server said before it died.</summary>
    private sealed class Told
    {
        private readonly ConcurrentBag<string> _ended = [];
        private readonly ConcurrentBag<string> _accepted = [];
        private readonly ConcurrentBag<string> _released = [];

        public override string ToString() => $"{_ended.Count} ended, {_accepted.Count} accepted, {_released.Count} signals taken";

        /// <summary>Asks for runs and sends signals until nobody answers any more.</summary>
        public async Task WorkAsync(ServedAf server)
        {
            try
            {
                for (int i = 0; ; i++)
                {
                    _ended.Add(await server.ExecuteAsync("barriers", isAsync: false));
                    string run = await server.ExecuteAsync("hold", isAsync: true);
                    _accepted.Add(run);
                    if (i % 2 == 0)
                    {
                        await server.SignalAsync(run, "go", "once");
                        _released.Add(run);
                    }
                }
            }
            catch (HttpRequestException)
            {
                // It is dead.
            }
        }

        public async Task ReachAsync(int ends)
        {
            using var patience = new CancellationTokenSource(Af.Patience);
            while (_ended.Count < ends)
            {
                await Task.Delay(1, patience.Token);
            }
        }

        public async Task CheckAsync(ServedAf server)
        {
            foreach (string run in _ended)
            {
                Assert.Equal("completed", await server.StatusAsync(run));
            }

            foreach (string run in _accepted)
            {
                Assert.NotNull(await server.StatusAsync(run));
            }

            // Only the signals that were not acknowledged are sent again.
            HashSet<string> released = [.. _released];
            List<string> runs = await server.RunsAsync();
            foreach (string run in runs)
            {
                bool holds = (await server.EventsAsync(run))[0].GetProperty("workflow").GetString() == "hold";
                if (holds && !released.Contains(run) && await server.StatusAsync(run) is not "completed")
                {
                    await server.SignalAsync(run, "go", "once");
                }

                await server.BecomesAsync(run, "completed");
                await CheckEventsAsync(server, run, signals: holds ? 1 : 0);
            }
        }

        private static async Task CheckEventsAsync(ServedAf server, string run, int signals)
        {
            List<JsonElement> events = await server.EventsAsync(run);
            string[] types = [.. events.Select(e => e.GetProperty("type").GetString()!)];
            Assert.Equal(Enumerable.Range(0, events.Count), events.Select(e => e.GetProperty("seq").GetInt32()));
            Assert.Equal("run_completed", types[^1]);
            Assert.Equal((1, signals), (types.Count(t => t == "run_completed"), types.Count(t => t == "signal_received")));
        }
    }
}
