using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Nodes.BehaviorTree;

/// <summary>Turns its child's success into failure (INVERTED) and failure into success. A cancelled child is neither.</summary>
public sealed class InvertNode : PlanNode
{
    public InvertNode(PlanNode child) => Children = [child];

    internal override void Start(RunMachine machine, NodeRun self) => machine.Enter(Children[0], self);

    internal override void ChildEnded(RunMachine machine, NodeRun self, NodeRun child)
    {
        if (child.Ended == NodeStatus.Failed)
        {
            machine.Succeed(self, machine.LatestOutput(self));
        }
        else
        {
            machine.Fail(self, child.Ended == NodeStatus.Succeeded ? new StepError("INVERTED", ErrorCategory.Permanent, $"'{child.Node.Id}' succeeded, which '{Id}' turns into a failure.") : CompositeNode.Failure(child));
        }
    }
}

/// <summary>Passes its child's result on; there for its time limit.</summary>
public sealed class TimeoutNode : PlanNode
{
    public TimeoutNode(PlanNode child) => Children = [child];

    internal override void Start(RunMachine machine, NodeRun self) => machine.Enter(Children[0], self);

    internal override void ChildEnded(RunMachine machine, NodeRun self, NodeRun child) => CompositeNode.EndAs(machine, self, child);
}

/// <summary>
/// Ticks its child again and again. As a retry it ends with the first success, or with the last failure when all tries are used
/// up; as a repetition it ends with the first failure, and succeeds when the condition is true after a success or all rounds
/// are done.
/// </summary>
public sealed class RepeatNode : PlanNode
{
    private const int Body = 0;
    private const int Pause = 1;

    /// <param name="delay">Between two rounds.</param>
    public RepeatNode(PlanNode child, TimeSpan? delay = null) =>
        Children = delay is { } pause ? [child, new WaitNode { Id = "pause", For = pause }] : [child];

    /// <summary>Goes on after failures instead of successes.</summary>
    public bool IsRetry { get; init; }

    /// <summary>Most rounds, from 1.</summary>
    public required int Times { get; init; }

    /// <summary>Evaluated after each success; true ends the repetition. Without it the rounds are counted only.</summary>
    public CelExpression? Until { get; init; }

    private protected override bool CanGoRound => Until is not null && !IsRetry;

    internal override void Start(RunMachine machine, NodeRun self) => machine.Enter(Children[Body], self);

    internal override void ChildEnded(RunMachine machine, NodeRun self, NodeRun child)
    {
        bool succeeded = child.Ended == NodeStatus.Succeeded;
        if (child.Node.Ordinal == Pause)
        {
            if (succeeded)
            {
                machine.Enter(Children[Body], self);
            }
            else
            {
                machine.Fail(self, CompositeNode.Failure(child));
            }

            return;
        }

        if (succeeded == IsRetry)
        {
            CompositeNode.EndAs(machine, self, child);
            return;
        }

        if (Until is { } until)
        {
            bool isDone = ConditionNode.Evaluate(machine, machine.Variables(self), until, $"Condition '{until.Source}' of '{Id}'", out StepError? error);
            if (error is not null)
            {
                machine.Fail(self, error);
                return;
            }

            if (isDone)
            {
                machine.Succeed(self, child.Output);
                return;
            }
        }

        if (self.Scope!.Visits[Body] >= Times)
        {
            if (Until is not null)
            {
                machine.Fail(self, new StepError("REPEAT_LIMIT", ErrorCategory.Permanent, $"'{Until.Source}' did not become true within {Times} rounds of '{Id}'."));
            }
            else
            {
                CompositeNode.EndAs(machine, self, child);
            }
        }
        else if (self.Scope.Watch is { } watch && watch.Repeats(Body, machine.State.Information))
        {
            machine.Fail(self, watch.Error(self.Node, Body));
        }
        else
        {
            machine.Enter(Children[Children.Count > 1 ? Pause : Body], self);
        }
    }
}
