using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Runs.Journal;

/// <summary>How a node ended.</summary>
public enum NodeStatus : byte
{
    Succeeded = 0,
    Failed = 1,
    Cancelled = 2,
    Skipped = 3,
}

/// <summary>Which rule of a state machine led to the next state.</summary>
public enum TransitionRule : byte
{
    Initial = 0,
    Condition = 1,
    OnSuccess = 2,
    OnError = 3,
}

/// <summary>What runs of one tenant share by name. Numbers are stored; append only.</summary>
public enum SharedKind : byte
{
    /// <summary>So many may hold it at once, in the order in which they asked; whoever holds it gives it back.</summary>
    Semaphore = 1,

    /// <summary>Nobody passes before so many wait at it; then all of them do.</summary>
    Barrier = 2,
}

/// <summary>What somebody decided about a step whose outcome is unknown.</summary>
public enum StepResolution : byte
{
    /// <summary>It did not happen, or may be repeated: try again under the same key.</summary>
    Retry = 0,

    /// <summary>It happened; the given output is its result.</summary>
    Succeed = 1,

    /// <summary>It failed.</summary>
    Fail = 2,
}

/// <summary>
/// One fact in the journal of a run. The set is closed and append-only: a tag is never reused and a field never changes
/// its meaning (golden files hold this). <em>Causes</em> come from outside the planning function; everything else is
/// <em>decided</em> and can be derived again from the causes before it.
/// </summary>
public abstract record JournalEvent
{
    private protected JournalEvent()
    {
    }

    /// <summary>Milliseconds since the Unix epoch, in run time: never earlier than the event before.</summary>
    public long At { get; init; }

    /// <summary>The numeric name on disk.</summary>
    public abstract EventTag Tag { get; }

    /// <summary>True when it came from outside the planning function.</summary>
    public abstract bool IsCause { get; }

    public abstract record Cause : JournalEvent
    {
        public sealed override bool IsCause => true;
    }

    public abstract record Decided : JournalEvent
    {
        public sealed override bool IsCause => false;
    }
}

/// <summary>Numeric event names. Append only.</summary>
public enum EventTag : byte
{
    RunStarted = 1,
    NodeEntered = 2,
    StepScheduled = 3,
    StepStarted = 4,
    StepSucceeded = 5,
    StepFailed = 6,
    StepDenied = 7,
    StepCancelled = 8,
    RetryScheduled = 9,
    TimerSet = 10,
    TimerFired = 11,
    Transitioned = 12,
    NodeFinished = 13,
    NodeSkipped = 14,
    ScopeCancelling = 15,
    SignalReceived = 16,
    SignalConsumed = 17,
    CancelRequested = 18,
    RunRecovered = 19,
    StepUnknown = 20,
    StepAsked = 21,
    StepResolved = 22,
    RunCompleted = 23,
    RunFailed = 24,
    RunCancelled = 25,
    PauseRequested = 26,
    ResumeRequested = 27,
    RunRestricted = 28,
    StepHandedOver = 29,
    StepAnswered = 30,
    StepExpired = 31,
    CompensationPlanned = 32,
    CompensationStarted = 33,
    RunAdopted = 55,
    RunPrioritized = 56,
    ChildStarted = 57,
    ChildCancelling = 58,
    PlaceRequested = 59,
    PlaceGranted = 60,
    PlaceLeft = 61,
    PlanModified = 40,
    PlanGrafted = 41,
    PlanRefused = 42,
    ApprovalRequested = 70,
    ApprovalDecided = 71,
    ItemsListed = 43,
    LoopsWatched = 44,
    PlanRejected = 95,
    StepRejected = 80,
    RemedyStarted = 81,
    RunStartsRestricted = 96,
    StartHeld = 97,
    StepHeld = 100,
    PlaceWanted = 101,
}

/// <summary>The first event: what runs, on what, and everything that is pinned for exact replay.</summary>
/// <param name="DefinitionHash">Hex SHA-256 of the workflow version.</param>
/// <param name="ToolsHash">Hex SHA-256 over the contracts of the tools that the definition names; empty when it names none.</param>
/// <param name="Env">The environment values that the definition's expressions name, as one object; captured once, so that a replay sees the same.</param>
public sealed record RunStarted(string Workflow, string Version, string DefinitionHash, string ToolsHash, string TraceId, string StartedBy, Payload Input, Payload Env) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.RunStarted;
}

/// <summary>
/// The starter may not do everything, and so may the run: what is not granted here is refused at admission, whatever the
/// workflow grants. Stands behind the start; a run without one is not restricted.
/// </summary>
public sealed record RunRestricted(RunAuthority Authority) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.RunRestricted;
}

