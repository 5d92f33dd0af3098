using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Runs;

/// <summary>
/// What the API shows of a run, as a fold over its durable events. Pure: the same events give the same view, and an event
/// that means nothing here changes nothing.
/// </summary>
internal sealed class RunFold(WorkflowDefinition? definition)
{
    private readonly List<string> _children = [];
    private string? _parent;
    private int _priority;
    private readonly List<StepFold> _steps = [];
    private RunStarted? _started;
    private JournalEvent? _end;
    private RunStatus _status = RunStatus.Queued;

    public Visits Visits { get; } = new(definition);

    /// <summary>What each visit has come to, by its number; scopes included.</summary>
    public IReadOnlyList<StepFold> Steps => _steps;

    /// <summary>What could be undone, by the visit that did it, in the order in which it was done.</summary>
    public OrderedDictionary<int, CompensationPlanned> Undoable { get; } = [];

    /// <summary>The compensations that have begun, by the visit that they undo.</summary>
    public Dictionary<int, StepFold> Undoing { get; } = [];

    /// <summary>Indexes of nodes that a graph passed over without entering them.</summary>
    public HashSet<int> Skipped { get; } = [];

    public Payload? Input => _started?.Input;

    public Payload? Output => (_end as RunCompleted)?.Output;

    public bool HasEnded => _end is not null;

    /// <summary>Applies a frame, unless one is missing before it: then the fold stays where it is, and never comes to the end.</summary>
    public void Observe(long firstSeq, IReadOnlyList<JournalEvent> events)
    {
        if (firstSeq == Visits.NextSeq)
        {
            foreach (JournalEvent journalEvent in events)
            {
                Apply(journalEvent);
            }
        }
    }

    public void Apply(JournalEvent journalEvent)
    {
        Visits.Apply(journalEvent);
        switch (journalEvent)
        {
            case RunStarted e:
                _started = e;
                _status = RunStatus.Running;
                break;
            case RunAdopted e:
                _parent = e.Parent.ToString();
                break;
            case RunPrioritized e:
                _priority = e.Priority;
                break;
            case ChildStarted e:
                _children.Add(e.Child.ToString());
                ApplyToStep(e);
                break;
            case NodeEntered e:
                _steps.Add(new StepFold(Visits[e.Id], e.At));
                if (_steps[^1].Visit.Node is { IsCompensation: true })
                {
                    Undoing[e.Visit] = _steps[^1];
                }

                break;
            case CompensationPlanned e:
                Undoable[e.Id] = e;
                break;
            case CompensationStarted e when Visits[e.Id].Parent is null:
                _status = RunStatus.Compensating;
                break;
            case NodeSkipped e:
                Skipped.Add(e.Node);
                break;
            case ScopeCancelling e when Visits[e.Id].Parent is null:
                _status = RunStatus.Cancelling;
                break;
            case PauseRequested:
                _status = RunStatus.Paused;
                break;
            case ResumeRequested:
                _status = RunStatus.Running;
                break;
            case RunCompleted:
                End(RunStatus.Completed, journalEvent);
                break;
            case RunFailed:
                End(RunStatus.Failed, journalEvent);
                break;
            case RunCancelled:
                End(RunStatus.Cancelled, journalEvent);
                break;
            default:
                ApplyToStep(journalEvent);
                break;
        }
    }

    /// <summary>The whole view.</summary>
    /// <param name="row">What the journal cannot know: whether somebody has claimed the run, and whether it diverged.</param>
    public RunView ToView(RunRow row, RawJson? input, RawJson? output)
    {
        DateTimeOffset? started = _started is null ? null : Time(_started.At);
        DateTimeOffset? ended = _end is null ? null : Time(_end.At);
        StepFold[] leaves = [.. _steps.Where(s => s.Visit.IsLeaf)];
        return new RunView
        {
            Id = row.Run.ToString(),
            Workflow = row.Workflow,
            Version = row.Version,
            Status = Status(row).Word(),
            Outcome = (_end as RunCompleted)?.Outcome,
            Input = input,
            Output = output,
            Error = Error(row),
            CostDollars = Money.Dollars(_steps.Sum(s => s.CostNanoDollars)),
            Tokens = new TokensView(_steps.Sum(s => s.InputTokens), _steps.Sum(s => s.OutputTokens)),
            CreatedAt = Time(row.CreatedAt),
            StartedAt = started,
            EndedAt = ended,
            DurationMs = ended is null || started is null ? null : (long)(ended.Value - started.Value).TotalMilliseconds,
            TraceId = _started?.TraceId,
            Priority = _priority,
            Parent = _parent,
            Children = _children.Count > 0 ? [.. _children] : null,
            Path = [.. leaves.Select(s => s.Visit.Name)],
            Steps = [.. leaves.Select(s => ToView(row.Run, s))],
        };
    }

