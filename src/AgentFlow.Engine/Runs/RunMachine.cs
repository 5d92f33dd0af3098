using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Llm;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Runs;

/// <summary>
/// The planning function of one run: takes a cause, applies it, and emits what follows from it. Pure and synchronous:
/// the same state and cause always give the same events. Everything emitted is applied at once, so that a decision sees
/// the ones before it.
/// </summary>
public sealed class RunMachine(RunState state)
{
    private readonly Queue<NodeRun> _ended = new();
    private long _time;

    public RunState State { get; } = state;

    /// <summary>Events since the last <see cref="TakeEvents"/>, causes included, in order.</summary>
    internal List<JournalEvent> Events { get; private set; } = new(16);

    /// <summary>Steps that became ready for admission since the caller last cleared the list.</summary>
    internal List<NodeRun> Runnable { get; } = [];

    /// <summary>Steps in flight that should stop since the caller last cleared the list.</summary>
    internal List<NodeRun> Stopping { get; } = [];

    /// <summary>Plans of models that have ended since the caller last cleared the list.</summary>
    internal List<PlanEnd> PlanEnds { get; } = [];

    /// <summary>Set by the caller before a replay, so that nothing is collected for performing.</summary>
    internal bool Replaying { get; set; }

    /// <summary>Set by the caller before the start, when the run is to end loops that learn nothing; a replay sets what is on record.</summary>
    internal bool WatchesLoops { get; set; }

    /// <summary>Set by the caller before the start, when the run waits for an approval before it begins; a replay sets what is on record.</summary>
    internal bool HoldsStart { get; set; }

    /// <summary>Hears of every condition that a decision asks, before the decision; <see langword="null"/>: nobody wants to know.</summary>
    internal Action<AskedCondition>? Asked { get; init; }

    /// <summary>Asks a condition, for a decision.</summary>
    internal CelValue Ask(CelExpression condition, RunVariables variables)
    {
        CelValue value = condition.Evaluate(variables);
        Asked?.Invoke(AskedCondition.Of(State.Seq, condition, value, variables));
        return value;
    }

