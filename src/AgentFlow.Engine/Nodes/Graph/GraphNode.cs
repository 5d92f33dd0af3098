using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Nodes.Graph;

/// <summary>What a graph does when a step has failed for good.</summary>
public enum OnStepError
{
    /// <summary>Steps in flight are cancelled, pending ones skipped, and the graph fails.</summary>
    Abort,

    /// <summary>The rest of the graph goes on; dependents of the step are skipped.</summary>
    Continue,
}

/// <summary>How one step hangs together with the others.</summary>
public sealed record StepRules
{
    /// <summary>Ordinals of the steps that must have ended first.</summary>
    public IReadOnlyList<int> DependsOn { get; init; } = [];

    /// <summary>Evaluated once all dependencies have ended; false skips the step.</summary>
    public CelExpression? Condition { get; init; }

    /// <summary>The condition asks about failures itself (<c>failed()</c>, <c>always()</c>): a failed dependency does not skip the step.</summary>
    public bool RunsAfterFailure { get; init; }

    public OnStepError OnError { get; init; }
}

/// <summary>
/// A directed acyclic graph of steps: a step starts when everything it depends on has ended. Steps that become ready
/// together start in document order. Its output maps the ids of the steps nobody depends on to their outputs; when there
/// is one such step, it is that step's output.
/// </summary>
public sealed class GraphNode : PlanNode
{
    private readonly StepRules[] _rules;
    private readonly int[][] _dependents;
    private readonly int[] _sinks;

    /// <param name="steps">Each step's body with its rules; the dependencies form no cycle.</param>
    /// <exception cref="ArgumentException">They do.</exception>
    public GraphNode(IReadOnlyList<(PlanNode Body, StepRules Rules)> steps)
    {
        Children = [.. steps.Select(s => s.Body)];
        _rules = [.. steps.Select(s => s.Rules)];
        var dependents = steps.Select(_ => new List<int>()).ToArray();
        for (int i = 0; i < _rules.Length; i++)
        {
            foreach (int dependency in _rules[i].DependsOn)
            {
                dependents[dependency].Add(i);
            }
        }

        _dependents = [.. dependents.Select(d => d.ToArray())];
        _sinks = [.. Enumerable.Range(0, steps.Count).Where(i => _dependents[i].Length == 0)];
        RefuseCycle();
    }

    public IReadOnlyList<StepRules> Rules => _rules;

    /// <summary>Most steps that are open at once; <see langword="null"/>: no limit.</summary>
    public int? MaxParallel { get; init; }

    internal override bool IsInTurn(int one, int other) => one == other || MaxParallel == 1 || ComesBefore(one, other) || ComesBefore(other, one);

    internal override void Start(RunMachine machine, NodeRun self)
    {
        for (int i = 0; i < _rules.Length && HasRoom(self); i++)
        {
            if (_rules[i].DependsOn.Count == 0)
            {
                TryStart(machine, self, i);
            }
        }

        FinishWhenDone(machine, self);
    }

    internal override void ChildEnded(RunMachine machine, NodeRun self, NodeRun child)
    {
        int ordinal = child.Node.Ordinal;
        if (child.Ended == NodeStatus.Failed && _rules[ordinal].OnError == OnStepError.Abort)
        {
            foreach (NodeRun sibling in machine.OpenChildren(self))
            {
                machine.Close(sibling, NodeStatus.Cancelled, null);
            }
        }

        if (MaxParallel is null)
        {
            StartReadyDependents(machine, self, ordinal);
        }

        if (MaxParallel is not null || HasAborted(self))
        {
            // A freed place, or an abort, can concern any pending step.
            StartReady(machine, self);
        }

        FinishWhenDone(machine, self);
    }

    internal override void PlanChanged(RunMachine machine, NodeRun self)
    {
        StartReady(machine, self);
        FinishWhenDone(machine, self);
    }

    private void StartReady(RunMachine machine, NodeRun self)
    {
        for (int i = 0; i < _rules.Length; i++)
        {
            if (HasRoom(self) && IsPending(self, i) && IsReady(self, i))
            {
                TryStart(machine, self, i);
            }
        }
    }

    private void StartReadyDependents(RunMachine machine, NodeRun self, int ended)
    {
        foreach (int dependent in _dependents[ended])
        {
            if (IsPending(self, dependent) && IsReady(self, dependent))
            {
                TryStart(machine, self, dependent);
            }
        }
    }

