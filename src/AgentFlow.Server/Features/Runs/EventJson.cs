using System.Globalization;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Runs;

/// <summary>
/// An event as readers see it: numbers of nodes and visits become names, money dollars, times RFC 3339. One switch, for the
/// events endpoint, SSE and WebSocket alike.
/// </summary>
internal static class EventJson
{
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.FFF'Z'";

    /// <summary>Writes one event.</summary>
    /// <param name="visits">Has applied the events up to this one.</param>
    public static void Write(Utf8JsonWriter w, long seq, JournalEvent journalEvent, Visits visits)
    {
        w.WriteStartObject();
        w.WriteNumber("seq"u8, seq);
        Time(w, "at"u8, journalEvent.At);
        w.WriteString("type"u8, TypeOf(journalEvent.Tag));
        w.WriteBoolean("cause"u8, journalEvent.IsCause);
        Fields(w, journalEvent, visits);
        w.WriteEndObject();
    }

    /// <summary>The event's name, snake_case.</summary>
    public static string TypeOf(EventTag tag) => tag switch
    {
        EventTag.RunStarted => "run_started",
        EventTag.NodeEntered => "node_entered",
        EventTag.StepScheduled => "step_scheduled",
        EventTag.StepStarted => "step_started",
        EventTag.StepSucceeded => "step_succeeded",
        EventTag.StepFailed => "step_failed",
        EventTag.StepDenied => "step_denied",
        EventTag.StepCancelled => "step_cancelled",
        EventTag.RetryScheduled => "retry_scheduled",
        EventTag.TimerSet => "timer_set",
        EventTag.TimerFired => "timer_fired",
        EventTag.Transitioned => "transitioned",
        EventTag.NodeFinished => "node_finished",
        EventTag.NodeSkipped => "node_skipped",
        EventTag.ScopeCancelling => "scope_cancelling",
        EventTag.SignalReceived => "signal_received",
        EventTag.SignalConsumed => "signal_consumed",
        EventTag.CancelRequested => "cancel_requested",
        EventTag.RunRecovered => "run_recovered",
        EventTag.RunRestricted => "run_restricted",
        EventTag.RunStartsRestricted => "run_starts_restricted",
        EventTag.StepUnknown => "step_unknown",
        EventTag.StepAsked => "step_asked",
        EventTag.StepResolved => "step_resolved",
        EventTag.RunCompleted => "run_completed",
        EventTag.RunFailed => "run_failed",
        EventTag.RunCancelled => "run_cancelled",
        EventTag.PauseRequested => "pause_requested",
        EventTag.ResumeRequested => "resume_requested",
        EventTag.StepHandedOver => "step_handed_over",
        EventTag.StepAnswered => "step_answered",
        EventTag.StepExpired => "step_expired",
        EventTag.CompensationPlanned => "compensation_planned",
        EventTag.CompensationStarted => "compensation_started",
        EventTag.RunAdopted => "run_adopted",
        EventTag.RunPrioritized => "run_prioritized",
        EventTag.ChildStarted => "child_started",
        EventTag.ChildCancelling => "child_cancelling",
        EventTag.PlaceRequested => "place_requested",
        EventTag.PlaceGranted => "place_granted",
        EventTag.PlaceLeft => "place_left",
        EventTag.PlanModified => "plan_modified",
        EventTag.PlanGrafted => "plan_grafted",
        EventTag.PlanRefused => "plan_refused",
        EventTag.ApprovalRequested => "approval_requested",
        EventTag.ApprovalDecided => "approval_decided",
        EventTag.ItemsListed => "items_listed",
        EventTag.LoopsWatched => "loops_watched",
        EventTag.StartHeld => "start_held",
        EventTag.PlanRejected => "plan_rejected",
        EventTag.StepRejected => "step_rejected",
        EventTag.RemedyStarted => "remedy_started",
        EventTag.StepHeld => "step_held",
        EventTag.PlaceWanted => "place_wanted",
        _ => throw new InvalidOperationException($"Event {tag} has no name on the wire."),
    };