    /// <summary>Applies a cause and decides what follows.</summary>
    /// <returns>False when the cause no longer means anything (a late timer, an answer nobody waits for): nothing is journaled.</returns>
    public bool Handle(JournalEvent cause)
    {
        if (cause is SignalReceived)
        {
            return HandleSignals([cause]);
        }

        if (State.Status.IsTerminal() || !IsWelcome(cause))
        {
            return false;
        }

        // The clock may have gone back since the timer fired.
        _time = Math.Max(State.Now, cause is TimerFired timer ? Math.Max(timer.Due, cause.At) : cause.At);
        Planted.Change(Bug.TimeBackwards, ref _time, cause.At);
        NodeRun? node = cause switch
        {
            StepSucceeded e => State.OpenNode(e.Id),
            StepFailed e => State.OpenNode(e.Id),
            StepDenied e => State.OpenNode(e.Id),
            StepCancelled e => State.OpenNode(e.Id),
            StepAnswered e => State.OpenNode(e.Id),
            StepHandedOver e => State.OpenNode(e.Id),
            StepResolved e => State.OpenNode(e.Id),
            ChildStarted e => State.OpenNode(e.Id),
            PlaceGranted e => State.OpenNode(e.Id),
            PlaceWanted e => State.OpenNode(e.Id),
            ApprovalDecided e => State.OpenNode(e.Id),
            TimerFired e => State.OpenNode(e.Id),
            _ => null,
        };
        Emit(cause);
        switch (cause)
        {
            case RunStarted:
                if (WatchesLoops)
                {
                    Emit(new LoopsWatched());
                }

                if (HoldsStart)
                {
                    Emit(new StartHeld(EnterOnly(State.Definition.Root, null).Id));
                }
                else
                {
                    Enter(State.Definition.Root, null);
                }

                break;
            case StepSucceeded:
                Ended(node!);
                break;
            case StepFailed e:
                AfterFailure(node!, e.Error, (e as StepRejected)?.Output);
                break;
            case StepHandedOver when node!.Closing is { } closing:
                // Nobody waits for the answer any more.
                Finish(node, closing, null, node.ClosingError);
                break;
            case StepAnswered { Error: { } error }:
                AfterFailure(node!, node!.ChildError ?? error);
                break;
            case StepAnswered:
                Ended(node!);
                break;
            case PlaceWanted e:
                Emit(new PlaceRequested(e.Id, SharedKind.Semaphore, e.Name, e.Size));
                break;
            case PlaceGranted when node!.Phase == NodePhase.Scheduled:
                MakeRunnable(node);
                break;
            case PlaceGranted e:
                node!.Node.PlaceGranted(this, node, e);
                break;
            case StepDenied e:
                GiveUp(node!, e.Error);
                break;
            case ApprovalDecided { Granted: true } when node!.Phase == NodePhase.Open:
                QueueOrBegin(node);
                break;
            case ApprovalDecided { Granted: true }:
                MakeRunnable(node!);
                break;
            case ApprovalDecided e:
                GiveUp(node!, Denied(node!, e));
                break;
            case StepCancelled:
                Finish(node!, NodeStatus.Cancelled, null, null);
                break;
            case TimerFired:
                AfterTimer(node!);
                break;
            case CancelRequested e:
                Close(State.Root!, NodeStatus.Cancelled, new StepError("RUN_CANCELLED", ErrorCategory.Permanent, e.Reason));
                break;
            case RunRecovered:
                foreach (NodeRun inFlight in OpenInOrder().Where(n => n.Phase == NodePhase.InFlight))
                {
                    AfterUnknown(inFlight);
                }

                break;
            case StepResolved e:
                AfterAnswer(node!, e);
                break;
            case PlanModified e:
                Modify(e);
                break;
        }

        PropagateAll();
        return true;
    }

    /// <summary>
    /// Records signals that came together, and decides only then: none of them can end the run before the others are on
    /// record. Signals that stand directly behind each other in a frame came together.
    /// </summary>
    public bool HandleSignals(IReadOnlyList<JournalEvent> signals)
    {
        if (State.Status.IsTerminal())
        {
            return false;
        }

        foreach (JournalEvent signal in signals)
        {
            _time = Math.Max(State.Now, signal.At);
            Emit(signal);
        }

        foreach (NodeRun open in OpenInOrder())
        {
            if (open.Ended is not null)
            {
                continue;
            }

            open.Node.SignalArrived(this, open);
            if (open is { Ended: not null, Parent.Node: WaitForNode })
            {
                // What it decides must not wait: a signal that is not needed any more stays for somebody else.
                PropagateAll();
            }
        }

        PropagateAll();
        return true;
    }

    /// <summary>The events so far; the list then belongs to the caller.</summary>
    internal List<JournalEvent> TakeEvents()
    {
        List<JournalEvent> taken = Events;
        Events = new List<JournalEvent>(16);
        return taken;
    }

    internal void Emit(JournalEvent journalEvent)
    {
        JournalEvent timed = journalEvent.At == _time ? journalEvent : journalEvent with { At = _time };
        Reducer.Apply(State, timed);
        Events.Add(timed);
    }

    internal void Enter(PlanNode node, NodeRun? parent)
    {
        NodeRun entered = EnterOnly(node, parent);
        if (State.Visits > State.Definition.Policies.MaxSteps)
        {
            Fail(entered, new StepError(
                "STEP_LIMIT_EXCEEDED",
                ErrorCategory.Permanent,
                $"The run has visited more than {State.Definition.Policies.MaxSteps} nodes; it is taken for a loop. Raise policies.max_steps if it is not."));
            if (State.Root!.Closing is null && State.Root.Ended is null && entered.Parent is not null)
            {
                Close(State.Root, NodeStatus.Failed, entered.Error);
            }

            return;
        }

        QueueOrBegin(entered);
    }