/// <summary>
/// The starter may not start runs of every workflow, and so may not the run's steps. Stands behind the <see cref="RunRestricted"/>
/// of the start; a run without one may start every workflow.
/// </summary>
public sealed record RunStartsRestricted(StartLimits Starts) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.RunStartsRestricted;
}

/// <summary>The run is a step of another one. Stands behind the start.</summary>
/// <param name="Parent">The run that it is a step of.</param>
/// <param name="Step">The step's visit there.</param>
/// <param name="Generation">Which intent of the step.</param>
/// <param name="Depth">Runs above this one, from 1.</param>
/// <param name="BudgetNanoDollars">The most that the parent has held back for it; <see langword="null"/>: no limit but its own.</param>
public sealed record RunAdopted(Ulid Parent, int Step, int Generation, int Depth, long? BudgetNanoDollars) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.RunAdopted;
}

/// <summary>The run has another priority than 0. Stands behind the start.</summary>
public sealed record RunPrioritized(int Priority) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.RunPrioritized;
}

/// <summary>
/// Another run does the step: it is accepted with this frame, and its end is the step's answer. The attempt is not in flight any
/// more, and the run may be parked.
/// </summary>
/// <param name="Version">The highest version that fitted when the step started.</param>
/// <param name="DefinitionHash">Hex SHA-256 of that version.</param>
/// <param name="ReservedNanoDollars">Held back from the run's budget until the child has ended.</param>
/// <param name="Due">When the child is asked to stop, in milliseconds since the Unix epoch; 0: never.</param>
public sealed record ChildStarted(int Id, int Attempt, Ulid Child, string Workflow, string Version, string DefinitionHash, long ReservedNanoDollars, long Due) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.ChildStarted;
}

/// <summary>The step's run is asked to stop; the step ends once that has ended.</summary>
/// <param name="Error">What the step fails with then; <see langword="null"/>: the child's own error.</param>
public sealed record ChildCancelling(int Id, StepError? Error) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.ChildCancelling;
}

/// <summary>A visit queues at something that runs share; it goes on when it is given a place.</summary>
/// <param name="Size">Permits of the semaphore, parties of the barrier, as the workflow says.</param>
public sealed record PlaceRequested(int Id, SharedKind Kind, string Name, int Size) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.PlaceRequested;
}

/// <summary>The visit holds a permit, or the barrier is open to it.</summary>
/// <param name="Round">Number of the permit, or of the barrier's round; rises, with gaps.</param>
/// <param name="Position">From 1: which of the round's parties the visit is; 1 for a permit.</param>
public sealed record PlaceGranted(int Id, long Round, int Position) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.PlaceGranted;
}

/// <summary>The visit has ended and gives its place back.</summary>
/// <param name="Held">Whether it had been given one; it was withdrawn otherwise.</param>
public sealed record PlaceLeft(int Id, SharedKind Kind, string Name, bool Held) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.PlaceLeft;
}

/// <summary>A node begins. <paramref name="Id"/> counts the node visits of a run from 0; the root's parent is -1.</summary>
/// <param name="Node">Index of the node in its definition.</param>
/// <param name="Visit">1 for the first visit of this node in its scope.</param>
public sealed record NodeEntered(int Id, int Parent, int Node, int Visit) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.NodeEntered;
}

/// <summary>A step wants to be performed with this input; admission answers with StepStarted or StepDenied.</summary>
public sealed record StepScheduled(int Id, Payload Input) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.StepScheduled;
}

/// <summary>Admission let the attempt pass; it is performed once this is durable, or at once when the step has no effects.</summary>
/// <param name="ReservedNanoDollars">Held back from the run's budget until the outcome is known.</param>
/// <param name="OverBudget">The budget was exceeded and the policy only warns.</param>
public sealed record StepStarted(int Id, int Attempt, long ReservedNanoDollars, bool OverBudget) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.StepStarted;
}

public sealed record StepSucceeded(int Id, int Attempt, Payload Output, long CostNanoDollars, long InputTokens, long OutputTokens, string Provider) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.StepSucceeded;
}

public record StepFailed(int Id, int Attempt, StepError Error, long CostNanoDollars) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.StepFailed;
}

/// <summary>A failure that gave something which cannot be taken as it stands, where a remedy may make something of it.</summary>
/// <param name="Output">What was given; a text when it was no JSON.</param>
public sealed record StepRejected(int Id, int Attempt, StepError Error, Payload Output, long CostNanoDollars) : StepFailed(Id, Attempt, Error, CostNanoDollars)
{
    public override EventTag Tag => EventTag.StepRejected;
}

