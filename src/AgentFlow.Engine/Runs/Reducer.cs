using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Runs;

/// <summary>Folds events into a <see cref="RunState"/>. Pure: no clock, no I/O, no decisions.</summary>
public static class Reducer
{
    /// <exception cref="IllegalTransitionException">The event does not fit the state.</exception>
    public static void Apply(RunState state, JournalEvent journalEvent)
    {
        if (state.Status.IsTerminal())
        {
            throw new IllegalTransitionException($"Run {state.Id} is {state.Status.Word()}; nothing can follow ({journalEvent.Tag}).");
        }

        if (state.Seq == 0 != journalEvent is RunStarted)
        {
            throw new IllegalTransitionException($"RunStarted is the first event of a run and no other ({journalEvent.Tag} at {state.Seq}).");
        }

        state.Now = Math.Max(state.Now, journalEvent.At);
        state.Information += IsInformation(state, journalEvent) ? 1 : 0;
        switch (journalEvent)
        {
            case RunStarted e:
                Move(state, RunStatus.Running);
                state.Started = e;
                state.StartedAt = e.At;
                break;
            case NodeEntered e:
                Enter(state, e);
                break;
            case StepScheduled e:
                NodeRun scheduled = state.OpenNode(e.Id);
                scheduled.Phase = NodePhase.Scheduled;
                scheduled.RemedyVisit = 0;
                scheduled.Input = e.Input;
                break;
            case StepStarted e:
                NodeRun started = Expect(state, e.Id, NodePhase.Scheduled, e);
                started.Phase = NodePhase.InFlight;
                started.Attempt = e.Attempt;
                started.ReservedNanoDollars += e.ReservedNanoDollars;
                state.ReservedNanoDollars += e.ReservedNanoDollars;
                state.InFlight++;
                break;
            case StepSucceeded e:
                NodeRun succeeded = Settle(state, e.Id, e.CostNanoDollars, e);
                succeeded.Output = e.Output;
                Close(state, succeeded, NodeStatus.Succeeded);
                break;
            case StepFailed e:
                NodeRun failed = Settle(state, e.Id, e.CostNanoDollars, e);
                failed.Failures++;
                Planted.Do(Bug.AttemptCountedTwice, () => failed.Failures++);
                failed.Error = e.Error;
                failed.MayHaveHappened = MayHaveHappened(failed, e.Error);
                failed.Phase = NodePhase.Open;
                break;
            case StepHandedOver e:
                NodeRun handed = Expect(state, e.Id, NodePhase.InFlight, e);
                handed.Phase = NodePhase.Awaiting;
                handed.Due = e.Due;
                state.InFlight--;
                break;
            case StepAnswered e:
                Answer(state, e);
                break;
            case ChildStarted e:
                NodeRun adopting = Expect(state, e.Id, NodePhase.InFlight, e);
                adopting.Phase = NodePhase.Awaiting;
                adopting.Child = e.Child;
                adopting.IsChildStopping = false;
                adopting.ChildError = null;
                adopting.Due = e.Due;
                adopting.ReservedNanoDollars += e.ReservedNanoDollars;
                state.ReservedNanoDollars += e.ReservedNanoDollars;
                state.InFlight--;
                break;
            case ChildCancelling e:
                NodeRun stopping = Expect(state, e.Id, NodePhase.Awaiting, e);
                stopping.IsChildStopping = true;
                stopping.ChildError = e.Error;
                stopping.Due = 0;
                break;
            case PlaceRequested e:
                state.OpenNode(e.Id).Phase = NodePhase.Queued;
                state.Places.Add(e.Id, new Place(e.Kind, e.Name, e.Size));
                break;
            case PlaceGranted e:
                NodeRun placed = Expect(state, e.Id, NodePhase.Queued, e);
                // A step that has its input waited for its agent, not for its beginning.
                placed.Phase = placed.Input is null ? NodePhase.Open : NodePhase.Scheduled;
                placed.Due = 0;
                Grant(state, e.Id);
                break;
            case PlaceLeft e:
                if (!state.Places.Remove(e.Id, out Place? left) || (left.Kind, left.Name, left.Held) != (e.Kind, e.Name, e.Held))
                {
                    throw new IllegalTransitionException($"{e.Tag} does not fit visit {e.Id} of run {state.Id}, which has no such place.");
                }

                break;
            case StepExpired e:
                NodeRun expired = Expect(state, e.Id, NodePhase.Awaiting, e);
                expired.Failures++;
                expired.Error = e.Error;
                expired.Phase = NodePhase.Open;
                expired.MayHaveHappened = true;
                break;
            case StepDenied e:
                NodeRun denied = Expect(state, e.Id, NodePhase.Scheduled, e);
                denied.Error = e.Error;
                denied.Phase = NodePhase.Open;
                break;
            case StepHeld e:
                NodeRun held = Expect(state, e.Id, NodePhase.Scheduled, e);
                held.Phase = NodePhase.Backoff;
                held.Due = e.Due;
                break;
            case PlaceWanted e:
                Expect(state, e.Id, NodePhase.Scheduled, e);
                break;
            case ApprovalRequested e:
                // What has no input yet is the first node of a run that is held.
                NodeRun asking = Expect(state, e.Id, state.OpenNode(e.Id).Input is null ? NodePhase.Open : NodePhase.Scheduled, e);
                asking.Phase = NodePhase.AwaitingApproval;
                asking.Approval = e;
                break;
            case ApprovalDecided e:
                NodeRun decided = Expect(state, e.Id, NodePhase.AwaitingApproval, e);
                decided.Phase = e.Granted && decided.Input is not null ? NodePhase.Scheduled : NodePhase.Open;
                decided.Approval = null;
                decided.Approvals = e.Granted ? [.. decided.Approvals, e.Name] : decided.Approvals;
                break;
            case StepCancelled e:
                Planted.Do(Bug.ReservationLeaked, () => state.OpenNode(e.Id).ReservedNanoDollars = 0);
                NodeRun cancelled = Settle(state, e.Id, 0, e);
                cancelled.Phase = NodePhase.Open;
                cancelled.MayHaveHappened = true;
                break;
            case RemedyStarted e:
                Remedy(state, e);
                break;
            case RetryScheduled e:
                NodeRun retried = state.OpenNode(e.Id);
                retried.Phase = NodePhase.Backoff;
                retried.Generation = e.Generation;
                retried.Due = e.Due;
                break;
            case TimerSet e:
                state.OpenNode(e.Id).Due = e.Due;
                break;
            case TimerFired e:
                ApplyTimer(state, e);
                break;
            case Transitioned:
                break;
            case NodeFinished e:
                NodeRun finished = state.OpenNode(e.Id);
                finished.Output = e.Output;
                finished.Error = e.Error ?? finished.Error;
                Close(state, finished, e.Status);
                break;
            case NodeSkipped e:
                ScopeState scope = state.OpenNode(e.Parent).Scope!;
                scope.Statuses[state.Definition.NodeAt(e.Node).Ordinal] = NodeStatus.Skipped;
                scope.Finished++;
                break;
            case ScopeCancelling e:
                NodeRun closing = state.OpenNode(e.Id);
                closing.Closing = e.Status;
                closing.ClosingError = e.Error;
                closing.Due = 0;
                if (closing.Parent is null)
                {
                    Move(state, RunStatus.Cancelling);
                }

                break;
            case SignalReceived e:
                state.Signals.Add(e);
                break;
            case SignalConsumed e:
                Consume(state, e);
                break;
            case CancelRequested e:
                state.CancelReason = e.Reason;
                break;
            case RunRecovered:
                break;
            case RunRestricted e:
                state.Authority = e.Authority;
                break;
            case RunStartsRestricted e:
                state.Authority = state.Authority! with { Starts = e.Starts };
                break;
            case RunAdopted e:
                state.Parent = e;
                break;
            case RunPrioritized e:
                state.Priority = e.Priority;
                break;
            case StepUnknown e:
                NodeRun unknown = Expect(state, e.Id, NodePhase.InFlight, e);
                unknown.Phase = NodePhase.Open;
                unknown.MayHaveHappened = true;
                state.InFlight--;
                break;
            case StepAsked e:
                state.OpenNode(e.Id).Phase = NodePhase.Asked;
                break;
            case StepResolved e:
                NodeRun resolved = Expect(state, e.Id, NodePhase.Asked, e);
                Release(state, resolved, 0);
                resolved.Phase = NodePhase.Open;
                resolved.MayHaveHappened &= e.Resolution == StepResolution.Retry;
                break;
            case CompensationPlanned e:
                int planned = state.Compensables.FindLastIndex(c => c.Visit == e.Id);
                state.Compensables[planned] = state.Compensables[planned] with { Input = e.Input, Error = e.Error };
                break;
            case CompensationStarted e:
                NodeRun compensating = state.OpenNode(e.Id);
                compensating.Compensating = e.Status;
                compensating.CompensatingError = e.Error;
                compensating.Due = 0;
                if (compensating.Parent is null)
                {
                    Move(state, RunStatus.Compensating);
                }

                break;
            case StartHeld:
                break;
            case LoopsWatched:
                state.WatchesLoops = true;
                break;
            case ItemsListed e:
                state.OpenNode(e.Id).Iterations = new Iterations(e.Items);
                break;
            case PlanModified or PlanRefused or PlanRejected:
                break;
            case PlanGrafted e:
                Change(state, e);
                break;
            case RunCompleted e:
                Move(state, RunStatus.Completed);
                state.Outcome = e.Outcome;
                state.Output = e.Output;
                break;
            case RunFailed e:
                Move(state, RunStatus.Failed);
                state.Error = e.Error;
                break;
            case RunCancelled:
                Move(state, RunStatus.Cancelled);
                break;
            case PauseRequested:
                Move(state, RunStatus.Paused);
                break;
            case ResumeRequested:
                Move(state, RunStatus.Running);
                break;
            default:
                throw new IllegalTransitionException($"Nobody applies {journalEvent.Tag}.");
        }

        state.Seq++;
    }

