using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Nodes.Control;

/// <summary>
/// Waits until so many parties, of whatever runs, wait at the same barrier; then all of them go on. The store decides who was the
/// last: it counts arrivals and lets everybody pass in one transaction.
/// </summary>
public sealed class BarrierNode : PlanNode
{
    public required SharedUse Barrier { get; init; }

    internal override void Start(RunMachine machine, NodeRun self) => machine.Queue(self, Barrier);

    internal override void PlaceGranted(RunMachine machine, NodeRun self, PlaceGranted granted) =>
        machine.Succeed(self, Payload.FromText($$"""{"round":{{granted.Round}},"position":{{granted.Position}},"parties":{{Barrier.Size}}}"""));
}
