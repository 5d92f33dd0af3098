using System.Globalization;
using System.Security.Cryptography;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Runs.Journal;

/// <summary>
/// A hash over what a run did: equal for two journals that differ only in what chance decides when things run side by side, and in ids and clock.
/// Every visit is named by its path, has its events in its own order, and stands where its path does; <see cref="JournalHashRules"/> says what of a
/// journal counts. Feed the events from the first on; not safe for concurrent use.
/// </summary>
/// <remarks>
/// Values count byte for byte, so that ids and times that a workflow itself writes into them make a difference, as does what a race within the
/// workflow decides: a step that was cancelled after two attempts is not one that was cancelled after three.
/// </remarks>
/// <param name="run">The run, whose id counts in no text.</param>
/// <param name="definition">The workflow version that it runs.</param>
public sealed class JournalHash(Ulid run, WorkflowDefinition definition)
{
    private const string Form = "journal-hash/1";
    private const string OfRun = "run";

    /// <summary>Letters and digits of a run's id.</summary>
    private const int IdLength = 26;

    private readonly Visits _visits = new(definition);
    private readonly List<string> _paths = [];
    private readonly Dictionary<string, int> _aside = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, byte[]> _groups = new(StringComparer.Ordinal);
    private readonly Dictionary<int, List<Visit>> _undone = [];
    private readonly Dictionary<string, string> _ids = new(StringComparer.Ordinal) { [run.ToString()] = OfRun };
    private readonly List<Payload> _blobs = [];
    private int _remedied;
    private int _lost = -1;

    public static string Of(Ulid run, WorkflowDefinition definition, IEnumerable<JournalEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        var hash = new JournalHash(run, definition);
        foreach (JournalEvent journalEvent in events)
        {
            hash.Apply(journalEvent);
        }

        return hash.ToHex();
    }

    /// <summary>Applies the next event.</summary>
    public void Apply(JournalEvent journalEvent)
    {
        ArgumentNullException.ThrowIfNull(journalEvent);
        _visits.Apply(journalEvent);
        bool isRepetition = journalEvent is RetryScheduled retry && retry.Id == _lost;
        _lost = journalEvent is StepUnknown lost ? lost.Id : -1;
        switch (journalEvent)
        {
            case NodeEntered e:
                Name(e);
                break;
            case RemedyStarted e:
                _remedied = e.Id;
                break;
            case RunAdopted e:
                _ids[e.Parent.ToString()] = "parent";
                break;
            case ChildStarted e:
                _ids[e.Child.ToString()] = PathOf(e.Id);
                break;
        }

        if (!isRepetition && GroupOf(journalEvent) is { } group)
        {
            Add(group, journalEvent);
        }
    }

    /// <summary>The hash of the events so far: 64 lower-case hex digits.</summary>
    public string ToHex()
    {
        var writer = new FrameWriter(_blobs);
        try
        {
            writer.Text(Form);
            foreach ((string group, byte[] hash) in _groups)
            {
                writer.Text(group);
                writer.Raw(hash);
            }

            return Convert.ToHexStringLower(SHA256.HashData(writer.Written));
        }
        finally
        {
            writer.Dispose();
        }
    }

    /// <summary>Where an event counts; <see langword="null"/>: nowhere.</summary>
    private string? GroupOf(JournalEvent journalEvent) => JournalHashRules.Of(journalEvent.Tag) switch
    {
        JournalHashRule.OfVisit => journalEvent is NodeSkipped skipped ? $"visit {PathOf(skipped.Parent)}/{_visits.NameOf(skipped.Node)}" : $"visit {PathOf(VisitOf(journalEvent))}",
        JournalHashRule.OfRun => OfRun,
        JournalHashRule.OfSignal => $"signal {((SignalReceived)journalEvent).Name}",
        JournalHashRule.OfPlan => $"plan {(((PlanGrafted)journalEvent).Node is var node and >= 0 ? _visits.Definition?.NodeAt(node).Address : "*")}",
        _ => null,
    };