    private static void Move(RunState state, RunStatus to)
    {
        if (!RunLifecycle.CanMove(state.Status, to))
        {
            throw new IllegalTransitionException($"Run {state.Id} cannot go from {state.Status.Word()} to {to.Word()}.");
        }

        int inFlight = state.InFlight;
        Planted.Change(Bug.EndInFlight, ref inFlight, 0);
        if (to.IsTerminal() && inFlight > 0)
        {
            throw new IllegalTransitionException($"Run {state.Id} cannot end as {to.Word()} with {inFlight} step(s) in flight.");
        }

        state.Status = to;
    }

    /// <summary>What came from outside and can change what a loop does; outcomes of attempts count by what they are.</summary>
    private static bool IsInformation(RunState state, JournalEvent e) => e.IsCause
        && e is not (RunStarted or RunRestricted or RunStartsRestricted or StepStarted or StepSucceeded or StepFailed or StepDenied or StepCancelled or StepHandedOver or RunRecovered or PauseRequested or ResumeRequested or StepHeld or PlaceWanted)
        && !(e is PlaceGranted place && state.OpenNode(place.Id).Input is not null);

    private static void Change(RunState state, PlanGrafted e)
    {
        WorkflowDefinition changed = state.Definition.With(new PlanChange(e.Node, e.Text)).Definition
            ?? throw new IllegalTransitionException($"The plan of run {state.Id} cannot be changed any more as it was.");
        state.Definition = changed;
        foreach (NodeRun open in state.Open.Values)
        {
            open.Rebind(changed.NodeAt(open.Node.Index));
        }

        for (int i = 0; i < state.Compensables.Count; i++)
        {
            Compensable done = state.Compensables[i];
            state.Compensables[i] = done with { Step = (Nodes.CallNode)changed.NodeAt(done.Step.Index) };
        }
    }

