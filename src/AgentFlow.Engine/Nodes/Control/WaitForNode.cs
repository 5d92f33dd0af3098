using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Nodes.Control;

/// <summary>
/// Several waits at once: for the first of them, whose id and output are its output, or for all of them, with their outputs by
/// id. A signal that comes when another one has decided already is not taken: it waits for the next who asks for it.
/// </summary>
public sealed class WaitForNode : PlanNode
{
    public WaitForNode(IReadOnlyList<WaitNode> waits) => Children = waits;

    /// <summary>All waits have to end, not only one.</summary>
    public bool All { get; init; }

    internal override bool NamesChildren => false;

    internal override bool IsInTurn(int one, int other) => false;

    internal override void Start(RunMachine machine, NodeRun self)
    {
        foreach (PlanNode wait in self.Node.Children)
        {
            if (!IsDecided(self))
            {
                machine.Enter(wait, self);
            }
        }
    }

    internal override void ChildEnded(RunMachine machine, NodeRun self, NodeRun child)
    {
        if (!IsDecided(self))
        {
            return;
        }

        foreach (NodeRun open in machine.OpenChildren(self))
        {
            machine.Close(open, NodeStatus.Cancelled, null);
        }

        if (child.Ended != NodeStatus.Succeeded)
        {
            machine.Fail(self, CompositeNode.Failure(child));
        }
        else if (!All)
        {
            machine.Succeed(self, JsonPayload.Object([("which", JsonPayload.Text(child.Node.Id)), ("output", child.Output ?? Payload.Null)]));
        }
        else if (Outputs(self) is { } output)
        {
            machine.Succeed(self, output);
        }
        else
        {
            machine.Fail(self, new StepError("RESULT_TOO_LARGE", ErrorCategory.Permanent, $"The payloads of '{Id}' have more than {Payload.MaxLength} bytes together; send less with each signal."));
        }
    }

    internal override StepError Late(NodeRun self) =>
        new("WAIT_TIMEOUT", ErrorCategory.Transient, $"{self.Scope!.Statuses.Count(s => s == NodeStatus.Succeeded)} of {self.Node.Children.Count} came to '{Id}' within {Timeout}.");

    /// <summary>Nothing that still comes matters: one wait has ended, or all have, or one has failed.</summary>
    private bool IsDecided(NodeRun self)
    {
        int ended = self.Scope!.Statuses.Count(s => s == NodeStatus.Succeeded);
        return self.Scope.Statuses.Contains(NodeStatus.Failed) || (All ? ended == self.Node.Children.Count : ended > 0);
    }

    private static Payload? Outputs(NodeRun self)
    {
        (string, Payload)[] parts = [.. self.Node.Children.Select(c => (c.Id, self.Scope!.Outputs[c.Ordinal] ?? Payload.Null))];
        return parts.Sum(p => (long)p.Item2.Utf8.Length) > Payload.MaxLength ? null : JsonPayload.Object(parts);
    }
}
