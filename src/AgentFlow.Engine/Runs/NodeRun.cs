using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Runs;

/// <summary>Where an open node stands.</summary>
public enum NodePhase : byte
{
    /// <summary>A scope with open or pending children, or a wait.</summary>
    Open = 0,

    /// <summary>A step that wants admission.</summary>
    Scheduled = 1,

    /// <summary>A step whose attempt was admitted and has no recorded outcome.</summary>
    InFlight = 2,

    /// <summary>A step between two attempts; its timer ends the wait.</summary>
    Backoff = 3,

    /// <summary>A step of unknown outcome that waits for somebody's answer.</summary>
    Asked = 4,

    /// <summary>A step that was handed over; an answer or its timer ends the wait.</summary>
    Awaiting = 5,

    /// <summary>A node that has not begun: it waits for a place at something shared, or its timer ends the wait.</summary>
    Queued = 7,

    /// <summary>A step that waits until somebody has decided whether it may run.</summary>
    AwaitingApproval = 6,

    /// <summary>A step whose remedy is being called.</summary>
    Remedied = 16,
}

/// <summary>One open visit of a node. Changed by <see cref="Reducer"/> alone.</summary>
public sealed class NodeRun
{
    internal NodeRun(int id, PlanNode node, NodeRun? parent, int visit)
    {
        Id = id;
        Node = node;
        Parent = parent;
        Visit = visit;
        if (node.Children.Count > 0)
        {
            Scope = new ScopeState(node);
        }

        Remedied = node is CallNode { Remedies.Count: > 0 } call ? new int[call.Remedies.Count] : null;
    }

    public int Id { get; }

    public PlanNode Node { get; private set; }

    public NodeRun? Parent { get; }

    /// <summary>1 for the first visit of the node in its scope.</summary>
    public int Visit { get; }

    public NodePhase Phase { get; internal set; }

    /// <summary>Number of the latest attempt; 0 before the first.</summary>
    public int Attempt { get; internal set; }

    /// <summary>Attempts that failed; the retry policy counts these, not attempts of unknown outcome.</summary>
    public int Failures { get; internal set; }

    /// <summary>How often each of the step's remedies was used; <see langword="null"/> when it has none.</summary>
    internal int[]? Remedied { get; set; }

    /// <summary>The visit that is the remedy's call, while the step waits for it; 0 otherwise.</summary>
    internal int RemedyVisit { get; set; }

    /// <summary>Attempts that certainly failed, those that were remedied included.</summary>
    public int FailedAttempts => Failures + (Remedied?.Sum() ?? 0);

    /// <summary>Part of the idempotency key; rises after a definite failure.</summary>
    public int Generation { get; internal set; }

    public Payload? Input { get; internal set; }

    /// <summary>When the node's timer is due, in Unix milliseconds; 0 when none is set.</summary>
    public long Due { get; internal set; }

    public long ReservedNanoDollars { get; internal set; }

    /// <summary>An attempt may have taken effect although none has succeeded.</summary>
    public bool MayHaveHappened { get; internal set; }

    /// <summary>The run that does the step, while it does.</summary>
    public Ulid? Child { get; internal set; }

    /// <summary>The child has been asked to stop.</summary>
    public bool IsChildStopping { get; internal set; }

    /// <summary>What the step fails with once its child has stopped; <see langword="null"/>: the child's own error.</summary>
    public StepError? ChildError { get; internal set; }

    /// <summary>The approval that the step waits for.</summary>
    public ApprovalRequested? Approval { get; internal set; }

    /// <summary>Names of the approvals that the step has.</summary>
    public IReadOnlyList<string> Approvals { get; internal set; } = [];

    /// <summary>Set while what was done below the scope is undone; then how it will end.</summary>
    public NodeStatus? Compensating { get; internal set; }

    public StepError? CompensatingError { get; internal set; }

    /// <summary>Set once the node is being closed from above; then how it will end.</summary>
    public NodeStatus? Closing { get; internal set; }

    public StepError? ClosingError { get; internal set; }

    /// <summary>The children's results, for a scope.</summary>
    public ScopeState? Scope { get; private set; }

    /// <summary>The iterations, for a <c>foreach</c> once its list is known.</summary>
    public Iterations? Iterations { get; internal set; }