    private static void Fields(Utf8JsonWriter w, JournalEvent journalEvent, Visits visits)
    {
        switch (journalEvent)
        {
            case RunStarted e:
                w.WriteString("workflow"u8, e.Workflow);
                w.WriteString("version"u8, e.Version);
                w.WriteString("definition_hash"u8, e.DefinitionHash);
                w.WriteString("tools_hash"u8, e.ToolsHash);
                w.WriteString("trace_id"u8, e.TraceId);
                w.WriteString("started_by"u8, e.StartedBy);
                Value(w, "input"u8, e.Input);
                Value(w, "env"u8, e.Env);
                break;
            case NodeEntered e:
                Node(w, visits[e.Id]);
                w.WriteString("kind"u8, PlanView.KindOf(visits[e.Id].Node));
                w.WriteNumber("visit"u8, e.Visit);
                w.WriteString("parent"u8, e.Parent < 0 ? null : visits[e.Parent].Path);
                break;
            case StepScheduled e:
                Node(w, visits[e.Id]);
                Value(w, "input"u8, e.Input);
                break;
            case StepStarted e:
                Attempt(w, visits[e.Id], e.Attempt);
                Target(w, visits[e.Id]);
                Dollars(w, "reserved_dollars"u8, e.ReservedNanoDollars);
                w.WriteBoolean("over_budget"u8, e.OverBudget);
                break;
            case StepSucceeded e:
                Attempt(w, visits[e.Id], e.Attempt);
                Target(w, visits[e.Id]);
                Value(w, "output"u8, e.Output);
                Dollars(w, "cost_dollars"u8, e.CostNanoDollars);
                Tokens(w, e.InputTokens, e.OutputTokens);
                w.WriteString("provider"u8, e.Provider.Length > 0 ? e.Provider : null);
                break;
            case StepFailed e:
                Attempt(w, visits[e.Id], e.Attempt);
                Target(w, visits[e.Id]);
                Error(w, e.Error);
                if (e is StepRejected rejected)
                {
                    Value(w, "output"u8, rejected.Output);
                }

                Dollars(w, "cost_dollars"u8, e.CostNanoDollars);
                break;
            case RemedyStarted e:
                Node(w, visits[e.Id]);
                w.WriteNumber("remedy"u8, e.Remedy);
                break;
            case StepHandedOver e:
                Attempt(w, visits[e.Id], e.Attempt);
                Target(w, visits[e.Id]);
                Time(w, "due"u8, e.Due);
                break;
            case StepAnswered e:
                Node(w, visits[e.Id]);
                Target(w, visits[e.Id]);
                w.WriteNumber("generation"u8, e.Generation);
                Value(w, "output"u8, e.Output);
                Error(w, e.Error);
                Dollars(w, "cost_dollars"u8, e.CostNanoDollars);
                w.WriteString("by"u8, e.By);
                break;
            case StepExpired e:
                Attempt(w, visits[e.Id], e.Attempt);
                Target(w, visits[e.Id]);
                Error(w, e.Error);
                break;
            case CompensationPlanned e:
                Node(w, visits[e.Id]);
                Value(w, "input"u8, e.Input);
                Error(w, e.Error);
                break;
            case CompensationStarted e:
                Node(w, visits[e.Id]);
                w.WriteString("status"u8, StepFold.Word(e.Status));
                Error(w, e.Error);
                break;
            case ApprovalRequested e:
                Node(w, visits[e.Id]);
                Target(w, visits[e.Id]);
                w.WriteString("approval"u8, e.Name);
                Value(w, "order"u8, e.Order);
                break;
            case ApprovalDecided e:
                Node(w, visits[e.Id]);
                w.WriteString("approval"u8, e.Name);
                w.WriteBoolean("granted"u8, e.Granted);
                w.WriteString("by"u8, e.By);
                w.WriteString("reason"u8, e.Reason);
                break;
            case StepDenied e:
                Node(w, visits[e.Id]);
                Target(w, visits[e.Id]);
                Error(w, e.Error);
                break;
            case StepCancelled e:
                Attempt(w, visits[e.Id], e.Attempt);
                break;
            case RetryScheduled e:
                Node(w, visits[e.Id]);
                w.WriteNumber("generation"u8, e.Generation);
                Time(w, "due"u8, e.Due);
                break;
            case TimerSet e:
                Node(w, visits[e.Id]);
                Time(w, "due"u8, e.Due);
                break;
            case TimerFired e:
                Node(w, visits[e.Id]);
                Time(w, "due"u8, e.Due);
                break;
            case Transitioned e:
                Transition(w, e, visits);
                break;
            case NodeFinished e:
                Node(w, visits[e.Id]);
                w.WriteString("status"u8, StepFold.Word(e.Status));
                Value(w, "output"u8, e.Output);
                Error(w, e.Error);
                break;
            case NodeSkipped e:
                w.WriteString("node"u8, visits.NameOf(e.Node));
                w.WriteString("parent"u8, visits[e.Parent].Path);
                break;
            case ScopeCancelling e:
                Node(w, visits[e.Id]);
                w.WriteString("status"u8, StepFold.Word(e.Status));
                Error(w, e.Error);
                break;
            case SignalReceived e:
                w.WriteString("name"u8, e.Name);
                Value(w, "payload"u8, e.Payload);
                break;
            case SignalConsumed e:
                Node(w, visits[e.Id]);
                w.WriteString("name"u8, visits[e.Id].Node?.AwaitedSignal);
                break;
            case CancelRequested e:
                w.WriteString("by"u8, e.By);
                w.WriteString("reason"u8, e.Reason);
                break;
            case RunRecovered e:
                w.WriteString("owner"u8, e.Owner);
                break;
            case RunRestricted e:
                Names(w, "permissions"u8, e.Authority.Permissions.Names);
                Names(w, "allowed_tools"u8, e.Authority.AllowedTools?.Patterns);
                break;
            case RunStartsRestricted e:
                w.WriteStartArray("starts"u8);
                foreach (RolePolicies start in e.Starts.Roles)
                {
                    w.WriteStartObject();
                    Names(w, "workflows"u8, start.Workflows?.Patterns);
                    if (start.MaxRunNanoDollars is { } most)
                    {
                        w.WriteNumber("max_run_cost_dollars"u8, most / 1_000_000_000m);
                    }

                    w.WriteEndObject();
                }

                w.WriteEndArray();
                break;
            case StepUnknown e:
                Attempt(w, visits[e.Id], e.Attempt);
                break;
            case StepAsked e:
                Node(w, visits[e.Id]);
                Target(w, visits[e.Id]);
                break;
            case StepResolved e:
                Node(w, visits[e.Id]);
                w.WriteString("resolution"u8, Word(e.Resolution));
                Value(w, "output"u8, e.Output);
                w.WriteString("by"u8, e.By);
                break;
            case RunCompleted e:
                w.WriteString("outcome"u8, e.Outcome);
                Value(w, "output"u8, e.Output);
                break;
            case RunFailed e:
                Error(w, e.Error);
                break;
            case RunCancelled e:
                w.WriteString("reason"u8, e.Reason);
                break;
            case PauseRequested e:
                w.WriteString("by"u8, e.By);
                break;
            case ResumeRequested e:
                w.WriteString("by"u8, e.By);
                break;
            case RunAdopted e:
                w.WriteString("parent"u8, e.Parent.ToString());
                w.WriteString("step"u8, e.Step.ToString(CultureInfo.InvariantCulture));
                w.WriteNumber("generation"u8, e.Generation);
                w.WriteNumber("depth"u8, e.Depth);
                if (e.BudgetNanoDollars is { } budget)
                {
                    Dollars(w, "budget_dollars"u8, budget);
                }
                else
                {
                    w.WriteNull("budget_dollars"u8);
                }

                break;
            case RunPrioritized e:
                w.WriteNumber("priority"u8, e.Priority);
                break;
            case ChildStarted e:
                Attempt(w, visits[e.Id], e.Attempt);
                w.WriteString("child"u8, e.Child.ToString());
                w.WriteString("workflow"u8, e.Workflow);
                w.WriteString("version"u8, e.Version);
                w.WriteString("definition_hash"u8, e.DefinitionHash);
                Dollars(w, "reserved_dollars"u8, e.ReservedNanoDollars);
                break;
            case ChildCancelling e:
                Node(w, visits[e.Id]);
                Error(w, e.Error);
                break;
            case StepHeld e:
                Node(w, visits[e.Id]);
                Time(w, "due"u8, e.Due);
                w.WriteNumber("wait_ms"u8, e.WaitMs);
                w.WriteString("rate"u8, e.Rate);
                break;
            case PlaceWanted e:
                Node(w, visits[e.Id]);
                w.WriteString("name"u8, e.Name);
                w.WriteNumber("size"u8, e.Size);
                break;
            case PlaceRequested e:
                Node(w, visits[e.Id]);
                w.WriteString("kind"u8, Word(e.Kind));
                w.WriteString("name"u8, e.Name);
                w.WriteNumber("size"u8, e.Size);
                break;
            case PlaceGranted e:
                Node(w, visits[e.Id]);
                w.WriteNumber("round"u8, e.Round);
                w.WriteNumber("position"u8, e.Position);
                break;
            case PlaceLeft e:
                Node(w, visits[e.Id]);
                w.WriteString("kind"u8, Word(e.Kind));
                w.WriteString("name"u8, e.Name);
                w.WriteBoolean("held"u8, e.Held);
                break;
            case PlanModified e:
                w.WriteString("changes"u8, e.Text);
                w.WriteNumber("revision"u8, e.Revision);
                w.WriteString("by"u8, e.By);
                w.WriteString("reason"u8, e.Reason);
                break;
            case PlanGrafted e:
                w.WriteString("node"u8, e.Node < 0 ? null : visits.NameOf(e.Node));
                w.WriteString("changes"u8, e.Text);
                w.WriteNumber("revision"u8, visits.Definition?.Changes.Count ?? 0);
                break;
            case PlanRefused e:
                Error(w, e.Error);
                break;
            case LoopsWatched:
                break;
            case StartHeld e:
                Node(w, visits[e.Id]);
                break;
            case ItemsListed e:
                Node(w, visits[e.Id]);
                Value(w, "items"u8, e.Items);
                break;
            case PlanRejected e:
                Node(w, visits[e.Id]);
                Names(w, "problems"u8, e.Problems.Split('\n'));
                break;
            default:
                throw new InvalidOperationException($"Event {journalEvent.Tag} has no form on the wire.");
        }
    }

