using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Nodes.StateMachine;

/// <summary>One state: what it does, and where it leads.</summary>
public sealed record StateRules
{
    /// <summary>Tried in order when the state succeeds; the first true condition wins.</summary>
    public IReadOnlyList<ConditionalTransition> Transitions { get; init; } = [];

    /// <summary>Ordinal of the next state when no condition is true; <see langword="null"/>: the state must be final.</summary>
    public int? OnSuccess { get; init; }

    /// <summary>Ordinal of the next state when this one fails; <see langword="null"/>: the machine fails.</summary>
    public int? OnError { get; init; }

    /// <summary>A final state runs too; the machine ends when it has succeeded.</summary>
    public bool IsFinal { get; init; }

    /// <summary>What the run has come to when it ends here; default: the state's id.</summary>
    public string? Outcome { get; init; }
}

/// <param name="Target">Ordinal of the next state.</param>
public sealed record ConditionalTransition(CelExpression Condition, int Target);

/// <summary>A finite state machine: one state is active at a time.</summary>
public sealed class StateMachineNode : PlanNode
{
    private readonly StateRules[] _rules;

    /// <param name="states">Each state's body with its rules, in document order.</param>
    /// <param name="initial">Ordinal of the initial state.</param>
    public StateMachineNode(IReadOnlyList<(PlanNode Body, StateRules Rules)> states, int initial)
    {
        Children = [.. states.Select(s => s.Body)];
        _rules = [.. states.Select(s => s.Rules)];
        Initial = initial;
    }

    private protected override bool CanGoRound
    {
        get
        {
            // Whether following exits from some state leads back to it: states are taken away until none is left that leads nowhere.
            int[][] next = [.. _rules.Select(r => r.Transitions.Select(t => t.Target).Append(r.OnSuccess ?? -1).Append(r.OnError ?? -1).Where(s => s >= 0).ToArray())];
            bool[] gone = new bool[next.Length];
            bool moved = true;
            while (moved)
            {
                moved = false;
                for (int i = 0; i < next.Length; i++)
                {
                    if (!gone[i] && next[i].All(n => gone[n]))
                    {
                        gone[i] = moved = true;
                    }
                }
            }

            return gone.Contains(false);
        }
    }

    public int Initial { get; }

    public IReadOnlyList<StateRules> Rules => _rules;

    internal override void Start(RunMachine machine, NodeRun self) => Go(machine, self, Initial, TransitionRule.Initial, -1);

    internal override void ChildEnded(RunMachine machine, NodeRun self, NodeRun child)
    {
        StateRules rules = _rules[child.Node.Ordinal];
        if (child.Ended != NodeStatus.Succeeded)
        {
            GoOnError(machine, self, child.Node.Id, rules, child.Error ?? new StepError("STEP_FAILED", ErrorCategory.Permanent, $"State '{child.Node.Id}' was {child.Ended}."));
            return;
        }

        if (rules.IsFinal)
        {
            machine.Succeed(self, child.Output);
            return;
        }

        RunVariables variables = machine.Variables(self);
        for (int i = 0; i < rules.Transitions.Count; i++)
        {
            ConditionalTransition transition = rules.Transitions[i];
            CelValue value = machine.Ask(transition.Condition, variables);
            if (value.IsTrue)
            {
                Go(machine, self, transition.Target, TransitionRule.Condition, i);
                return;
            }

            if (value.Kind != CelKind.Bool)
            {
                string what = value.IsError ? value.AsError().Message : $"it gave {value.TypeName} instead of bool";
                GoOnError(machine, self, child.Node.Id, rules, ExpressionError($"Condition '{transition.Condition.Source}' of state '{child.Node.Id}' failed: {what}"));
                return;
            }
        }

        if (rules.OnSuccess is { } next)
        {
            Go(machine, self, next, TransitionRule.OnSuccess, -1);
        }
        else
        {
            machine.Fail(self, new StepError(
                "NO_TRANSITION",
                ErrorCategory.Permanent,
                $"No condition of state '{child.Node.Id}' was true and it has no on_success; add one, or list the state in final_states."));
        }
    }

    internal override string OutcomeOf(NodeRun self)
    {
        int current = self.Scope!.Current;
        return _rules[current].Outcome ?? Children[current].Id;
    }

    private static void GoOnError(RunMachine machine, NodeRun self, string state, StateRules rules, StepError error)
    {
        if (rules.OnError is { } handler)
        {
            Go(machine, self, handler, TransitionRule.OnError, -1);
        }
        else
        {
            machine.Fail(self, error with { Message = $"State '{state}' failed and has no on_error: {error.Message}" });
        }
    }

    private static void Go(RunMachine machine, NodeRun self, int target, TransitionRule rule, int condition)
    {
        if (self.Scope!.Watch is { } watch && watch.Repeats(target, machine.State.Information))
        {
            machine.Fail(self, watch.Error(self.Node, target));
            return;
        }

        PlanNode next = self.Node.Children[target];
        machine.Emit(new Transitioned(self.Id, next.Index, rule, condition));
        machine.Enter(next, self);
    }
}