    private void QueueOrBegin(NodeRun entered)
    {
        if (entered.Node.Semaphore is { } semaphore)
        {
            Queue(entered, semaphore);
        }
        else
        {
            Begin(entered);
        }
    }

    /// <summary>Lets an entered node begin; its time limit counts from here.</summary>
    internal void Begin(NodeRun entered)
    {
        TimeSpan? limit = entered.Parent is null ? State.Definition.Policies.Deadline ?? entered.Node.Timeout : entered.Node.Timeout;
        if (limit is { } duration && entered.Node.IsScope)
        {
            SetTimer(entered, duration);
        }

        // Not the node that was asked for: entering can have changed the plan, and with it the nodes.
        entered.Node.Start(this, entered);
    }

    /// <summary>Asks for a place at something shared; the node goes on when it is given one.</summary>
    internal void Queue(NodeRun node, SharedUse use)
    {
        if (use.NameIn(Variables(node.Parent), out string? problem) is not { } name)
        {
            Fail(node, new StepError("EXPRESSION_FAILED", ErrorCategory.Validation, $"The {use.Word} of '{node.Node.Id}' cannot be named: {problem}"));
            return;
        }

        Emit(new PlaceRequested(node.Id, use.Kind, name, use.Size));
        if (use.Timeout is { } longest)
        {
            SetTimer(node, longest);
        }
    }

    /// <summary>
    /// Puts a further scope below an open node and journals it; the caller enters it. A scope that stands there already is not
    /// put there again. The plan is a new one afterwards: what <paramref name="self"/> does next is in <c>self.Node</c>.
    /// </summary>
    /// <param name="text">YAML or JSON of a scope: its <c>planner</c> and its states, steps or root.</param>
    /// <param name="diagnostics">What the loader says about the scope in its place, where it may read what stands around it.</param>
    /// <returns>The node to enter, or <see langword="null"/> when something is wrong with the scope.</returns>
    internal PlanNode? TryGraft(NodeRun self, string text, out IReadOnlyList<Diagnostic> diagnostics)
    {
        var change = new PlanChange(self.Node.Index, text);
        PlanChange[] before = [.. State.Definition.Changes.Where(c => c.Node == change.Node)];
        int number = Array.IndexOf(before, change) + 1;
        diagnostics = [];
        if (number == 0)
        {
            LoadResult result = State.Definition.With(change);
            diagnostics = result.Diagnostics;
            if (result.Definition is null)
            {
                return null;
            }

            Emit(new PlanGrafted(change.Node, text));
            number = before.Length + 1;
        }

        return self.Node.Children[self.Node.OrdinalOf($"plan_{number}")];
    }

    /// <summary>Enters a node without starting it: the caller ends it itself.</summary>
    internal NodeRun EnterOnly(PlanNode node, NodeRun? parent)
    {
        int visit = parent is null ? 1 : parent.Scope!.Visits[node.Ordinal] + 1;
        int id = State.Visits;
        Emit(new NodeEntered(id, parent?.Id ?? -1, node.Index, visit));
        return State.Open[id];
    }

    internal void Schedule(NodeRun step, Payload input)
    {
        Emit(new StepScheduled(step.Id, input));
        MakeRunnable(step);
    }

    /// <summary>Says what came of a plan, to whoever learns from it. No part of the run.</summary>
    internal void Tell(PlanEnd end)
    {
        if (!Replaying)
        {
            PlanEnds.Add(end);
        }
    }

    internal void SetTimer(NodeRun node, TimeSpan after) => Emit(new TimerSet(node.Id, _time + (long)Math.Ceiling(after.TotalMilliseconds)));