    /// <summary>The visit that an event is about.</summary>
    private static int VisitOf(JournalEvent journalEvent) => journalEvent switch
    {
        NodeEntered e => e.Id,
        NodeFinished e => e.Id,
        StepScheduled e => e.Id,
        StepSucceeded e => e.Id,
        StepFailed e => e.Id,
        StepDenied e => e.Id,
        StepCancelled e => e.Id,
        StepAnswered e => e.Id,
        StepExpired e => e.Id,
        StepAsked e => e.Id,
        StepResolved e => e.Id,
        RetryScheduled e => e.Id,
        RemedyStarted e => e.Id,
        Transitioned e => e.Machine,
        ItemsListed e => e.Id,
        ScopeCancelling e => e.Id,
        CompensationPlanned e => e.Id,
        CompensationStarted e => e.Id,
        ApprovalRequested e => e.Id,
        ApprovalDecided e => e.Id,
        StartHeld e => e.Id,
        ChildStarted e => e.Id,
        ChildCancelling e => e.Id,
        SignalConsumed e => e.Id,
        PlanRejected e => e.Id,
        _ => throw new InvalidOperationException($"{journalEvent.Tag} is about no visit."),
    };

    private string PathOf(int visit) => visit >= 0 && visit < _paths.Count ? _paths[visit] : "?";

    /// <summary>What helps and what undoes is numbered by what it is for: the visit number that it has on record is another one's id.</summary>
    private void Name(NodeEntered e)
    {
        Visit visit = _visits[e.Id];
        _paths.Add(visit.Node switch
        {
            { IsRemedy: true } => Aside($"{PathOf(_remedied)}!{visit.Name}"),
            { IsCompensation: true } => Aside($"{PathOf(e.Visit)}!{visit.Name}"),
            _ => e.Parent < 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{PathOf(e.Parent)}/{visit.Name}#{e.Visit}"),
        });
    }

    private string Aside(string name)
    {
        int number = _aside[name] = _aside.GetValueOrDefault(name) + 1;
        return string.Create(CultureInfo.InvariantCulture, $"{name}#{number}");
    }

    private void Add(string group, JournalEvent journalEvent)
    {
        var writer = new FrameWriter(_blobs);
        try
        {
            writer.Raw(_groups.GetValueOrDefault(group, []));
            writer.Byte((byte)journalEvent.Tag);
            Write(ref writer, journalEvent);
            _groups[group] = SHA256.HashData(writer.Written);
            _blobs.Clear();
        }
        finally
        {
            writer.Dispose();
        }
    }

    private void Write(ref FrameWriter w, JournalEvent journalEvent)
    {
        switch (journalEvent)
        {
            case RunStarted e:
                w.Text(e.Workflow);
                w.Text(e.Version);
                w.Text(e.DefinitionHash);
                w.Text(e.ToolsHash);
                w.Text(Plain(e.StartedBy));
                w.Payload(e.Input);
                w.Payload(e.Env);
                break;
            case RunRestricted e:
                w.Authority(e.Authority);
                break;
            case RunStartsRestricted e:
                w.Starts(e.Starts);
                break;
            case RunAdopted e:
                w.Int(e.Generation);
                w.Int(e.Depth);
                break;
            case LoopsWatched e:
                w.Int(e.Rule);
                break;
            case CancelRequested e:
                w.Text(Plain(e.By));
                w.Text(Plain(e.Reason));
                break;
            case PauseRequested e:
                w.Text(e.By);
                break;
            case ResumeRequested e:
                w.Text(e.By);
                break;
            case RunCompleted e:
                w.Text(e.Outcome);
                w.Payload(e.Output);
                break;
            case RunFailed e:
                Error(ref w, e.Error);
                break;
            case RunCancelled e:
                w.Text(Plain(e.Reason));
                break;
            case SignalReceived e:
                w.Payload(e.Payload);
                break;
            case PlanModified e:
                w.Text(e.Text);
                w.Signed(e.Revision);
                w.Text(e.By);
                w.Text(e.Reason);
                break;
            case PlanGrafted e:
                w.Text(e.Text);
                break;
            case PlanRefused e:
                Error(ref w, e.Error);
                break;
            case NodeEntered e:
                Undoing(ref w, e);
                break;
            case NodeFinished e:
                w.Byte((byte)e.Status);
                w.Optional(e.Output);
                Error(ref w, e.Error);
                break;
            case ScopeCancelling e:
                w.Byte((byte)e.Status);
                Error(ref w, e.Error);
                break;
            case CompensationStarted e:
                w.Byte((byte)e.Status);
                Error(ref w, e.Error);
                break;
            case CompensationPlanned e:
                w.Optional(e.Input);
                Error(ref w, e.Error);
                break;
            case Transitioned e:
                w.Text(_visits.NameOf(e.To));
                w.Byte((byte)e.Rule);
                w.Signed(e.Condition);
                break;
            case ItemsListed e:
                w.Payload(e.Items);
                break;
            case PlanRejected e:
                w.Text(e.Problems);
                break;
            case ChildStarted e:
                w.Text(e.Workflow);
                w.Text(e.Version);
                w.Text(e.DefinitionHash);
                break;
            case ChildCancelling e:
                Error(ref w, e.Error);
                break;
            case ApprovalRequested e:
                w.Text(e.Name);
                w.Payload(e.Order);
                break;
            case ApprovalDecided e:
                w.Text(e.Name);
                w.Bool(e.Granted);
                w.Text(e.By);
                w.Text(e.Reason);
                break;
            case NodeSkipped or StartHeld or SignalConsumed or StepAsked or StepCancelled:
                break;
            default:
                WriteStep(ref w, journalEvent);
                break;
        }
    }

