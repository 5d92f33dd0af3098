using System.Globalization;
using System.Text;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Audit;

/// <summary>What one run does, as audit notes: a fold over its journal. Pure.</summary>
/// <param name="definition"><see langword="null"/> when the workflow version does not compile any more: steps are then named by number.</param>
internal sealed class RunTrail(string tenant, Ulid run, WorkflowDefinition? definition)
{
    // Codes come from tools, too.
    private const int MaxText = 200;

    private readonly string _actor = $"run:{run}";
    private readonly List<(int Parent, int Node, int Visit)> _visits = [];
    private readonly CanonicalObject _details = new();
    private WorkflowDefinition? _plan = definition?.Base;
    private string _trace = "";

    /// <summary>Sequence of the next event to apply.</summary>
    public long NextSeq { get; private set; }

    public bool HasEnded { get; private set; }

    /// <summary>Applies an event.</summary>
    /// <returns>What is to be noted about it, if anything.</returns>
    public AuditNote? Apply(JournalEvent happened)
    {
        long seq = NextSeq++;
        switch (happened)
        {
            case NodeEntered e:
                _visits.Add((e.Parent, e.Node, e.Visit));
                return null;
            case RunStarted e:
                _trace = e.TraceId;
                return Note(e, e.StartedBy, "run.started", AuditDecision.Allowed, d => d
                    .Text("definition"u8, e.DefinitionHash).Number("seq"u8, seq).Text("version"u8, e.Version).Text("workflow"u8, e.Workflow));
            case StepStarted e:
                return Step(e, e.Id, "step.started", AuditDecision.Allowed, d => d.Number("attempt"u8, e.Attempt).Number("seq"u8, seq).Text("target"u8, Target(e.Id)));
            case StepSucceeded e:
                return Step(e, e.Id, "step.ended", AuditDecision.Succeeded, d => d
                    .Number("attempt"u8, e.Attempt).Text("cost_nano_dollars"u8, Amount(e.CostNanoDollars)).Text("provider"u8, Short(e.Provider)).Number("seq"u8, seq));
            case StepFailed e:
                return Step(e, e.Id, "step.ended", AuditDecision.Failed, d => d
                    .Number("attempt"u8, e.Attempt).Text("code"u8, Short(e.Error.Code)).Text("cost_nano_dollars"u8, Amount(e.CostNanoDollars)).Number("seq"u8, seq));
            case StepHandedOver e:
                return Step(e, e.Id, "step.handed_over", AuditDecision.Allowed, d => d.Number("attempt"u8, e.Attempt).Number("seq"u8, seq));
            case ChildStarted e:
                return Step(e, e.Id, "step.handed_over", AuditDecision.Allowed, d => d.Number("attempt"u8, e.Attempt).Text("child"u8, $"run:{e.Child}").Number("seq"u8, seq));
            case StepAnswered e:
                return Step(e, e.Id, "step.ended", e.Error is null ? AuditDecision.Succeeded : AuditDecision.Failed, d => d
                    .Text("answered_by"u8, Short(e.By)).Text("code"u8, Short(e.Error?.Code ?? "")).Text("cost_nano_dollars"u8, Amount(e.CostNanoDollars)).Number("seq"u8, seq));
            case StepExpired e:
                return Step(e, e.Id, "step.ended", AuditDecision.Unknown, d => d.Number("attempt"u8, e.Attempt).Text("code"u8, Short(e.Error.Code)).Number("seq"u8, seq));
            case CompensationStarted e:
                return Step(e, e.Id, "scope.compensating", AuditDecision.Allowed, d => d.Text("code"u8, Short(e.Error?.Code ?? "")).Number("seq"u8, seq));
            case StepDenied e:
                return Step(e, e.Id, "step.denied", AuditDecision.Denied, d => d.Text("code"u8, Short(e.Error.Code)).Number("seq"u8, seq).Text("target"u8, Target(e.Id)));
            case ApprovalRequested e:
                return Step(e, e.Id, "approval.requested", AuditDecision.Allowed, d => d.Text("approval"u8, Short(e.Name)).Number("seq"u8, seq).Text("target"u8, Target(e.Id)));
            case ApprovalDecided e:
                return Step(e, e.Id, "approval.decided", e.Granted ? AuditDecision.Allowed : AuditDecision.Denied, d => d.Text("approval"u8, Short(e.Name)).Text("reason"u8, Short(e.Reason)).Number("seq"u8, seq), Short(e.By));
            case StepCancelled e:
                return Step(e, e.Id, "step.ended", AuditDecision.Cancelled, d => d.Number("attempt"u8, e.Attempt).Number("seq"u8, seq));
            case StepUnknown e:
                return Step(e, e.Id, "step.ended", AuditDecision.Unknown, d => d.Number("attempt"u8, e.Attempt).Number("seq"u8, seq));
            case StepResolved e:
                return Step(e, e.Id, "step.resolved", AuditDecision.Allowed, d => d.Text("resolution"u8, Word(e.Resolution)).Number("seq"u8, seq), e.By);
            case PlanRejected e:
                return Step(e, e.Id, "plan.rejected", AuditDecision.Denied, d => d.Text("problem"u8, Short(e.Problems)).Number("seq"u8, seq));
            case SignalReceived e:
                return Note(e, _actor, "run.signalled", AuditDecision.Allowed, d => d.Text("name"u8, Short(e.Name)).Number("seq"u8, seq));
            case CancelRequested e:
                return Note(e, e.By, "run.cancelling", AuditDecision.Allowed, d => d.Number("seq"u8, seq));
            case PauseRequested e:
                return Note(e, e.By, "run.paused", AuditDecision.Allowed, d => d.Number("seq"u8, seq));
            case ResumeRequested e:
                return Note(e, e.By, "run.resumed", AuditDecision.Allowed, d => d.Number("seq"u8, seq));
            case PlanModified e:
                return Note(e, e.By, "run.plan_modified", AuditDecision.Allowed, d => d.Text("changes"u8, Hash(e.Text)).Text("reason"u8, Short(e.Reason)).Number("seq"u8, seq));
            case PlanGrafted e:
                _plan = _plan?.With(new PlanChange(e.Node, e.Text)).Definition;
                return Note(e, _actor, "run.plan_changed", AuditDecision.Succeeded, d => d.Text("changes"u8, Hash(e.Text)).Number("seq"u8, seq));
            case PlanRefused e:
                return Note(e, _actor, "run.plan_refused", AuditDecision.Denied, d => d.Text("code"u8, Short(e.Error.Code)).Number("seq"u8, seq));
            case RunRecovered e:
                return Note(e, "system", "run.recovered", AuditDecision.Allowed, d => d.Text("owner"u8, e.Owner).Number("seq"u8, seq));
            case RunCompleted e:
                return End(e, AuditDecision.Succeeded, d => d.Text("outcome"u8, Short(e.Outcome)).Number("seq"u8, seq));
            case RunFailed e:
                return End(e, AuditDecision.Failed, d => d.Text("code"u8, Short(e.Error.Code)).Number("seq"u8, seq));
            case RunCancelled e:
                return End(e, AuditDecision.Cancelled, d => d.Number("seq"u8, seq));
            default:
                return null;
        }
    }

