using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;

namespace AgentFlow.Engine.Runs.Journal;

/// <summary>
/// The node visits of one run by their number, with the names that readers know them by. A fold over the journal: apply the
/// events from the first on.
/// </summary>
/// <param name="definition"><see langword="null"/> when the workflow version does not compile any more: nodes are then named by index.</param>
public sealed class Visits(WorkflowDefinition? definition)
{
    private readonly List<Visit> _visits = [];

    /// <summary>The workflow version, with everything that the run has changed of its plan so far.</summary>
    public WorkflowDefinition? Definition { get; private set; } = definition?.Base;

    public IReadOnlyList<Visit> All => _visits;

    /// <summary>Sequence of the next event to apply.</summary>
    public long NextSeq { get; private set; }

    /// <summary>The visit of a number; one that nobody entered gets a name all the same.</summary>
    public Visit this[int id] => id >= 0 && id < _visits.Count ? _visits[id] : new Visit(id, null, null, $"visit {id}", "");

    public Visit? Find(int id) => id >= 0 && id < _visits.Count ? _visits[id] : null;

    /// <summary>A node's id in the workflow file.</summary>
    public string NameOf(int node) => NodeAt(node)?.Id ?? $"node {node}";

    /// <summary>Applies the next event.</summary>
    public void Apply(JournalEvent journalEvent)
    {
        ArgumentNullException.ThrowIfNull(journalEvent);
        NextSeq++;
        if (journalEvent is PlanGrafted change)
        {
            Definition = Definition?.With(new PlanChange(change.Node, change.Text)).Definition;

            // Scopes that are open go on with the children and rules of the changed plan, under the same indexes.
            foreach (Visit open in _visits)
            {
                open.Node = open.Node is { Index: var index } ? NodeAt(index) ?? open.Node : null;
            }
        }

        if (journalEvent is NodeEntered e)
        {
            Visit? parent = Find(e.Parent);
            string name = NameOf(e.Node);
            string path = parent is null ? "" : parent.Path.Length == 0 ? $"{name}#{e.Visit}" : $"{parent.Path}/{name}#{e.Visit}";
            var visit = new Visit(e.Id, parent, NodeAt(e.Node), name, path);
            if (parent is not null)
            {
                parent.Latest = visit;
            }

            _visits.Add(visit);
        }
    }

    private PlanNode? NodeAt(int index) => Definition is not null && index >= 0 && index < Definition.Nodes.Count ? Definition.Nodes[index] : null;
}

/// <summary>One visit of a node.</summary>
public sealed class Visit(int id, Visit? parent, PlanNode? node, string name, string path)
{
    public int Id => id;

    public Visit? Parent => parent;

    /// <summary>The node in the plan as it is by now; <see langword="null"/> when the workflow version does not compile any more.</summary>
    public PlanNode? Node { get; internal set; } = node;

    /// <summary>The node's id in the workflow file.</summary>
    public string Name => name;

    /// <summary>Structural path with visits; empty for the root.</summary>
    public string Path => path;

    /// <summary>The child that was entered last.</summary>
    public Visit? Latest { get; internal set; }

    /// <summary>Whether it does something itself instead of holding others.</summary>
    public bool IsLeaf => Node is null ? Latest is null && parent is not null : Node.Children.Count == 0;
}
