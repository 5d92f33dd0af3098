using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Nodes.BehaviorTree;

/// <summary>
/// Children of a behaviour tree that are ticked one after the other, in document order. A child that has ended is not ticked
/// again: the journal remembers it, also over a restart.
/// </summary>
public abstract class CompositeNode : PlanNode
{
    private protected CompositeNode(IReadOnlyList<PlanNode> children) => Children = children;

    internal override void Start(RunMachine machine, NodeRun self) => machine.Enter(Children[0], self);

    internal sealed override void ChildEnded(RunMachine machine, NodeRun self, NodeRun child)
    {
        bool succeeded = child.Ended == NodeStatus.Succeeded;
        if (succeeded != EndsOn && child.Node.Ordinal + 1 < Children.Count)
        {
            machine.Enter(Children[child.Node.Ordinal + 1], self);
        }
        else
        {
            EndAs(machine, self, child);
        }
    }

    /// <summary>Which result of a child is that of the whole.</summary>
    private protected abstract bool EndsOn { get; }

    /// <summary>Ends a node with the result of its child.</summary>
    internal static void EndAs(RunMachine machine, NodeRun self, NodeRun child)
    {
        if (child.Ended == NodeStatus.Succeeded)
        {
            machine.Succeed(self, child.Output);
        }
        else
        {
            machine.Fail(self, Failure(child));
        }
    }

    internal static StepError Failure(NodeRun child) =>
        child.Error ?? new StepError("STEP_FAILED", ErrorCategory.Permanent, $"'{child.Node.Id}' was {child.Ended}.");
}

/// <summary>Succeeds with the first child that succeeds; fails with the last one when none does.</summary>
public sealed class SelectorNode(IReadOnlyList<PlanNode> children) : CompositeNode(children)
{
    private protected override bool EndsOn => true;
}

/// <summary>Fails with the first child that fails; succeeds with the last one when none does.</summary>
public sealed class SequenceNode(IReadOnlyList<PlanNode> children) : CompositeNode(children)
{
    private protected override bool EndsOn => false;
}