    /// <param name="due">Milliseconds since the Unix epoch.</param>
    /// <returns>False when that time has come already: no timer is set.</returns>
    internal bool TrySetTimer(NodeRun node, long due)
    {
        if (due <= _time)
        {
            return false;
        }

        Emit(new TimerSet(node.Id, due));
        return true;
    }

    internal void Succeed(NodeRun node, Payload? output) => Finish(node, NodeStatus.Succeeded, output ?? Payload.Null, null);

    internal void Fail(NodeRun node, StepError error) => Finish(node, NodeStatus.Failed, null, error);

    /// <summary>Closes a node from above: what is in flight is asked to stop, everything else below it ends now.</summary>
    internal void Close(NodeRun node, NodeStatus status, StepError? error)
    {
        Planted.Do(Bug.EndInFlight, () => node.Phase = node.Phase == NodePhase.InFlight ? NodePhase.Open : node.Phase);
        // What is being undone is not interrupted: it ends, and then it is closed.
        if (node.Ended is not null || node.Closing is not null || node.Compensating is not null || node.Node.IsCompensation)
        {
            return;
        }

        if (node.Phase == NodePhase.InFlight)
        {
            Emit(new ScopeCancelling(node.Id, status, error));
            if (!Replaying)
            {
                Stopping.Add(node);
            }
        }
        else if (node.Phase == NodePhase.Remedied)
        {
            Emit(new ScopeCancelling(node.Id, status, error));
            Close(State.OpenNode(node.RemedyVisit), NodeStatus.Cancelled, null);
        }
        else if (node is { Child: not null, Node: CallNode { Child.CancelsWithParent: true } })
        {
            Emit(new ScopeCancelling(node.Id, status, error));
            StopChild(node, null);
        }
        else if (node.Scope is { Open: > 0 })
        {
            Emit(new ScopeCancelling(node.Id, status, error));
            foreach (NodeRun child in OpenChildren(node))
            {
                Close(child, NodeStatus.Cancelled, null);
            }
        }
        else
        {
            if (node.Parent is null)
            {
                Emit(new ScopeCancelling(node.Id, status, error));
            }

            Finish(node, status, null, error);
        }
    }

    internal List<NodeRun> OpenChildren(NodeRun scope) => [.. OpenInOrder().Where(n => n.Parent == scope)];

    internal RunVariables Variables(NodeRun? scope) => new(State, scope);

    /// <summary>What expressions of a visit see: the children of the scope around it.</summary>
    internal RunVariables VariablesFor(NodeRun visit) => new(State, visit.Parent, visit);

    /// <summary>What ended last in the step's scope or above it; the run's input where nothing has.</summary>
    internal Payload LatestOutput(NodeRun node)
    {
        NodeRun? scope = node.Parent;
        NodeRun? inside = node;
        while (RunVariables.FindLatest(ref scope, ref inside, out Payload? output, out _))
        {
            if (output is not null)
            {
                return output;
            }
        }

        return State.Started!.Input;
    }

    /// <summary>The outputs of several children as one object; <see langword="null"/> when that would be too long.</summary>
    internal static Payload? Collect(NodeRun scope, int[] ordinals)
    {
        if (ordinals.Length == 1)
        {
            return scope.Scope!.Outputs[ordinals[0]] ?? Payload.Null;
        }

        (string Id, Payload Output)[] parts = [.. ordinals
            .Where(o => scope.Scope!.Outputs[o] is not null)
            .Select(o => (scope.Node.Children[o].Id, scope.Scope!.Outputs[o]!))];
        return parts.Sum(p => (long)p.Output.Utf8.Length) > Payload.MaxLength ? null : JsonPayload.Object(parts);
    }

    private IEnumerable<NodeRun> OpenInOrder() => State.Open.Values.OrderBy(n => n.Id).ToArray();

