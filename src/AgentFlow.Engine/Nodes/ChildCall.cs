using AgentFlow.Contracts.Tools;

namespace AgentFlow.Engine.Nodes;

/// <summary>That a step is done by a run of another workflow.</summary>
/// <param name="Workflow">Its name.</param>
/// <param name="Versions">Which versions may do it; the highest one that is published when the step starts does.</param>
/// <param name="CancelsWithParent">
/// Whether the child is asked to stop when the step is closed, and awaited; otherwise it goes on by itself.
/// </param>
public sealed record ChildCall(string Workflow, VersionRange Versions, bool CancelsWithParent = true)
{
    /// <summary>Runs above a run; one deeper is refused, so that workflows that call each other come to an end.</summary>
    public const int MaxDepth = 16;
}
