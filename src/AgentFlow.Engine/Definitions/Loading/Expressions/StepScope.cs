namespace AgentFlow.Engine.Definitions.Loading.Expressions;

/// <summary>How far an expression may rely on a step having ended before it is evaluated.</summary>
internal enum StepOrder
{
    /// <summary>Always, or it depends on the run in a way that the file allows.</summary>
    Before,

    /// <summary>Not on any path through the machine.</summary>
    Never,

    /// <summary>Nothing makes it wait.</summary>
    Unordered,
}

/// <summary>The states or steps of one scope, in the order that their plan gives them.</summary>
internal interface IStepOrder
{
    IReadOnlyDictionary<string, int> Ordinals { get; }

    /// <summary>Whether <paramref name="used"/> has ended when an expression of <paramref name="reader"/> is evaluated.</summary>
    /// <param name="afterReader">The expression is evaluated after the reader itself has ended.</param>
    StepOrder Compare(int used, int reader, bool afterReader);
}

/// <summary>
/// The place of an expression: what it may read of steps. A nested scope sees its own steps, then those around it, as
/// the running expression does.
/// </summary>
/// <param name="Reader">Id of the state or step that the expression belongs to; <see langword="null"/> when it is evaluated after the whole scope.</param>
internal sealed record StepScope(StepScope? Outer, IStepOrder Steps, string? Reader, bool AfterReader = false)
{
    /// <summary>Names that a loop gives to expressions inside of it.</summary>
    public IReadOnlyList<string> Variables { get; init; } = [];

    /// <summary>Names of every loop around, nearest first.</summary>
    public IEnumerable<string> AllVariables => Outer is null ? Variables : Variables.Concat(Outer.AllVariables);

    /// <summary>The reader's address in the plan: <see cref="Nodes.PlanNode.Address"/>.</summary>
    public string Address => Outer is null ? Reader ?? "" : $"{Outer.Address}/{Reader}";

    /// <summary>The order of a step among those of the nearest scope that has it; <see langword="null"/> when none has.</summary>
    public StepOrder? Find(string id)
    {
        for (StepScope? scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope.Steps.Ordinals.TryGetValue(id, out int used))
            {
                return scope.Reader is null ? StepOrder.Before : scope.Steps.Compare(used, scope.Steps.Ordinals[scope.Reader], scope.AfterReader);
            }
        }

        return null;
    }

    /// <summary>Every id in sight, nearest scope first.</summary>
    public IEnumerable<string> Ids()
    {
        for (StepScope? scope = this; scope is not null; scope = scope.Outer)
        {
            foreach (string id in scope.Steps.Ordinals.Keys)
            {
                yield return id;
            }
        }
    }
}
