namespace AgentFlow.Engine.Definitions;

/// <summary>One change of a run's plan: what its journal says about it, and all that is needed to do it again.</summary>
/// <param name="Node">Index of the node that gets a further scope below it; -1: the text is a list of changes to the plan.</param>
/// <param name="Text">YAML (so JSON, too): a scope with its <c>planner</c>, or the changes.</param>
public sealed record PlanChange(int Node, string Text)
{
    /// <summary>Stands for the index of a node where the text says itself what is changed.</summary>
    public const int Plan = -1;

    /// <summary>The name of the text in diagnostics.</summary>
    public const string File = "changes.yaml";
}

/// <summary>Something that a change touched, for whoever has to know whether it can still be touched.</summary>
/// <param name="Scope">Address of the scope that it belongs to (<see cref="Nodes.PlanNode.Address"/>).</param>
/// <param name="Id">The node's id in that scope.</param>
internal sealed record PlanEdit(PlanEditKind Kind, string Scope, string Id)
{
    public string Address => Scope.Length == 0 ? Id : $"{Scope}/{Id}";

    /// <summary>What stands there now is another node, also where one of the same id stood.</summary>
    public bool IsNew => Kind is PlanEditKind.Insert or PlanEditKind.Replace;
}

internal enum PlanEditKind
{
    Insert,
    Replace,
    Remove,

    /// <summary>What the node waits for is another now.</summary>
    Reorder,

    /// <summary>Where the state leads is another now.</summary>
    Redirect,
}