    /// <summary>How it ended; set in the same event that removes it from the open nodes.</summary>
    public NodeStatus? Ended { get; internal set; }

    public Payload? Output { get; internal set; }

    public StepError? Error { get; internal set; }

    /// <summary>The plan has changed: the visit goes on with the same node of the changed plan.</summary>
    internal void Rebind(PlanNode node)
    {
        Scope = node.Children.Count == 0 ? null : new ScopeState(node, Node, Scope);
        Node = node;
    }

    /// <summary>Structural path with visits, for example <c>review#2/fetch#1</c>: what the idempotency key names.</summary>
    public string Path => Parent is null ? "" : Parent.Parent is null ? $"{Node.Id}#{Visit}" : $"{Parent.Path}/{Node.Id}#{Visit}";
}

/// <summary>Something done that can be undone.</summary>
/// <param name="Visit">The visit that did it.</param>
/// <param name="Step">Whose <see cref="CallNode.Compensation"/> undoes it.</param>
/// <param name="Scopes">Ids of the visits around it, nearest first.</param>
internal sealed record Compensable(int Visit, CallNode Step, IReadOnlyList<int> Scopes)
{
    /// <summary>What the compensation is called with; <see langword="null"/> while that is not decided, and when it cannot be computed.</summary>
    public Payload? Input { get; init; }

    public StepError? Error { get; init; }

    public bool IsPlanned => Input is not null || Error is not null;
}

/// <summary>A visit's place at something that runs share.</summary>
/// <param name="Held">Whether it has been given; the visit waits otherwise.</param>
internal sealed record Place(SharedKind Kind, string Name, int Size, bool Held = false)
{
    public StepError TimedOut(string path) => Kind == SharedKind.Semaphore
        ? new StepError("SEMAPHORE_TIMEOUT", Contracts.Errors.ErrorCategory.Transient, $"'{path}' got none of the {Size} permit(s) of semaphore '{Name}' in time. GET /api/v1/semaphores tells who holds them.")
        : new StepError("BARRIER_TIMEOUT", Contracts.Errors.ErrorCategory.Transient, $"Fewer than {Size} parties came to barrier '{Name}' while '{path}' waited. GET /api/v1/barriers tells who waits there.");
}

/// <summary>What a scope knows of its children, by their ordinal.</summary>
public sealed class ScopeState
{
    internal ScopeState(PlanNode node)
    {
        int count = node.Children.Count;
        Outputs = new Payload?[count];
        Errors = new StepError?[count];
        Statuses = new NodeStatus?[count];
        Visits = new int[count];
    }

    /// <summary>What is known of a scope whose children are others now; those that stayed keep what they have.</summary>
    internal ScopeState(PlanNode node, PlanNode before, ScopeState? known)
        : this(node)
    {
        if (known is null)
        {
            return;
        }

        // A changed plan begins to count anew.
        Watch = known.Watch is null || !node.IsWatched ? null : new LoopWatch(node.Children.Count);
        Open = known.Open;
        Finished = known.Finished;
        foreach (PlanNode child in node.Children)
        {
            int old = before.OrdinalOf(child.Id);
            if (old < 0)
            {
                continue;
            }

            int now = child.Ordinal;
            Outputs[now] = known.Outputs[old];
            Errors[now] = known.Errors[old];
            Statuses[now] = known.Statuses[old];
            Visits[now] = known.Visits[old];
            Current = known.Current == old ? now : Current;
            Latest = known.Latest == old ? now : Latest;
        }
    }

    /// <summary>Set where rounds that are alike end the scope.</summary>
    internal LoopWatch? Watch { get; set; }

    /// <summary>Output of each child's latest finished visit.</summary>
    public Payload?[] Outputs { get; }

    public StepError?[] Errors { get; }

    public NodeStatus?[] Statuses { get; }

    public int[] Visits { get; }

    public int Open { get; internal set; }

    /// <summary>Children that have ended, skipped ones included (a state machine's revisits count again).</summary>
    public int Finished { get; internal set; }

    /// <summary>Ordinal of the child that was entered last; -1 before.</summary>
    public int Current { get; internal set; } = -1;

    /// <summary>Ordinal of the child that ended last; -1 before. Names <c>output</c> and <c>error</c> in expressions.</summary>
    public int Latest { get; internal set; } = -1;
}