    private static void Enter(RunState state, NodeEntered e)
    {
        if (e.Id != state.Visits)
        {
            throw new IllegalTransitionException($"Run {state.Id} expects node visit {state.Visits}, not {e.Id}.");
        }

        NodeRun? parent = e.Parent < 0 ? null : state.OpenNode(e.Parent);
        var node = new NodeRun(e.Id, state.Definition.NodeAt(e.Node), parent, e.Visit);
        state.Visits++;
        state.Open.Add(e.Id, node);
        if (state.WatchesLoops && node.Node.IsWatched)
        {
            node.Scope!.Watch = new LoopWatch(node.Node.Children.Count);
        }

        if (parent is null)
        {
            state.Root = node;
        }
        else if (node.Node.IsRemedy)
        {
            parent.Scope!.Open++;
        }
        else if (node.Node.IsCompensation)
        {
            parent.Scope!.Open++;
            state.Compensables.RemoveAll(c => c.Visit == e.Visit);
        }
        else
        {
            parent.Scope!.Open++;
            parent.Scope.Watch?.Entered(node.Node.Ordinal, parent.Scope.Current, state.Information);
            parent.Scope.Current = node.Node.Ordinal;
            parent.Scope.Visits[node.Node.Ordinal] = e.Visit;
            parent.Scope.Statuses[node.Node.Ordinal] = null;
        }
    }

    private static void Close(RunState state, NodeRun node, NodeStatus status)
    {
        if (node.Phase == NodePhase.InFlight)
        {
            throw new IllegalTransitionException($"Node {node.Id} of run {state.Id} cannot end with its attempt in flight.");
        }

        Release(state, node, 0);
        node.Ended = status;
        node.Due = 0;
        state.Open.Remove(node.Id);
        if (node.Node.IsCompensation || node.Node.IsRemedy)
        {
            node.Parent!.Scope!.Open--;
            return;
        }

        if (node.Node is Nodes.CallNode { Compensation: not null } step && (status == NodeStatus.Succeeded || (node.MayHaveHappened && step.Effects == Contracts.Tools.Effects.External)))
        {
            var scopes = new List<int>();
            for (NodeRun? around = node.Parent; around is not null; around = around.Parent)
            {
                scopes.Add(around.Id);
            }

            state.Compensables.Add(new Compensable(node.Id, step, scopes));
        }

        if (node.Parent?.Scope is { } scope)
        {
            int ordinal = node.Node.Ordinal;
            scope.Open--;
            scope.Finished++;
            scope.Watch?.ChildEnded(ordinal, status, node.Output, node.Error);
            node.Parent.Iterations?.End(node.Visit - 1, status, node.Output, node.Error);
            scope.Statuses[ordinal] = status;
            scope.Outputs[ordinal] = node.Output;
            scope.Errors[ordinal] = status == NodeStatus.Succeeded ? null : node.Error;
            scope.Latest = ordinal;
        }
    }

