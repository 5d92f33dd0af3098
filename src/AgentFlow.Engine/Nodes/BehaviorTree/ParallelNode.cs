using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Nodes.BehaviorTree;

/// <summary>
/// Ticks all children at once. It succeeds as soon as enough have succeeded, and fails as soon as that has become impossible;
/// what still runs then is cancelled. Its output maps the ids of the children that succeeded to their outputs.
/// </summary>
public sealed class ParallelNode : PlanNode
{
    /// <param name="needed">How many children have to succeed, from 1 to all.</param>
    public ParallelNode(IReadOnlyList<PlanNode> children, int needed)
    {
        Children = children;
        Needed = needed;
    }

    public int Needed { get; }

    internal override bool IsInTurn(int one, int other) => false;

    internal override void Start(RunMachine machine, NodeRun self)
    {
        foreach (PlanNode child in Children)
        {
            machine.Enter(child, self);
        }
    }

    internal override void ChildEnded(RunMachine machine, NodeRun self, NodeRun child)
    {
        int succeeded = self.Scope!.Statuses.Count(s => s == NodeStatus.Succeeded);
        int failed = self.Scope.Statuses.Count(s => s == NodeStatus.Failed);
        bool isDecided = succeeded >= Needed || failed > Children.Count - Needed;
        if (isDecided && self.Scope.Open > 0)
        {
            foreach (NodeRun open in machine.OpenChildren(self))
            {
                machine.Close(open, NodeStatus.Cancelled, null);
            }
        }

        if (self.Scope.Open > 0)
        {
            return;
        }

        if (succeeded < Needed)
        {
            int last = Array.FindIndex(self.Scope.Statuses, s => s == NodeStatus.Failed);
            StepError error = last >= 0 && self.Scope.Errors[last] is { } first ? first : CompositeNode.Failure(child);
            machine.Fail(self, error with { Message = $"{succeeded} of '{Id}' succeeded, {Needed} have to: {error.Message}" });
        }
        else if (Outputs(self) is { } output)
        {
            machine.Succeed(self, output);
        }
        else
        {
            machine.Fail(self, new StepError("RESULT_TOO_LARGE", ErrorCategory.Permanent, $"The outputs of '{Id}' have more than {Payload.MaxLength} bytes together; let its children give less."));
        }
    }

    private Payload? Outputs(NodeRun self)
    {
        int[] done = [.. Enumerable.Range(0, Children.Count).Where(i => self.Scope!.Statuses[i] == NodeStatus.Succeeded)];
        (string, Payload)[] parts = [.. done.Select(i => (Children[i].Id, self.Scope!.Outputs[i] ?? Payload.Null))];
        return parts.Sum(p => (long)p.Item2.Utf8.Length) > Payload.MaxLength ? null : JsonPayload.Object(parts);
    }
}