    /// <summary>Whether a cause still finds what it is about.</summary>
    private bool IsWelcome(JournalEvent cause) => cause switch
    {
        StepStarted e => Is(e.Id, NodePhase.Scheduled),
        StepDenied e => Is(e.Id, NodePhase.Scheduled),
        StepSucceeded e => Is(e.Id, NodePhase.InFlight, e.Attempt),
        StepFailed e => Is(e.Id, NodePhase.InFlight, e.Attempt),
        StepCancelled e => Is(e.Id, NodePhase.InFlight, e.Attempt),
        StepHandedOver e => Is(e.Id, NodePhase.InFlight, e.Attempt),
        StepAnswered e => IsAwaited(e),
        ChildStarted e => Is(e.Id, NodePhase.InFlight, e.Attempt),
        PlaceGranted e => Is(e.Id, NodePhase.Queued),
        StepResolved e => Is(e.Id, NodePhase.Asked),
        ApprovalRequested e => Is(e.Id, NodePhase.Scheduled) || (State.Visits == 1 && Is(e.Id, NodePhase.Open)),
        StepHeld e => Is(e.Id, NodePhase.Scheduled),
        PlaceWanted e => Is(e.Id, NodePhase.Scheduled) && !State.Places.ContainsKey(e.Id),
        ApprovalDecided e => Is(e.Id, NodePhase.AwaitingApproval) && State.Open[e.Id].Approval!.Name == e.Name,
        TimerFired e => State.Open.TryGetValue(e.Id, out NodeRun? node) && node.Due == e.Due && node.Closing is null,
        CancelRequested => State.Root is { Closing: null, Compensating: null },
        PauseRequested => State.Status == RunStatus.Running,
        ResumeRequested => State.Status == RunStatus.Paused,
        RunRecovered => State.InFlight > 0,
        RunStarted => State.Seq == 0,
        PlanModified => true,
        RunRestricted => State is { Seq: > 0, Authority: null },
        RunStartsRestricted => State.Authority is { Starts: null },
        RunAdopted => State is { Seq: > 0, Parent: null },
        RunPrioritized => State is { Seq: > 0, Priority: 0 },
        _ => throw new InvalidOperationException($"{cause.Tag} is not a cause."),
    };

    private bool Is(int id, NodePhase phase, int? attempt = null)
    {
        Planted.Change(Bug.StaleOutcome, ref attempt, null);
        return State.Open.TryGetValue(id, out NodeRun? node) && node.Phase == phase && (attempt is null || node.Attempt == attempt);
    }

    /// <summary>
    /// Whether an answer is still about what the step is doing. Success settles the intent however the step stands; failure
    /// only ends an attempt that nobody has given up.
    /// </summary>
    private bool IsAwaited(StepAnswered answer) =>
        State.Open.TryGetValue(answer.Id, out NodeRun? node)
        && node is { Node: CallNode, Attempt: > 0 }
        && node.Generation == answer.Generation
        && (answer.Error is null ? node.Phase != NodePhase.Open : node.Phase is NodePhase.InFlight or NodePhase.Awaiting or NodePhase.Asked);

    private static StepError Denied(NodeRun step, ApprovalDecided decision) => new(
        "APPROVAL_DENIED",
        ErrorCategory.Permission,
        $"{decision.By} did not approve {(step.Parent is null ? "the run" : $"step '{step.Path}'")}{(decision.Reason.Length > 0 ? $": {decision.Reason.TrimEnd('.')}" : "")}.");

    private void AfterFailure(NodeRun step, StepError error, Payload? output = null)
    {
        if (step.Closing is { } status)
        {
            Finish(step, status, null, step.ClosingError ?? error);
            return;
        }

        if (TryRemedy(step, error, output))
        {
            return;
        }

        RetryPolicy retry = ((CallNode)step.Node).Retry;
        if (step.Failures < retry.MaxAttempts && retry.On.Contains(error.Category))
        {
            Retry(step, error, retry, step.Failures);
        }
        else
        {
            GiveUp(step, error);
        }
    }

