using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Nodes.Control;

/// <summary>
/// Visits its body again and again: as long as one condition is true before a round, and until another one is true after a
/// round. Its output is the last round's; without any round it is the latest output.
/// </summary>
public sealed class WhileNode : PlanNode
{
    /// <summary>Most rounds unless the file says otherwise.</summary>
    public const int DefaultRounds = 100;

    private const int Body = 0;
    private const int Pause = 1;

    /// <param name="delay">Between two rounds.</param>
    public WhileNode(PlanNode body, TimeSpan? delay = null) =>
        Children = delay is { } pause ? [body, new WaitNode { Id = "pause", For = pause }] : [body];

    /// <summary>Evaluated before each round; false ends the loop. <see langword="null"/>: always true.</summary>
    public CelExpression? Condition { get; init; }

    /// <summary>Evaluated after each round; true ends the loop. <see langword="null"/>: never true.</summary>
    public CelExpression? Until { get; init; }

    /// <summary>Most rounds, from 1; a loop that wants another one fails with WHILE_LIMIT.</summary>
    public int Max { get; init; } = DefaultRounds;

    internal override bool NamesChildren => false;

    private protected override bool CanGoRound => true;

    internal override void Start(RunMachine machine, NodeRun self) => GoOn(machine, self);

    internal override void ChildEnded(RunMachine machine, NodeRun self, NodeRun child)
    {
        if (child.Ended != NodeStatus.Succeeded)
        {
            machine.Fail(self, CompositeNode.Failure(child));
        }
        else if (child.Node.Ordinal == Pause)
        {
            machine.Enter(self.Node.Children[Body], self);
        }
        else if (!IsTrue(machine, self, Until, "until", out bool failed) && !failed)
        {
            GoOn(machine, self);
        }
        else if (!failed)
        {
            machine.Succeed(self, self.Scope!.Outputs[Body]);
        }
    }

    /// <summary>Begins another round, or ends the loop.</summary>
    private void GoOn(RunMachine machine, NodeRun self)
    {
        int rounds = self.Scope!.Visits[Body];
        bool wanted = IsTrue(machine, self, Condition, "condition", out bool failed) || Condition is null;
        if (failed)
        {
            return;
        }

        if (!wanted)
        {
            machine.Succeed(self, rounds > 0 ? self.Scope.Outputs[Body] : machine.LatestOutput(self));
        }
        else if (rounds >= Max)
        {
            machine.Fail(self, new StepError("WHILE_LIMIT", ErrorCategory.Permanent, $"'{Id}' wants more than {Max} rounds. Raise 'max' if it is not a loop without end."));
        }
        else if (self.Scope.Watch is { } watch && watch.Repeats(Body, machine.State.Information))
        {
            machine.Fail(self, watch.Error(self.Node, Body));
        }
        else
        {
            machine.Enter(self.Node.Children[rounds > 0 && self.Node.Children.Count > 1 ? Pause : Body], self);
        }
    }

    private bool IsTrue(RunMachine machine, NodeRun self, CelExpression? expression, string key, out bool failed)
    {
        failed = false;
        if (expression is null)
        {
            return false;
        }

        bool value = ConditionNode.Evaluate(machine, machine.Variables(self), expression, $"'{key}: {expression.Source}' of '{Id}'", out StepError? error);
        if (error is not null)
        {
            failed = true;
            machine.Fail(self, error);
        }

        return value;
    }
}
