using System.Text.Json;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Definitions;

/// <summary>One version of a workflow, compiled: immutable, shared by all its runs, safe for concurrent use.</summary>
public sealed class WorkflowDefinition
{
    private readonly PlanNode[] _nodes;

    /// <param name="root">The root of the scope tree; numbering its nodes in document order is done here.</param>
    public WorkflowDefinition(PlanNode root)
    {
        Root = root;
        var nodes = new List<PlanNode>();
        Number(root, null, 0, nodes);
        _nodes = [.. nodes];
    }

    public required string Name { get; init; }

    /// <summary>Semantic version text.</summary>
    public required string Version { get; init; }

    public string Description { get; init; } = "";

    /// <summary>Lower-case hex SHA-256 over the source and its assets: what a run pins.</summary>
    public required string Hash { get; init; }

    public required WorkflowSource Source { get; init; }

    /// <summary><c>fsm</c>, <c>dag</c>, …: the word behind <c>planner:</c>.</summary>
    public required string Planner { get; init; }

    /// <summary>JSON Schema of the input; <see langword="null"/> takes any object.</summary>
    public JsonElement? InputSchema { get; init; }

    public IReadOnlyDictionary<string, AgentDefinition> Agents { get; init; } = new Dictionary<string, AgentDefinition>(StringComparer.Ordinal);

    public RunPolicies Policies { get; init; } = RunPolicies.Default;

    /// <summary>The <c>vars</c> object.</summary>
    public Payload Vars { get; init; } = Payload.EmptyObject;

    /// <summary>Names behind <c>env.</c> in the expressions, ordinal order; a run captures <c>AF_ENV_&lt;NAME&gt;</c> for each when it starts.</summary>
    public IReadOnlyList<string> EnvironmentNames { get; init; } = [];

    /// <summary>What a completed run answers; <see langword="null"/>: what the root scope gave.</summary>
    public ValueTemplate? Output { get; init; }

    public PlanNode Root { get; }

    /// <summary>All nodes, by <see cref="PlanNode.Index"/>.</summary>
    public IReadOnlyList<PlanNode> Nodes => _nodes;

    internal PlanNode NodeAt(int index) => _nodes[index];

    private static void Number(PlanNode node, PlanNode? parent, int ordinal, List<PlanNode> nodes)
    {
        node.Place(parent, nodes.Count, ordinal);
        nodes.Add(node);
        for (int i = 0; i < node.Children.Count; i++)
        {
            Number(node.Children[i], node, i, nodes);
        }

        if (node is CallNode { Compensation: { } compensation })
        {
            Number(compensation, node, -1, nodes);
        }

        if (node is CallNode { Remedies: { Count: > 0 } remedies })
        {
            for (int i = 0; i < remedies.Count; i++)
            {
                if (remedies[i].Call is { } call)
                {
                    Number(call, node, -2 - i, nodes);
                }
            }
        }
    }
}