    internal static string Word(StepResolution resolution) => resolution switch
    {
        StepResolution.Succeed => "succeed",
        StepResolution.Fail => "fail",
        _ => "retry",
    };

    private static string Word(SharedKind kind) => kind == SharedKind.Semaphore ? "semaphore" : "barrier";

    private static void Names(Utf8JsonWriter w, ReadOnlySpan<byte> name, IReadOnlyList<string>? names)
    {
        if (names is null)
        {
            w.WriteNull(name);
            return;
        }

        w.WriteStartArray(name);
        foreach (string text in names)
        {
            w.WriteStringValue(text);
        }

        w.WriteEndArray();
    }

    private static void Node(Utf8JsonWriter w, Visit visit)
    {
        // A text, as in the run's steps: it is a name to pass on, not a number to count with.
        w.WriteString("id"u8, visit.Id.ToString(CultureInfo.InvariantCulture));
        w.WriteString("node"u8, visit.Name);
        w.WriteString("path"u8, visit.Path);
    }

    private static void Attempt(Utf8JsonWriter w, Visit visit, int attempt)
    {
        Node(w, visit);
        w.WriteNumber("attempt"u8, attempt);
    }

    private static void Target(Utf8JsonWriter w, Visit visit)
    {
        (string kind, string? target) = RunFold.Describe(visit.Node);
        w.WriteString("kind"u8, kind);
        w.WriteString("target"u8, target);
    }