    /// <summary>Enters the step, or skips it and settles what that means for its dependents.</summary>
    private void TryStart(RunMachine machine, NodeRun self, int ordinal)
    {
        if (!IsPending(self, ordinal) || self.Closing is not null || self.Ended is not null)
        {
            return;
        }

        StepRules rules = _rules[ordinal];
        bool wanted = rules.RunsAfterFailure || (!HasAborted(self) && rules.DependsOn.All(d => self.Scope!.Statuses[d] == NodeStatus.Succeeded));
        if (wanted && rules.Condition is not null)
        {
            CelValue value = machine.Ask(rules.Condition, machine.Variables(self));
            if (value.Kind != CelKind.Bool)
            {
                string what = value.IsError ? value.AsError().Message : $"it gave {value.TypeName} instead of bool";
                NodeRun broken = machine.EnterOnly(Children[ordinal], self);
                machine.Fail(broken, ExpressionError($"Condition '{rules.Condition.Source}' of step '{Children[ordinal].Id}' failed: {what}"));
                return;
            }

            wanted = value.IsTrue;
        }

        if (wanted)
        {
            machine.Enter(Children[ordinal], self);
        }
        else
        {
            machine.Emit(new NodeSkipped(self.Id, Children[ordinal].Index));
            StartReadyDependents(machine, self, ordinal);
        }
    }

    private void FinishWhenDone(RunMachine machine, NodeRun self)
    {
        if (self.Ended is not null || self.Scope!.Open > 0 || self.Scope.Finished < _rules.Length)
        {
            return;
        }

        for (int i = 0; i < _rules.Length; i++)
        {
            if (self.Scope.Statuses[i] is NodeStatus.Failed && _rules[i].OnError == OnStepError.Abort)
            {
                StepError error = self.Scope.Errors[i]!;
                machine.Fail(self, error with { Message = $"Step '{Children[i].Id}' failed: {error.Message}" });
                return;
            }
        }

        if (RunMachine.Collect(self, _sinks) is { } output)
        {
            machine.Succeed(self, output);
        }
        else
        {
            machine.Fail(self, new StepError(
                "RESULT_TOO_LARGE",
                Contracts.Errors.ErrorCategory.Permanent,
                $"The outputs of '{Id}' have more than {Payload.MaxLength} bytes together; let its last steps give less."));
        }
    }

    /// <summary>Whether a step depends on another one, directly or through others.</summary>
    private bool ComesBefore(int step, int later)
    {
        var seen = new HashSet<int>();
        var open = new Stack<int>(_rules[later].DependsOn);
        while (open.TryPop(out int before))
        {
            if (before == step)
            {
                return true;
            }

            if (seen.Add(before))
            {
                foreach (int next in _rules[before].DependsOn)
                {
                    open.Push(next);
                }
            }
        }

        return false;
    }

    private bool HasRoom(NodeRun self) => MaxParallel is not { } most || self.Scope!.Open < most;

    private bool HasAborted(NodeRun self)
    {
        for (int i = 0; i < _rules.Length; i++)
        {
            if (self.Scope!.Statuses[i] is NodeStatus.Failed && _rules[i].OnError == OnStepError.Abort)
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsPending(NodeRun self, int ordinal) => self.Scope!.Visits[ordinal] == 0 && self.Scope.Statuses[ordinal] is null;

    private bool IsReady(NodeRun self, int ordinal)
    {
        foreach (int dependency in _rules[ordinal].DependsOn)
        {
            if (self.Scope!.Statuses[dependency] is null)
            {
                return false;
            }
        }

        return true;
    }

    private void RefuseCycle()
    {
        int[] left = [.. _rules.Select(r => r.DependsOn.Count)];
        var ready = new Queue<int>(Enumerable.Range(0, left.Length).Where(i => left[i] == 0));
        int seen = 0;
        while (ready.TryDequeue(out int step))
        {
            seen++;
            foreach (int dependent in _dependents[step])
            {
                if (--left[dependent] == 0)
                {
                    ready.Enqueue(dependent);
                }
            }
        }

        if (seen < _rules.Length)
        {
            string cycle = string.Join(", ", Enumerable.Range(0, left.Length).Where(i => left[i] > 0).Select(i => Children[i].Id));
            throw new ArgumentException($"The steps {cycle} depend on each other in a cycle.");
        }
    }
}