/// <summary>
/// The step has failed in a way for which it has a remedy: the failure does not count. A remedy that calls something is the
/// next visit, a sibling of the step; another one is a wait, and then the step is tried again.
/// </summary>
/// <param name="Remedy">Its place among the step's remedies.</param>
public sealed record RemedyStarted(int Id, int Remedy) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.RemedyStarted;
}

/// <summary>Admission refused the step; nothing was performed.</summary>
public sealed record StepDenied(int Id, StepError Error) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.StepDenied;
}

/// <summary>
/// Whoever was called has taken the step over and answers later, through the inbox. The attempt is not in flight any more,
/// and the run may be parked.
/// </summary>
/// <param name="Due">When the attempt counts as failed if no answer has come, in milliseconds since the Unix epoch.</param>
public sealed record StepHandedOver(int Id, int Attempt, long Due) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.StepHandedOver;
}

/// <summary>
/// The answer to a step that was handed over, or to one that is about to be: it may come before the call that hands it over
/// has returned, and after the attempt has been given up.
/// </summary>
/// <param name="Generation">The intent that is answered; an answer to an older one means nothing.</param>
/// <param name="Output">With success; <see langword="null"/> otherwise.</param>
/// <param name="By">Who answered.</param>
public sealed record StepAnswered(int Id, int Generation, Payload? Output, StepError? Error, long CostNanoDollars, string By) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.StepAnswered;
}

/// <summary>No answer has come in time. Whether the step took effect is unknown, and its reservation stays held.</summary>
public sealed record StepExpired(int Id, int Attempt, StepError Error) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.StepExpired;
}

/// <summary>The step has happened, or may have: this is what undoing it would be called with.</summary>
/// <param name="Id">The step's visit, which has ended.</param>
/// <param name="Error">Why the input cannot be computed; somebody is asked then, should it come to that.</param>
public sealed record CompensationPlanned(int Id, Payload? Input, StepError? Error) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.CompensationPlanned;
}

/// <summary>
/// A scope has failed or is being closed, and what was done below it is undone first, the latest first. It ends as given
/// afterwards. Each compensation is a visit of its own, whose visit number is the compensated visit's id.
/// </summary>
public sealed record CompensationStarted(int Id, NodeStatus Status, StepError? Error) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.CompensationStarted;
}

/// <summary>An attempt that was asked to stop has stopped.</summary>
public sealed record StepCancelled(int Id, int Attempt) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.StepCancelled;
}

/// <summary>The step will be tried again; its timer is set to <paramref name="Due"/>.</summary>
/// <param name="Generation">Part of the idempotency key; rises only after a definite failure.</param>
/// <param name="Due">Milliseconds since the Unix epoch.</param>
public sealed record RetryScheduled(int Id, int Generation, long Due) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.RetryScheduled;
}

/// <summary>The node's one timer is set; a node has at most one.</summary>
public sealed record TimerSet(int Id, long Due) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.TimerSet;
}

/// <summary>The timer that was set for <paramref name="Due"/> is due.</summary>
public sealed record TimerFired(int Id, long Due) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.TimerFired;
}

/// <param name="Machine">The state machine's visit.</param>
/// <param name="To">Index of the next state's node in the definition.</param>
/// <param name="Rule">Which rule applied.</param>
/// <param name="Condition">Index of the condition that was true; -1 for the other rules.</param>
public sealed record Transitioned(int Machine, int To, TransitionRule Rule, int Condition) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.Transitioned;
}

/// <summary>A node ended. A step that succeeded needs none: StepSucceeded says it.</summary>
public sealed record NodeFinished(int Id, NodeStatus Status, Payload? Output, StepError? Error) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.NodeFinished;
}

/// <summary>A graph step is passed over and never entered.</summary>
public sealed record NodeSkipped(int Parent, int Node) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.NodeSkipped;
}

/// <summary>A scope is being closed from above; it ends as given once nothing below it is open.</summary>
public sealed record ScopeCancelling(int Id, NodeStatus Status, StepError? Error) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.ScopeCancelling;
}

/// <param name="Item">The inbox item's number; 0 when it did not come through the inbox.</param>
public sealed record SignalReceived(string Name, Payload Payload, long Item) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.SignalReceived;
}

/// <summary>The oldest waiting signal of the node's name was given to it.</summary>
public sealed record SignalConsumed(int Id) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.SignalConsumed;
}

public sealed record CancelRequested(string By, string Reason) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.CancelRequested;
}

/// <summary>A worker took the run over from memory that is gone; attempts in flight have an unknown outcome.</summary>
public sealed record RunRecovered(string Owner) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.RunRecovered;
}

public sealed record StepUnknown(int Id, int Attempt) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.StepUnknown;
}