    private static void Transition(Utf8JsonWriter w, Transitioned e, Visits visits)
    {
        Visit machine = visits[e.Machine];
        w.WriteString("path"u8, machine.Path);
        w.WriteString("from"u8, machine.Latest?.Name);
        w.WriteString("to"u8, visits.NameOf(e.To));
        w.WriteString("rule"u8, e.Rule switch
        {
            TransitionRule.Initial => "initial",
            TransitionRule.Condition => "condition",
            TransitionRule.OnSuccess => "on_success",
            _ => "on_error",
        });
        if (e.Rule == TransitionRule.Condition)
        {
            w.WriteString("condition"u8, Condition(machine, e.Condition));
        }
    }

    private static string? Condition(Visit machine, int index)
    {
        if (machine is not { Node: StateMachineNode node, Latest.Node: { } state })
        {
            return null;
        }

        IReadOnlyList<ConditionalTransition> transitions = node.Rules[state.Ordinal].Transitions;
        return index >= 0 && index < transitions.Count ? transitions[index].Condition.Source : null;
    }

    private static void Time(Utf8JsonWriter w, ReadOnlySpan<byte> name, long unixMilliseconds)
    {
        Span<char> text = stackalloc char[32];
        DateTime time = UnixTime.Of(unixMilliseconds).UtcDateTime;
        time.TryFormat(text, out int length, TimeFormat, CultureInfo.InvariantCulture);
        w.WriteString(name, text[..length]);
    }

    private static void Dollars(Utf8JsonWriter w, ReadOnlySpan<byte> name, long nanoDollars) => w.WriteNumber(name, Money.Dollars(nanoDollars));

    private static void Tokens(Utf8JsonWriter w, long input, long output)
    {
        w.WriteStartObject("tokens"u8);
        w.WriteNumber("input"u8, input);
        w.WriteNumber("output"u8, output);
        w.WriteEndObject();
    }

    private static void Value(Utf8JsonWriter w, ReadOnlySpan<byte> name, Payload? payload)
    {
        w.WritePropertyName(name);
        w.WriteRawValue(payload is null ? "null"u8 : payload.Utf8.Span, skipInputValidation: true);
    }

    private static void Error(Utf8JsonWriter w, StepError? error)
    {
        if (error is null)
        {
            w.WriteNull("error"u8);
            return;
        }

        w.WriteStartObject("error"u8);
        w.WriteString("code"u8, error.Code);
        w.WriteString("category"u8, error.Category.Word());
        w.WriteString("message"u8, error.Message);
        w.WriteBoolean("retryable"u8, error.Retryable);
        if (error.RetryAfter is { } after)
        {
            w.WriteNumber("retry_after_ms"u8, (long)after.TotalMilliseconds);
        }

        w.WriteEndObject();
    }
}