    /// <summary>The journal decides; the row says what is not journaled.</summary>
    internal RunStatus Status(RunRow row) => _end is not null || row.Status != RunStatus.Diverged && _status is RunStatus.Paused or RunStatus.Cancelling or RunStatus.Compensating
        ? _status
        : row.Status is RunStatus.Queued or RunStatus.Waiting or RunStatus.Diverged ? row.Status : _status;

    private static DateTimeOffset Time(long unixMilliseconds) => UnixTime.Of(unixMilliseconds);

    private void End(RunStatus status, JournalEvent end)
    {
        _status = status;
        _end = end;
    }

    private ErrorView? Error(RunRow row) => _end switch
    {
        RunFailed e => ErrorView.Of(e.Error),
        RunCancelled e => ErrorView.OfCode("RUN_CANCELLED") with { Message = e.Reason.Length > 0 ? e.Reason : "The run was cancelled." },
        null when row.Status == RunStatus.Diverged => ErrorView.OfCode("RUN_DIVERGED") with { Message = row.Result },
        _ => null,
    };

    private static StepView ToView(Ulid run, StepFold step)
    {
        (string kind, string? target) = Describe(step.Visit.Node);
        return new StepView
        {
            Id = step.Visit.Id.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Path = step.Visit.Path,
            Node = step.Visit.Name,
            Kind = kind,
            Target = target,
            Status = step.Status,
            Child = step.Child,
            Attempts = step.Attempts,
            StartedAt = Time(step.EnteredAt),
            EndedAt = step.EndedAt is { } ended ? Time(ended) : null,
            DurationMs = step.EndedAt - step.EnteredAt,
            DueAt = step.EndedAt is null && step.Due is { } due ? Time(due) : null,
            Provider = step.Provider,
            CostDollars = Money.Dollars(step.CostNanoDollars),
            Tokens = step.InputTokens + step.OutputTokens > 0 ? new TokensView(step.InputTokens, step.OutputTokens) : null,
            IdempotencyKey = step.Attempts > 0 && step.Visit.Node is CallNode { Effects: Effects.External } ? StepIdentity.IdempotencyKey(run, step.Visit.Path, step.Generation) : null,
            Error = ErrorView.Of(step.Error),
        };
    }

    /// <summary>A leaf's kind and what it is about.</summary>
    internal static (string Kind, string? Target) Describe(PlanNode? node) => node switch
    {
        CallNode { Agent: { } agent } => ("agent", agent),
        CallNode { Child: { } child } => ("workflow", child.Workflow),
        BarrierNode => ("barrier", null),
        CallNode call => ("tool", call.Tool.Contract.Id),
        WaitNode wait => ("wait", wait.Signal),
        ConditionNode condition => ("condition", condition.Condition.Source),
        null => ("unknown", null),
        _ => ("pass", null),
    };