    /// <summary>Attempts have no numbers here: those that were lost would count.</summary>
    private void WriteStep(ref FrameWriter w, JournalEvent journalEvent)
    {
        switch (journalEvent)
        {
            case StepScheduled e:
                w.Payload(e.Input);
                break;
            case StepSucceeded e:
                w.Payload(e.Output);
                w.Unsigned((ulong)e.CostNanoDollars);
                w.Unsigned((ulong)e.InputTokens);
                w.Unsigned((ulong)e.OutputTokens);
                w.Text(e.Provider);
                break;
            case StepFailed e:
                Error(ref w, e.Error);
                w.Optional((e as StepRejected)?.Output);
                w.Unsigned((ulong)e.CostNanoDollars);
                break;
            case StepDenied e:
                Error(ref w, e.Error);
                break;
            case StepAnswered e:
                w.Int(e.Generation);
                w.Optional(e.Output);
                Error(ref w, e.Error);
                w.Unsigned((ulong)e.CostNanoDollars);
                w.Text(Plain(e.By));
                break;
            case StepExpired e:
                Error(ref w, e.Error);
                break;
            case StepResolved e:
                w.Byte((byte)e.Resolution);
                w.Optional(e.Output);
                w.Text(e.By);
                break;
            case RetryScheduled e:
                w.Int(e.Generation);
                break;
            case RemedyStarted e:
                w.Int(e.Remedy);
                break;
            default:
                throw new InvalidOperationException($"{journalEvent.Tag} counts in a journal's hash, and nobody says with what.");
        }
    }

    private void Error(ref FrameWriter w, StepError? error) => w.Optional(error is null ? null : error with { Message = Plain(error.Message) });

    /// <summary>Names the runs in a text by what they are to this one. There may be thousands, so that each word is looked up, not each run looked for.</summary>
    private string Plain(string text)
    {
        for (int begin = 0; begin + IdLength <= text.Length;)
        {
            int end = begin;
            while (end < text.Length && char.IsAsciiLetterOrDigit(text[end]))
            {
                end++;
            }

            if (end - begin == IdLength && _ids.TryGetValue(text[begin..end], out string? name))
            {
                text = $"{text.AsSpan(0, begin)}{name}{text.AsSpan(end)}";
                end = begin + name.Length;
            }

            begin = end + 1;
        }

        return text;
    }

    /// <summary>
    /// A visit that undoes another one says what was undone before it, of that which the plan does not let run beside the other one. In what order the
    /// rest is undone follows from who was faster.
    /// </summary>
    private void Undoing(ref FrameWriter w, NodeEntered e)
    {
        if (_visits[e.Id].Node is not { IsCompensation: true })
        {
            return;
        }

        if (!_undone.TryGetValue(e.Parent, out List<Visit>? before))
        {
            _undone.Add(e.Parent, before = []);
        }

        Visit undone = _visits[e.Visit];
        foreach (string path in before.Where(b => IsInTurn(b, undone)).Select(b => PathOf(b.Id)).Order(StringComparer.Ordinal))
        {
            w.Text(path);
        }

        before.Add(undone);
    }

    private bool IsInTurn(Visit one, Visit other)
    {
        var around = new Dictionary<int, Visit>();
        for (Visit? v = one; v?.Parent is { } parent; v = parent)
        {
            around[parent.Id] = v;
        }

        for (Visit? v = other; v?.Parent is { } parent; v = parent)
        {
            if (around.TryGetValue(parent.Id, out Visit? beside))
            {
                // Of the plan as it is now: a scope that has changed knows the children that are left.
                PlanNode? scope = parent.Node is { } was ? _visits.Definition?.NodeAt(was.Index) : null;
                int first = scope?.OrdinalOf(beside.Name) ?? -1;
                int second = scope?.OrdinalOf(v.Name) ?? -1;
                return first >= 0 && second >= 0 && scope!.IsInTurn(first, second);
            }
        }

        return false;
    }
}