    /// <summary>A step fails for good; a compensation that has to succeed waits for somebody instead.</summary>
    private void GiveUp(NodeRun step, StepError error)
    {
        if (step.Node is CallNode { IsCompensation: true, IsBestEffort: false })
        {
            Emit(new StepAsked(step.Id));
        }
        else
        {
            Fail(step, error);
        }
    }

    private void Retry(NodeRun step, StepError error, RetryPolicy retry, int failures)
    {
        TimeSpan delay = retry.DelayAfter(failures, StepIdentity.Seed(State, step, step.Attempt));
        if (error.RetryAfter is { } wish && wish > delay)
        {
            delay = wish;
        }

        Planted.Change(Bug.ReplayDiffers, ref delay, delay + TimeSpan.FromMilliseconds(Planted.Count));
        // A definite failure frees the key: what comes next is a new intent. Everything else may have happened after all.
        bool definite = step.Node is CallNode { Child: not null } || error.Category is ErrorCategory.Permanent or ErrorCategory.Validation or ErrorCategory.Permission;
        Emit(new RetryScheduled(step.Id, definite ? step.Generation + 1 : step.Generation, _time + (long)delay.TotalMilliseconds));
    }

    /// <summary>Begins the first remedy for the failure that is not used up.</summary>
    private bool TryRemedy(NodeRun step, StepError error, Payload? output)
    {
        IReadOnlyList<Remedy> remedies = ((CallNode)step.Node).Remedies;
        for (int i = 0; i < remedies.Count; i++)
        {
            Remedy remedy = remedies[i];
            if (step.Remedied![i] >= remedy.Times || !remedy.On.Contains(error.Code, StringComparer.Ordinal))
            {
                continue;
            }

            Emit(new RemedyStarted(step.Id, i));
            if (remedy.Call is not { } call)
            {
                Retry(step, error, remedy.Backoff, step.Remedied[i]);
                return true;
            }

            int id = State.Visits;
            Emit(new NodeEntered(id, step.Parent!.Id, call.Index, id));
            Schedule(State.Open[id], JsonPayload.Object(
            [
                ("input", step.Input!),
                ("output", output ?? Payload.Null),
                ("error", JsonPayload.Object([("code", JsonPayload.Text(error.Code)), ("message", JsonPayload.Text(error.Message))])),
            ]));
            return true;
        }

        return false;
    }

    /// <summary>The call of a remedy has ended: the step ends with its answer, is tried again with it, or fails after all.</summary>
    private void AfterRemedy(NodeRun remedy)
    {
        NodeRun step = State.Open.Values.First(n => n.RemedyVisit == remedy.Id && n.Phase == NodePhase.Remedied);
        if (step.Closing is { } status)
        {
            Finish(step, status, null, step.ClosingError);
            return;
        }

        var call = (CallNode)step.Node;
        StepError failure = step.Error!;
        if (remedy.Ended != NodeStatus.Succeeded)
        {
            GiveUp(step, failure with { Message = $"{failure.Message} '{remedy.Node.Id}' did not help: {remedy.Error?.Message}" });
        }
        else if (!call.Remedies[-2 - remedy.Node.Ordinal].IsAnswer)
        {
            // Another input is another intent.
            Emit(new StepScheduled(step.Id, remedy.Output!));
            Emit(new RetryScheduled(step.Id, step.Generation + 1, _time));
        }
        else if (call.OutputValidator?.Invoke(remedy.Output!.Utf8) is { } problem)
        {
            GiveUp(step, new StepError("OUTPUT_INVALID", ErrorCategory.Permanent, $"What '{remedy.Node.Id}' gave breaks the contract of {call.Tool.Contract.Id} as well: {problem}"));
        }
        else
        {
            Succeed(step, remedy.Output);
        }
    }

