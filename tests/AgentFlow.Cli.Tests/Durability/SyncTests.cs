using AgentFlow.Cli.Tests.Support;
using AgentFlow.Cli.Tests.Support.Disks;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>What <c>af serve</c> asks of the disk before it answers: seen from outside, call by call.</summary>
public sealed class SyncTests
{
    private const int Runs = 20;

    /// <summary>Creation with the first step's announcement; each outcome with the next announcement; the end.</summary>
    private const int CommitsOfBarriers = 4;

    [Fact]
    public async Task Serve_SequentialRuns_AcknowledgesWhatASyncHasCovered()
    {
        Assert.SkipWhen(SystemCallLog.Missing is not null, SystemCallLog.Missing ?? "");
        using var af = new Af();
        // It is chained beside what is asked for, and would be counted with it.
        af.Environment["AF_AUDIT"] = "off";
        string log = Path.Combine(af.Folder, "calls");
        using ServedAf server = await ServedAf.StartAsync(af, SystemCallLog.Tracer(log));
        await server.SaveAsync(DurabilityFlows.Barriers);
        await server.SaveAsync(DurabilityFlows.Pure);
        await server.SaveAsync(Af.Hold);
        for (int i = 0; i < Runs; i++)
        {
            await server.ExecuteAsync("barriers", isAsync: false);
        }

        for (int i = 0; i < Runs; i++)
        {
            await server.ExecuteAsync("pure", isAsync: false);
        }

        for (int i = 0; i < Runs; i++)
        {
            await server.ExecuteAsync("hold", isAsync: true);
        }

        await server.KillAsync();
        List<SystemCall> calls = SystemCallLog.Read(log);
        SystemCall[] acknowledgements = [.. calls.Where(c => c.IsAcknowledgement)];
        SystemCall[] store = [.. calls.Where(c => c.Path.EndsWith(".db", StringComparison.Ordinal) || c.Path.EndsWith(".db-wal", StringComparison.Ordinal))];
        Assert.Equal([], store.Where(c => !c.IsSync && !c.IsWrite));

        // Nothing else is under way, so whatever was written belongs to what is acknowledged next.
        foreach (SystemCall acknowledgement in acknowledgements)
        {
            SystemCall[] syncs = [.. store.Where(s => s.IsSync && s.Left < acknowledgement.Entered)];
            Assert.DoesNotContain(store, w => w.IsWrite && w.Entered < acknowledgement.Entered && !syncs.Any(s => s.Covers(w)));
        }

        int[] counts = [.. acknowledgements.Zip(acknowledgements.Skip(1), (before, after) => CommitsBetween(store, before, after))];
        Assert.Equal(
            [.. Enumerable.Repeat(CommitsOfBarriers, Runs), .. Enumerable.Repeat(1, Runs), .. Enumerable.Repeat(1, Runs)],
            counts[^(3 * Runs)..]);
    }

    /// <summary>Syncs of the log, but for those of its header, which is written when the log starts over.</summary>
    private static int CommitsBetween(SystemCall[] store, SystemCall before, SystemCall after)
    {
        SystemCall[] log = [.. store.Where(c => c.Entered > before.Entered && c.Entered < after.Entered && c.Path.EndsWith("-wal", StringComparison.Ordinal))];
        return log.Count(c => c.IsSync) - log.Count(c => c.IsWrite && c.Offset == 0);
    }
}