    /// <summary>A failure that is remedied does not count against the step.</summary>
    private static void Remedy(RunState state, RemedyStarted e)
    {
        NodeRun step = state.OpenNode(e.Id);
        if (step.Remedied is not { } used || e.Remedy >= used.Length || step.Failures == 0)
        {
            throw new IllegalTransitionException($"{e.Tag} does not fit node {e.Id} of run {state.Id}.");
        }

        used[e.Remedy]++;
        step.Failures--;
        if (((Nodes.CallNode)step.Node).Remedies[e.Remedy].Call is not null)
        {
            step.Phase = NodePhase.Remedied;
            step.RemedyVisit = state.Visits;
        }
    }

    private static void Answer(RunState state, StepAnswered e)
    {
        NodeRun node = state.OpenNode(e.Id);
        if (node.Phase == NodePhase.Open || node.Generation != e.Generation)
        {
            throw new IllegalTransitionException($"{e.Tag} does not fit node {node.Id} of run {state.Id}, which is {node.Phase} in generation {node.Generation}.");
        }

        state.InFlight -= node.Phase == NodePhase.InFlight ? 1 : 0;
        node.Phase = NodePhase.Open;
        node.Approval = null;
        node.Due = 0;
        node.Child = null;
        node.IsChildStopping = false;
        Release(state, node, e.CostNanoDollars);
        if (e.Error is null)
        {
            node.Output = e.Output;
            Close(state, node, NodeStatus.Succeeded);
        }
        else
        {
            node.Failures++;
            node.Error = e.Error;
            node.MayHaveHappened = MayHaveHappened(node, e.Error);
        }
    }

    /// <summary>What failed in passing may have taken effect all the same; a definite failure says that it has not.</summary>
    private static bool MayHaveHappened(NodeRun node, Ports.StepError error) => error.Category switch
    {
        Contracts.Errors.ErrorCategory.Permanent or Contracts.Errors.ErrorCategory.Validation or Contracts.Errors.ErrorCategory.Permission => false,
        Contracts.Errors.ErrorCategory.Resource => node.MayHaveHappened,
        _ => true,
    };

    /// <summary>A permit is held until it is left; a barrier that has opened has nothing to give back.</summary>
    private static void Grant(RunState state, int id)
    {
        if (state.Places[id] is { Kind: SharedKind.Semaphore } permit)
        {
            state.Places[id] = permit with { Held = true };
        }
        else
        {
            state.Places.Remove(id);
        }
    }

    private static NodeRun Settle(RunState state, int id, long cost, JournalEvent e)
    {
        NodeRun node = Expect(state, id, NodePhase.InFlight, e);
        node.Phase = NodePhase.Open;
        state.InFlight--;
        Release(state, node, cost);
        return node;
    }

    /// <summary>A reservation ends by spending the real cost; an unknown outcome holds its maximum until it is known.</summary>
    private static void Release(RunState state, NodeRun node, long cost)
    {
        state.ReservedNanoDollars -= node.ReservedNanoDollars;
        node.ReservedNanoDollars = 0;
        state.SpentNanoDollars += cost;
    }

    private static NodeRun Expect(RunState state, int id, NodePhase phase, JournalEvent e)
    {
        NodeRun node = state.OpenNode(id);
        return node.Phase == phase
            ? node
            : throw new IllegalTransitionException($"{e.Tag} does not fit node {id} of run {state.Id}, which is {node.Phase}.");
    }

    private static void ApplyTimer(RunState state, TimerFired e)
    {
        // A timer that was cancelled or set anew meanwhile is dropped here, whoever fired it.
        if (state.Open.TryGetValue(e.Id, out NodeRun? node) && node.Due == e.Due)
        {
            node.Due = 0;
            if (node.Phase == NodePhase.Backoff)
            {
                node.Phase = NodePhase.Scheduled;
            }
        }
    }

    private static void Consume(RunState state, SignalConsumed e)
    {
        string name = state.OpenNode(e.Id).Node.AwaitedSignal!;
        int index = state.Signals.FindIndex(s => s.Name == name);
        if (index < 0)
        {
            throw new IllegalTransitionException($"Run {state.Id} has no waiting signal '{name}'.");
        }

        NodeRun node = state.OpenNode(e.Id);
        node.Output = state.Signals[index].Payload;
        state.Signals.RemoveAt(index);
    }
}