    private void AfterUnknown(NodeRun step)
    {
        var call = (CallNode)step.Node;
        Emit(new StepUnknown(step.Id, step.Attempt));
        if (step.Closing is { } status)
        {
            Finish(step, status, null, step.ClosingError);
        }
        else if (call.Effects == Contracts.Tools.Effects.None || call.OnUnknown == OnUnknown.Retry)
        {
            Emit(new RetryScheduled(step.Id, step.Generation, _time));
        }
        else if (call.OnUnknown == OnUnknown.Fail)
        {
            GiveUp(step, new StepError("STEP_OUTCOME_UNKNOWN", ErrorCategory.Permanent, $"The worker of step '{step.Path}' died during attempt {step.Attempt}; whether it took effect is unknown."));
        }
        else
        {
            Emit(new StepAsked(step.Id));
        }
    }

    private void AfterAnswer(NodeRun step, StepResolved answer)
    {
        switch (answer.Resolution)
        {
            case StepResolution.Succeed:
                Succeed(step, answer.Output);
                break;
            case StepResolution.Fail:
                Fail(step, new StepError("STEP_OUTCOME_UNKNOWN", ErrorCategory.Permanent, $"{answer.By} said that step '{step.Path}' failed."));
                break;
            case StepResolution.Retry when step.Input is null:
                // A compensation whose input could not be computed: there is nothing to call with.
                Emit(new StepAsked(step.Id));
                break;
            default:
                Emit(new RetryScheduled(step.Id, step.Generation, _time));
                break;
        }
    }

    private void Modify(PlanModified wanted)
    {
        (WorkflowDefinition? plan, StepError? refusal) = PlanModification.Check(State, wanted.Text, wanted.Revision, out _);
        if (plan is null)
        {
            Emit(new PlanRefused(refusal!));
            return;
        }

        Emit(new PlanGrafted(PlanChange.Plan, wanted.Text));
        string[] touched = [.. plan.Edits.Select(e => e.Scope).Distinct(StringComparer.Ordinal)];
        foreach (NodeRun scope in OpenInOrder().Where(n => n.Scope is not null && touched.Contains(n.Node.Address)))
        {
            if (scope.Ended is null)
            {
                scope.Node.PlanChanged(this, scope);
            }
        }
    }

    private void AfterTimer(NodeRun node)
    {
        if (node.Phase == NodePhase.Scheduled)
        {
            MakeRunnable(node);
        }
        else if (node.Phase == NodePhase.Queued)
        {
            Fail(node, State.Places[node.Id].TimedOut(node.Path));
        }
        else if (node.Child is { } child)
        {
            StopChild(node, new StepError("STEP_TIMEOUT", ErrorCategory.Transient, $"Run {child}, which does step '{node.Path}', did not end in time."));
        }
        else if (node.Phase == NodePhase.Awaiting)
        {
            var late = new StepError("STEP_TIMEOUT", ErrorCategory.Transient, $"{((CallNode)node.Node).Tool.Contract.Id} took step '{node.Path}' over and has not answered in time.");
            Emit(new StepExpired(node.Id, node.Attempt, late));
            AfterFailure(node, late);
        }
        else if (node.Node.IsScope)
        {
            Close(node, NodeStatus.Failed, node.Node.Late(node));
        }
        else
        {
            node.Node.TimerFired(this, node);
        }
    }

    private void StopChild(NodeRun step, StepError? error)
    {
        if (!step.IsChildStopping)
        {
            Emit(new ChildCancelling(step.Id, error));
        }
    }

    private void MakeRunnable(NodeRun step)
    {
        if (!Replaying)
        {
            Runnable.Add(step);
        }
    }

    private void Finish(NodeRun node, NodeStatus status, Payload? output, StepError? error)
    {
        if (status != NodeStatus.Succeeded && node is { Scope: not null, Compensating: null } && LatestToUndo(node) is not null)
        {
            Emit(new CompensationStarted(node.Id, status, error));
            Undo(node);
            return;
        }

        Emit(new NodeFinished(node.Id, status, output, error));
        Ended(node);
    }

