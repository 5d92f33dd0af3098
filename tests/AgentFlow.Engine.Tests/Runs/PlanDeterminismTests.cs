using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

/// <summary>
/// Planning is a function of the journal: over generated state machines, graphs and behaviour trees the same causes give the
/// same frames byte for byte, and a fold from any snapshot is the fold from the start.
/// </summary>
public class PlanDeterminismTests
{
    [Fact]
    public void Plans_TenThousandGenerated_DecideTheSame() => Check(1, 10_000);

    private static void Check(ulong first, int count)
    {
        int events = 0;
        int snapshots = 0;
        var kinds = new Dictionary<string, int>(StringComparer.Ordinal);
        for (ulong seed = first; seed < first + (ulong)count; seed++)
        {
            WorkflowDefinition Plan() => Define(ReplayTests.Generate(new SeededRandom(seed), 0), new RunPolicies { MaxSteps = 200 });
            (Play once, List<StoredSnapshot> taken) = Drive(Plan(), seed);
            (Play again, _) = Drive(Plan(), seed);
            Assert.True(once.Frames.Select(f => Convert.ToHexString(f.Data.Span)).SequenceEqual(again.Frames.Select(f => Convert.ToHexString(f.Data.Span))), $"seed {seed}: the same causes gave other decisions");
            byte[] whole = Comparable(once.Reload().State);
            Assert.True(whole.AsSpan().SequenceEqual(Comparable(once.State)), $"seed {seed}: the fold is not the run");
            foreach (StoredSnapshot snapshot in taken)
            {
                Assert.True(whole.AsSpan().SequenceEqual(Comparable(once.Reload(snapshot).State)), $"seed {seed}: the fold from {snapshot.Seq} is not the fold from the start");
            }

            events += once.Journal.Count;
            snapshots += taken.Count;
            string kind = once.State.Definition.Root.GetType().Name;
            kinds[kind] = kinds.GetValueOrDefault(kind) + 1;
        }

        Assert.All(new[] { "StateMachineNode", "GraphNode", "SequenceNode", "SelectorNode", "ParallelNode", "RepeatNode", "InvertNode", "ForeachNode", "WhileNode" }, k => Assert.True(kinds.GetValueOrDefault(k) > count / 100, $"{k} is not among them"));
        TestContext.Current.TestOutputHelper?.WriteLine($"{count} plans, {events} events, {snapshots} snapshots: {string.Join(", ", kinds.OrderBy(k => k.Key, StringComparer.Ordinal).Select(k => $"{k.Key} {k.Value}"))}");
    }

    private static (Play Play, List<StoredSnapshot> Snapshots) Drive(WorkflowDefinition plan, ulong seed)
    {
        var play = new Play(plan, watches: true);
        var snapshots = new List<StoredSnapshot>();
        ReplayTests.Drive(play, new SeededRandom(seed * 7919), snapshots);
        return (play, snapshots);
    }

    /// <summary>Everything of a state, and what a snapshot leaves out because it is only known at the end.</summary>
    private static byte[] Comparable(RunState state) =>
        [.. Play.Bytes(state), .. System.Text.Encoding.UTF8.GetBytes($"{state.Outcome}|{state.Output}|{state.Error}|{state.InFlight}|{state.ReservedNanoDollars}")];
}
