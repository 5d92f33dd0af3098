using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Nodes;

/// <summary>
/// One node of the scope tree: immutable data of a definition and the pure decisions of its kind. A node reads the state
/// and emits events through the <see cref="RunMachine"/>; it never waits, looks at a clock, or touches another node's visit.
/// </summary>
public abstract class PlanNode
{
    private IReadOnlyList<PlanNode> _children = [];
    private Dictionary<string, int>? _ordinals;
    private bool? _isWatched;

    /// <summary>Unique among its siblings.</summary>
    public required string Id { get; init; }

    /// <summary>
    /// For a scope, from entry to end; for a call, each attempt. <see langword="null"/>: no limit for a scope, the contract's for a call.
    /// </summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>A permit that a visit holds from before it begins until it has ended; <see langword="null"/>: it needs none.</summary>
    public SharedUse? Semaphore { get; internal set; }

    /// <summary>Children in document order; an ordinal is an index into this list.</summary>
    public IReadOnlyList<PlanNode> Children
    {
        get => _children;
        protected init
        {
            _children = value;
            _ordinals = value.Select((child, i) => (child.Id, i)).ToDictionary(p => p.Id, p => p.i, StringComparer.Ordinal);
        }
    }

    public PlanNode? Parent { get; private set; }

    /// <summary>Position in the definition's node list.</summary>
    public int Index { get; private set; }

    /// <summary>Position among its siblings; -1 for a compensation and less for a remedy, which are nobody's children.</summary>
    public int Ordinal { get; private set; }

    /// <summary>The ids that lead to the node from the root, which has none: <c>review/fetch</c>. Unique in the definition.</summary>
    public string Address => Parent is null ? "" : Parent.Parent is null ? Id : $"{Parent.Address}/{Id}";

    /// <summary>Undoes <see cref="Parent"/> instead of belonging to it.</summary>
    public bool IsCompensation => Ordinal == -1;

    /// <summary>Helps <see cref="Parent"/> over a failure instead of belonging to it.</summary>
    public bool IsRemedy => Ordinal < -1;

    /// <summary>True when the node's own timer limits it as a scope.</summary>
    internal virtual bool IsScope => _children.Count > 0;

    /// <summary>False where the children's ids are the engine's own: no expression can name them.</summary>
    internal virtual bool NamesChildren => true;

    /// <summary>The scope can come back to a child, and rounds that are alike show that it learns nothing.</summary>
    public bool IsWatched => _isWatched ??= CanGoRound && !RoundSight.CanTell(this);

    /// <summary>Whether the scope can visit a child again.</summary>
    private protected virtual bool CanGoRound => false;

    /// <summary>Ordinal of the child with this id, or -1.</summary>
    public int OrdinalOf(string id) => _ordinals is not null && _ordinals.TryGetValue(id, out int ordinal) ? ordinal : -1;

    internal void Place(PlanNode? parent, int index, int ordinal)
    {
        Parent = parent;
        Index = index;
        Ordinal = ordinal;
    }

    /// <summary>The node has been entered.</summary>
    internal abstract void Start(RunMachine machine, NodeRun self);

    /// <summary>A child has ended, and this scope is not being closed from above.</summary>
    internal virtual void ChildEnded(RunMachine machine, NodeRun self, NodeRun child) =>
        throw new InvalidOperationException($"{GetType().Name} has no children.");

    /// <summary>The node's timer fired; for a scope it was its timeout and has been dealt with before.</summary>
    internal virtual void TimerFired(RunMachine machine, NodeRun self)
    {
    }

    /// <summary>
    /// Whether visits of two children, or two visits of one child, never run side by side, whatever takes how long: then the plan says which comes
    /// first, and otherwise whoever is faster.
    /// </summary>
    /// <param name="one">An ordinal, as <paramref name="other"/>.</param>
    internal virtual bool IsInTurn(int one, int other) => true;

    /// <summary>Why the node fails when its time is over.</summary>
    internal virtual StepError Late(NodeRun self) => self.Parent is null
        ? new StepError("RUN_TIMEOUT", Contracts.Errors.ErrorCategory.Transient, "The run did not end in time.")
        : new StepError("STEP_TIMEOUT", Contracts.Errors.ErrorCategory.Transient, $"'{self.Path}' did not end in time.");

    /// <summary>A signal has arrived that nobody has consumed.</summary>
    internal virtual void SignalArrived(RunMachine machine, NodeRun self)
    {
    }

    /// <summary>The visit was given the place that it queued for.</summary>
    internal virtual void PlaceGranted(RunMachine machine, NodeRun self, PlaceGranted granted) => machine.Begin(self);

    /// <summary>Name of the signal that the node takes, if it takes one.</summary>
    public virtual string? AwaitedSignal => null;

    /// <summary>The plan has changed somewhere among the children of this scope, which is open and goes on.</summary>
    internal virtual void PlanChanged(RunMachine machine, NodeRun self)
    {
    }

    /// <summary>What a run that completed in this root is said to have come to.</summary>
    internal virtual string OutcomeOf(NodeRun self) => "completed";

    private protected static StepError ExpressionError(string message) =>
        new("EXPRESSION_FAILED", Contracts.Errors.ErrorCategory.Validation, message);
}