    /// <summary>What follows from a visit's end, however it was journaled.</summary>
    private void Ended(NodeRun node)
    {
        PlanCompensation(node);
        if (State.Places.TryGetValue(node.Id, out Place? place))
        {
            Emit(new PlaceLeft(node.Id, place.Kind, place.Name, place.Held));
        }

        _ended.Enqueue(node);
    }

    /// <summary>Decides what undoing a step would be called with, while everything that its input names is in sight.</summary>
    private void PlanCompensation(NodeRun step)
    {
        if (State.Compensables is not [.., { IsPlanned: false } done] || done.Visit != step.Id)
        {
            return;
        }

        if (done.Step.Compensation!.Input is not { } template)
        {
            Emit(new CompensationPlanned(step.Id, step.Output ?? step.Input ?? Payload.Null, null));
            return;
        }

        Payload? input = template.Render(VariablesFor(step), out string? problem);
        StepError? error = input is null ? new StepError("EXPRESSION_FAILED", ErrorCategory.Validation, $"The input of the compensation of step '{step.Path}' cannot be computed: {problem}") : null;
        Emit(new CompensationPlanned(step.Id, input, error));
    }

    private Compensable? LatestToUndo(NodeRun scope) => State.Compensables.FindLast(c => c.Scopes.Contains(scope.Id));

    /// <summary>Undoes what was done last below a scope, or ends the scope when nothing is left.</summary>
    private void Undo(NodeRun scope)
    {
        if (LatestToUndo(scope) is not { } done)
        {
            Emit(new NodeFinished(scope.Id, scope.Compensating!.Value, null, scope.CompensatingError));
            Ended(scope);
            return;
        }

        int id = State.Visits;
        Emit(new NodeEntered(id, scope.Id, done.Step.Compensation!.Index, done.Visit));
        NodeRun compensation = State.Open[id];
        if (done.Input is { } input)
        {
            Schedule(compensation, input);
        }
        else
        {
            Emit(new StepAsked(id));
        }
    }

    private void PropagateAll()
    {
        while (_ended.TryDequeue(out NodeRun? ended))
        {
            Propagate(ended);
        }
    }

    private void Propagate(NodeRun ended)
    {
        if (ended.Parent is not { } parent)
        {
            EndRun(ended);
        }
        else if (parent.Ended is not null)
        {
            // Two children that closed together: the first took the parent with it.
        }
        else if (parent.Compensating is not null)
        {
            if (ended.Node.IsCompensation)
            {
                Undo(parent);
            }
        }
        else if (ended.Node.IsRemedy)
        {
            AfterRemedy(ended);
        }
        else if (parent.Closing is { } status)
        {
            if (parent.Scope!.Open == 0)
            {
                Finish(parent, status, null, parent.ClosingError);
            }
        }
        else
        {
            parent.Node.ChildEnded(this, parent, ended);
        }
    }

    private void EndRun(NodeRun root)
    {
        switch (root.Ended)
        {
            case NodeStatus.Succeeded:
                Complete(root);
                break;
            case NodeStatus.Cancelled:
                Emit(new RunCancelled(State.CancelReason));
                break;
            default:
                Emit(new RunFailed(root.Error ?? new StepError("STEP_FAILED", ErrorCategory.Permanent, "The run failed.")));
                break;
        }
    }

    private void Complete(NodeRun root)
    {
        string outcome = root.Node.OutcomeOf(root);
        if (State.Definition.Output is not { } template)
        {
            Emit(new RunCompleted(outcome, root.Output!));
            return;
        }

        Payload? output = template.Render(Variables(root), out string? error);
        if (output is null)
        {
            Emit(new RunFailed(new StepError("EXPRESSION_FAILED", ErrorCategory.Validation, $"The workflow's output cannot be computed: {error}")));
        }
        else
        {
            Emit(new RunCompleted(outcome, output));
        }
    }
}
