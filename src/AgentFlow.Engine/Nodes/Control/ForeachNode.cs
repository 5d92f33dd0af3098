using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Nodes.Control;

/// <summary>
/// Visits its body once for each item of a list, several at a time, in the order of the list. Its output is the list of the
/// iterations' outputs, in the same order; where failures are borne, an object with that list and what failed.
/// </summary>
public sealed class ForeachNode : PlanNode
{
    /// <summary>Most items of one list.</summary>
    public const int MostItems = 10_000;

    /// <summary>Iterations that are open at once unless the file says otherwise.</summary>
    public const int DefaultParallel = 32;

    private const int Body = 0;

    public ForeachNode(PlanNode body) => Children = [body];

    /// <summary>Gives the list, evaluated once, when the node is entered.</summary>
    public required ValueTemplate Items { get; init; }

    /// <summary>What expressions call the item.</summary>
    public string As { get; init; } = "item";

    /// <summary>Most iterations that are open at once, from 1.</summary>
    public int MaxParallel { get; init; } = DefaultParallel;

    /// <summary>Whether the first failure ends the whole, or the rest goes on.</summary>
    public OnStepError OnError { get; init; }

    /// <summary>With <see cref="OnStepError.Continue"/>: a number of iterations that have to succeed, all of a shorter list. Default 0.</summary>
    public int MinSuccess { get; init; }

    /// <summary>With <see cref="OnStepError.Continue"/>: the share that has to succeed, 0 to 1. Default 0.</summary>
    public decimal MinShare { get; init; }

    internal override bool NamesChildren => false;

    internal override bool IsInTurn(int one, int other) => MaxParallel == 1;

    internal override void Start(RunMachine machine, NodeRun self)
    {
        Payload? items = Items.Render(machine.VariablesFor(self), out string? error);
        if (items is null)
        {
            machine.Fail(self, ExpressionError($"The items of '{Id}' cannot be computed: {error}"));
        }
        else if (Iterations.CountOf(items) is not { } count)
        {
            machine.Fail(self, ExpressionError($"The items of '{Id}' are {items.Value.TypeName}, not a list."));
        }
        else if (count > MostItems)
        {
            machine.Fail(self, new StepError("FOREACH_LIMIT", ErrorCategory.Permanent, $"'{Id}' has {count} items; a foreach takes at most {MostItems}. Split the list."));
        }
        else
        {
            machine.Emit(new ItemsListed(self.Id, items));
            Go(machine, self);
        }
    }

    internal override void ChildEnded(RunMachine machine, NodeRun self, NodeRun child)
    {
        // The failure that decides closes the others, once: those come back here as they end.
        if (child.Ended != NodeStatus.Succeeded && self.Iterations!.Failed == Bearable(self.Iterations.Count) + 1)
        {
            foreach (NodeRun open in machine.OpenChildren(self))
            {
                machine.Close(open, NodeStatus.Cancelled, null);
            }
        }

        Go(machine, self);
    }

    private void Go(RunMachine machine, NodeRun self)
    {
        Iterations iterations = self.Iterations!;
        while (self.Ended is null && self.Closing is null && iterations.Failed <= Bearable(iterations.Count) && self.Scope!.Open < MaxParallel && self.Scope.Visits[Body] < iterations.Count)
        {
            machine.Enter(self.Node.Children[Body], self);
        }

        if (self.Ended is not null || self.Closing is not null || self.Scope!.Open > 0)
        {
            return;
        }

        if (iterations.Failed > Bearable(iterations.Count))
        {
            machine.Fail(self, Failure(self));
        }
        else if (Output(self) is { } output)
        {
            machine.Succeed(self, output);
        }
        else
        {
            machine.Fail(self, new StepError("RESULT_TOO_LARGE", ErrorCategory.Permanent, $"The outputs of '{Id}' have more than {Payload.MaxLength} bytes together; let its body give less."));
        }
    }

    /// <summary>Failures after which the whole can still succeed.</summary>
    internal int Bearable(int count) => OnError == OnStepError.Abort ? 0 : count - Math.Max(Math.Min(MinSuccess, count), (int)decimal.Ceiling(MinShare * count));

    private StepError Failure(NodeRun self)
    {
        Iterations iterations = self.Iterations!;
        int first = Array.FindIndex(iterations.Statuses, s => s == NodeStatus.Failed);
        StepError? cause = first < 0 ? null : iterations.Errors[first];
        if (OnError == OnStepError.Abort && cause is not null)
        {
            return cause with { Message = $"Item {first} of '{Id}' failed: {cause.Message}" };
        }

        string why = cause is null ? "" : $" Item {first} failed: {cause.Code}: {cause.Message}";
        return new StepError("FOREACH_FAILED", ErrorCategory.Permanent, $"{iterations.Succeeded} of {iterations.Count} items of '{Id}' succeeded, {iterations.Count - Bearable(iterations.Count)} have to.{why}");
    }

    private Payload? Output(NodeRun self)
    {
        Iterations iterations = self.Iterations!;
        if (iterations.Outputs.Sum(o => (long)(o?.Utf8.Length ?? 4) + 1) > Payload.MaxLength)
        {
            return null;
        }

        Payload results = JsonPayload.Array(iterations.Outputs);
        if (OnError == OnStepError.Abort)
        {
            return results;
        }

        IEnumerable<Payload> errors = iterations.Errors.Index().Where(e => iterations.Statuses[e.Index] != NodeStatus.Succeeded).Select(e => JsonPayload.Object([
            ("index", JsonPayload.Number(e.Index)),
            ("code", JsonPayload.Text(e.Item?.Code)),
            ("message", JsonPayload.Text(e.Item?.Message)),
        ]));
        return JsonPayload.Object([
            ("results", results),
            ("errors", JsonPayload.Array([.. errors])),
            ("succeeded", JsonPayload.Number(iterations.Succeeded)),
            ("failed", JsonPayload.Number(iterations.Failed)),
        ]);
    }
}