/// <summary>The step waits for a StepResolved.</summary>
public sealed record StepAsked(int Id) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.StepAsked;
}

public sealed record StepResolved(int Id, StepResolution Resolution, Payload? Output, string By) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.StepResolved;
}

public sealed record RunCompleted(string Outcome, Payload Output) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.RunCompleted;
}

public sealed record RunFailed(StepError Error) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.RunFailed;
}

public sealed record RunCancelled(string Reason) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.RunCancelled;
}

public sealed record PauseRequested(string By) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.PauseRequested;
}

public sealed record ResumeRequested(string By) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.ResumeRequested;
}

/// <summary>Somebody wants the plan changed from here on; <see cref="PlanGrafted"/> or <see cref="PlanRefused"/> follows.</summary>
/// <param name="Text">The changes: <see cref="Definitions.PlanChange.Text"/>.</param>
/// <param name="Revision">How many changes the plan had that the sender saw; -1: any.</param>
/// <param name="Key">The sender's name for the request.</param>
public sealed record PlanModified(string Text, int Revision, string Key, string By, string Reason) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.PlanModified;
}

/// <summary>
/// The plan has changed: the run goes on with its definition and this. What was there keeps its number, what is new gets the
/// numbers behind the last.
/// </summary>
/// <param name="Node">Index of the node that gets a further scope below it; -1: the text is a list of changes.</param>
/// <param name="Text"><see cref="Definitions.PlanChange.Text"/>.</param>
public sealed record PlanGrafted(int Node, string Text) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.PlanGrafted;
}

/// <summary>The plan stays as it is, for this reason.</summary>
public sealed record PlanRefused(StepError Error) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.PlanRefused;
}

/// <summary>Admission wants somebody to approve the step before it runs. The run may be parked until somebody has decided.</summary>
/// <param name="Name">Which approval of the step it is: each is asked for once in a visit.</param>
/// <param name="Order">Who is asked and what they are told: <see cref="HumanTasks.HumanTaskOrder"/> as JSON.</param>
public sealed record ApprovalRequested(int Id, string Name, Payload Order) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.ApprovalRequested;
}

/// <summary>Somebody, or a rule, has decided about a step that waits for an approval.</summary>
/// <param name="By">Who it was.</param>
/// <param name="Reason">Why; may be empty.</param>
public sealed record ApprovalDecided(int Id, string Name, bool Granted, string By, string Reason) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.ApprovalDecided;
}

/// <summary>A rate of the agent is used up: the step asks again when it is due. No attempt of it counts, and the run may be parked.</summary>
/// <param name="Due">Milliseconds since the Unix epoch.</param>
/// <param name="WaitMs">The wait that the rate asks for; more than until <paramref name="Due"/> where the agent lives in a simulated time.</param>
/// <param name="Rate">The rate, in words.</param>
public sealed record StepHeld(int Id, long Due, long WaitMs, string Rate) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.StepHeld;
}

/// <summary>The agent of a step does so many tasks at once: the step queues for one of its places, which it has until it ends.</summary>
/// <param name="Name">The semaphore of the agent.</param>
/// <param name="Size">Its permits, as the registry said when the step asked.</param>
public sealed record PlaceWanted(int Id, string Name, int Size) : JournalEvent.Cause
{
    public override EventTag Tag => EventTag.PlaceWanted;
}

/// <summary>What a <c>foreach</c> iterates over; visit <em>n</em> of its body gets item <em>n</em> - 1.</summary>
/// <param name="Items">A JSON array.</param>
public sealed record ItemsListed(int Id, Payload Items) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.ItemsListed;
}

/// <summary>A plan was not followed.</summary>
/// <param name="Id">The visit that asked for it.</param>
/// <param name="Problems">What is wrong with it, a line each.</param>
public sealed record PlanRejected(int Id, string Problems) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.PlanRejected;
}

/// <summary>The run ends loops that learn nothing. Stands behind the start; a run without one goes on until its limits.</summary>
/// <param name="Rule">Which rule says what is alike: 1 is the one of <see cref="LoopWatch"/>.</param>
public sealed record LoopsWatched(int Rule = LoopsWatched.Latest) : JournalEvent.Decided
{
    public const int Latest = 1;

    public override EventTag Tag => EventTag.LoopsWatched;
}

/// <summary>
/// The run waits for an approval before it begins: its first node is entered and not begun. Stands behind the start; the
/// <see cref="ApprovalRequested"/> of that node says what for.
/// </summary>
/// <param name="Id">The first node's visit.</param>
public sealed record StartHeld(int Id) : JournalEvent.Decided
{
    public override EventTag Tag => EventTag.StartHeld;
}
