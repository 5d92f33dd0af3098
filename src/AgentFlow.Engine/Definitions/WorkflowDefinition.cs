using System.Text.Json;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Triggers;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Engine.Definitions;

/// <summary>One version of a workflow, compiled: immutable, shared by all its runs, safe for concurrent use.</summary>
public sealed class WorkflowDefinition
{
    private readonly PlanNode[] _nodes;
    private Changed? _latest;
    private bool? _watchesLoops;

    /// <param name="root">The root of the scope tree; numbering its nodes in document order is done here.</param>
    public WorkflowDefinition(PlanNode root)
        : this(root, null, null)
    {
    }

    /// <summary>
    /// A changed plan. What was there keeps its number, what is new gets the numbers behind the last; what is there no more
    /// stays under its number, because events of the run name it.
    /// </summary>
    /// <param name="previous">The plan before the change.</param>
    /// <param name="edits">What the change touched: what was put in place of something else is new.</param>
    internal WorkflowDefinition(PlanNode root, WorkflowDefinition? previous, IReadOnlyList<PlanEdit>? edits)
    {
        Root = root;
        Base = previous?.Base ?? this;
        Edits = edits ?? [];
        List<PlanNode> nodes = previous is null ? [] : [.. previous._nodes];
        Number(root, null, 0, previous?.Root, nodes);
        _nodes = [.. nodes];
    }

    /// <summary>The plan as the workflow version has it; this one unless a run changed its own.</summary>
    public WorkflowDefinition Base { get; }

    /// <summary>What a run has changed of <see cref="Base"/>, in order.</summary>
    public IReadOnlyList<PlanChange> Changes { get; init; } = [];

    /// <summary>What the last of the <see cref="Changes"/> touched.</summary>
    internal IReadOnlyList<PlanEdit> Edits { get; }

    /// <summary>Compiles changed plans; without it a definition cannot be changed.</summary>
    internal WorkflowLoader? Loader { get; init; }

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

    /// <summary>What <see cref="InputSchema"/> says, compiled on first use.</summary>
    public WorkflowInput Input => field ??= new WorkflowInput(InputSchema);

    public IReadOnlyDictionary<string, AgentDefinition> Agents { get; init; } = new Dictionary<string, AgentDefinition>(StringComparer.Ordinal);

    public RunPolicies Policies { get; init; } = RunPolicies.Default;

    /// <summary>What starts runs of it without anybody asking for each.</summary>
    public IReadOnlyList<WorkflowTrigger> Triggers { get; init; } = [];

    /// <summary>What payloads of signals must look like, by the signal's name; one that is not here may be anything.</summary>
    public IReadOnlyDictionary<string, JsonSchema> Signals { get; init; } = new Dictionary<string, JsonSchema>(StringComparer.Ordinal);

    /// <summary>The <c>vars</c> object.</summary>
    public Payload Vars { get; init; } = Payload.EmptyObject;

    /// <summary>Names behind <c>env.</c> in the expressions, ordinal order; a run captures <c>AF_ENV_&lt;NAME&gt;</c> for each when it starts.</summary>
    public IReadOnlyList<string> EnvironmentNames { get; init; } = [];

    /// <summary>What a completed run answers; <see langword="null"/>: what the root scope gave.</summary>
    public ValueTemplate? Output { get; init; }

    public PlanNode Root { get; }

    /// <summary>All nodes, by <see cref="PlanNode.Index"/>.</summary>
    public IReadOnlyList<PlanNode> Nodes => _nodes;

    /// <summary>Whether runs of this version end loops that learn nothing.</summary>
    internal bool WatchesLoops => _watchesLoops ??= Policies.BreaksLoops && _nodes.Any(n => n.IsWatched);

    internal PlanNode NodeAt(int index) => _nodes[index];

    /// <summary>
    /// The definition with one more change. The same definition and change always give the same result; the last one is kept,
    /// so that deciding and applying compile once.
    /// </summary>
    public LoadResult With(PlanChange change)
    {
        if (_latest is { } latest && latest.Change == change)
        {
            return latest.Result;
        }

        LoadResult result = Loader?.Load(this, change)
            ?? new LoadResult(null, [new Diagnostic(PlanChange.File, 1, 1, DiagnosticCodes.NotSupported, "This workflow has no file that could be changed.", "Change workflows that were loaded from a file.")]);
        _latest = new Changed(change, result);
        return result;
    }

    /// <param name="old">The node that stood in this place before.</param>
    private void Number(PlanNode node, PlanNode? parent, int ordinal, PlanNode? old, List<PlanNode> nodes)
    {
        bool isSame = old is not null && old.GetType() == node.GetType() && !Edits.Any(e => e.IsNew && e.Address == old.Address);
        node.Place(parent, isSame ? old!.Index : nodes.Count, ordinal);
        if (isSame)
        {
            nodes[node.Index] = node;
        }
        else
        {
            nodes.Add(node);
        }

        for (int i = 0; i < node.Children.Count; i++)
        {
            int before = isSame ? old!.OrdinalOf(node.Children[i].Id) : -1;
            Number(node.Children[i], node, i, before < 0 ? null : old!.Children[before], nodes);
        }

        if (node is CallNode { Compensation: { } compensation })
        {
            Number(compensation, node, -1, isSame ? ((CallNode)old!).Compensation : null, nodes);
        }

        if (node is CallNode { Remedies: { Count: > 0 } remedies })
        {
            for (int i = 0; i < remedies.Count; i++)
            {
                if (remedies[i].Call is { } call)
                {
                    Number(call, node, -2 - i, isSame && ((CallNode)old!).Remedies is { } before && i < before.Count ? before[i].Call : null, nodes);
                }
            }
        }
    }

    private sealed record Changed(PlanChange Change, LoadResult Result);
}