    private void ApplyToStep(JournalEvent journalEvent)
    {
        int id = journalEvent switch
        {
            StepScheduled e => e.Id,
            StepStarted e => e.Id,
            StepSucceeded e => e.Id,
            StepFailed e => e.Id,
            RemedyStarted e => e.Id,
            StepDenied e => e.Id,
            StepHandedOver e => e.Id,
            StepAnswered e => e.Id,
            StepExpired e => e.Id,
            ChildStarted e => e.Id,
            StepHeld e => e.Id,
            PlaceRequested e => e.Id,
            PlaceGranted e => e.Id,
            StepCancelled e => e.Id,
            RetryScheduled e => e.Id,
            TimerSet e => e.Id,
            TimerFired e => e.Id,
            NodeFinished e => e.Id,
            StepUnknown e => e.Id,
            StepAsked e => e.Id,
            StepResolved e => e.Id,
            ApprovalRequested e => e.Id,
            ApprovalDecided e => e.Id,
            _ => -1,
        };
        if (id >= 0 && id < _steps.Count)
        {
            _steps[id].Apply(journalEvent);
        }
    }
}

/// <summary>What one visit has come to.</summary>
internal sealed class StepFold(Visit visit, long enteredAt)
{
    public Visit Visit => visit;

    public long EnteredAt => enteredAt;

    public long? EndedAt { get; private set; }

    public string Status { get; private set; } = visit.Node is WaitNode ? "waiting" : "running";

    public int Attempts { get; private set; }

    public int Generation { get; private set; }

    public long? Due { get; private set; }

    /// <summary>The run that does the step, or did last.</summary>
    public string? Child { get; private set; }

    public string? Provider { get; private set; }

    public long CostNanoDollars { get; private set; }

    public long InputTokens { get; private set; }

    public long OutputTokens { get; private set; }

    public StepError? Error { get; private set; }

    public void Apply(JournalEvent journalEvent)
    {
        switch (journalEvent)
        {
            case StepScheduled:
                Status = "scheduled";
                break;
            case ApprovalRequested:
                Status = "awaiting_approval";
                break;
            case ApprovalDecided { Granted: true }:
                Status = "scheduled";
                break;
            case StepStarted e:
                Status = "running";
                Attempts = e.Attempt;
                Due = null;
                break;
            case StepSucceeded e:
                CostNanoDollars += e.CostNanoDollars;
                InputTokens += e.InputTokens;
                OutputTokens += e.OutputTokens;
                Provider = e.Provider.Length > 0 ? e.Provider : null;
                Error = null;
                End("succeeded", e.At);
                break;
            case StepFailed e:
                CostNanoDollars += e.CostNanoDollars;
                Error = e.Error;
                break;
            case RemedyStarted:
                Status = "remedied";
                break;
            case StepHandedOver e:
                Status = "awaiting";
                Due = e.Due;
                break;
            case StepAnswered e:
                CostNanoDollars += e.CostNanoDollars;
                Provider = e.By;
                Error = e.Error;
                Due = null;
                if (e.Error is null)
                {
                    End("succeeded", e.At);
                }

                break;
            case StepExpired e:
                Error = e.Error;
                break;
            case ChildStarted e:
                Status = "awaiting";
                Child = e.Child.ToString();
                Due = e.Due == 0 ? null : e.Due;
                break;
            case StepHeld e:
                Status = "held";
                Due = e.Due;
                break;
            case PlaceRequested:
                Status = "queued";
                break;
            case PlaceGranted:
                Status = Visit.Node is WaitNode ? "waiting" : "running";
                Due = null;
                break;
            case StepDenied e:
                Error = e.Error;
                break;
            case RetryScheduled e:
                Status = "backoff";
                Generation = e.Generation;
                Due = e.Due;
                break;
            case TimerSet e:
                Due = e.Due;
                break;
            case TimerFired e when e.Due == Due:
                Due = null;
                Status = Status is "backoff" or "held" ? "scheduled" : Status;
                break;
            case StepAsked:
                Status = "asked";
                break;
            case NodeFinished e:
                Error = e.Status == NodeStatus.Succeeded ? null : e.Error ?? Error;
                End(Word(e.Status), e.At);
                break;
        }
    }

    internal static string Word(NodeStatus status) => status switch
    {
        NodeStatus.Succeeded => "succeeded",
        NodeStatus.Failed => "failed",
        NodeStatus.Cancelled => "cancelled",
        _ => "skipped",
    };

    private void End(string status, long at)
    {
        Status = status;
        EndedAt = at;
        Due = null;
    }
}
