using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Nodes.BehaviorTree;

/// <summary>Succeeds when its expression is true and fails with CONDITION_FALSE when it is false. Its output is the latest output.</summary>
public sealed class ConditionNode : PlanNode
{
    public required CelExpression Condition { get; init; }

    internal override void Start(RunMachine machine, NodeRun self)
    {
        if (Evaluate(machine, machine.VariablesFor(self), Condition, $"Condition '{Condition.Source}'", out StepError? error))
        {
            machine.Succeed(self, machine.LatestOutput(self));
        }
        else
        {
            machine.Fail(self, error ?? new StepError("CONDITION_FALSE", ErrorCategory.Permanent, $"'{Condition.Source}' is not true."));
        }
    }

    /// <returns>Whether it is true; an expression that fails is an error, not false.</returns>
    internal static bool Evaluate(RunMachine machine, RunVariables variables, CelExpression condition, string what, out StepError? error)
    {
        CelValue value = machine.Ask(condition, variables);
        error = value.Kind == CelKind.Bool ? null : ExpressionError($"{what} failed: {(value.IsError ? value.AsError().Message : $"it gave {value.TypeName} instead of bool")}");
        return value.IsTrue;
    }
}

/// <summary>
/// Ticks the child of the first condition that is true, or the default; the result is that child's. Without any it fails with
/// NO_BRANCH. Conditions are evaluated once, when the node is entered.
/// </summary>
public sealed class ConditionalSelectorNode : PlanNode
{
    private readonly CelExpression?[] _conditions;

    /// <param name="branches">In order; a branch without a condition is always taken.</param>
    public ConditionalSelectorNode(IReadOnlyList<(CelExpression? Condition, PlanNode Child)> branches)
    {
        Children = [.. branches.Select(b => b.Child)];
        _conditions = [.. branches.Select(b => b.Condition)];
    }

    public IReadOnlyList<CelExpression?> Conditions => _conditions;

    internal override void Start(RunMachine machine, NodeRun self)
    {
        for (int i = 0; i < _conditions.Length; i++)
        {
            StepError? error = null;
            if (_conditions[i] is not { } condition || ConditionNode.Evaluate(machine, machine.VariablesFor(self), condition, $"Condition '{condition.Source}' of '{Id}'", out error))
            {
                machine.Enter(Children[i], self);
                return;
            }

            if (error is not null)
            {
                machine.Fail(self, error);
                return;
            }
        }

        machine.Fail(self, new StepError("NO_BRANCH", ErrorCategory.Permanent, $"No condition of '{Id}' is true and it has no default; add one."));
    }

    internal override void ChildEnded(RunMachine machine, NodeRun self, NodeRun child) => CompositeNode.EndAs(machine, self, child);
}