    /// <summary>Says that a frame cannot be read; what it held is not known to the audit.</summary>
    public static AuditNote Unreadable(string tenant, Ulid run, long firstSeq, long at) => new(
        tenant, at, "system", "journal.unreadable", $"run:{run}", AuditDecision.Failed, new Payload(new CanonicalObject().Number("seq"u8, firstSeq).End().ToArray()), "");

    private AuditNote End(JournalEvent happened, string decision, Action<CanonicalObject> describe)
    {
        HasEnded = true;
        return Note(happened, _actor, "run.ended", decision, describe);
    }

    private AuditNote Step(JournalEvent happened, int visit, string action, string decision, Action<CanonicalObject> describe, string? actor = null) =>
        Note(happened, actor ?? _actor, action, decision, describe) with { Resource = $"{_actor}/{PathOf(visit)}" };

    private AuditNote Note(JournalEvent happened, string actor, string action, string decision, Action<CanonicalObject> describe)
    {
        _details.Clear();
        describe(_details);
        return new AuditNote(tenant, happened.At, actor, action, _actor, decision, new Payload(_details.End().ToArray()), _trace);
    }

    /// <summary>Structural path with visits, without the root: <c>classify#1</c>.</summary>
    private string PathOf(int id)
    {
        if (id < 0 || id >= _visits.Count)
        {
            return $"visit {id}";
        }

        (int parent, int node, int visit) = _visits[id];
        string own = string.Create(CultureInfo.InvariantCulture, $"{NodeAt(node)?.Id ?? $"node {node}"}#{visit}");
        return parent <= 0 || parent >= id ? own : $"{PathOf(parent)}/{own}";
    }

    private string Target(int id) => id >= 0 && id < _visits.Count && NodeAt(_visits[id].Node) is CallNode call
        ? call.Agent is { } agent ? $"agent:{agent}" : call.Child is { } child ? $"workflow:{child.Workflow}" : $"tool:{call.Tool.Contract.Id}@{call.Tool.Contract.Version}"
        : "";

    private PlanNode? NodeAt(int index) => _plan is not null && index >= 0 && index < _plan.Nodes.Count ? _plan.Nodes[index] : null;

    // An amount can exceed 2⁵³, beyond which JSON numbers are not exact.
    private static string Amount(long nanoDollars) => nanoDollars.ToString(CultureInfo.InvariantCulture);

    private static string Hash(string text) => AuditHash.Of(Encoding.UTF8.GetBytes(text)).ToString();

    private static string Short(string text) => text.Length <= MaxText ? text : text[..MaxText];

    private static string Word(StepResolution resolution) => resolution switch { StepResolution.Retry => "retry", StepResolution.Succeed => "succeed", _ => "fail" };
}
