using System.Text;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Simulation.Scenarios;

/// <summary>What a journal says of each step, and the journal as lines that a reader and a file comparison understand.</summary>
public sealed class RunTrace
{
    private readonly WorkflowDefinition _definition;
    private readonly Dictionary<int, PlanNode> _visits = [];
    private readonly Dictionary<int, string> _places = [];
    private readonly List<string> _lines = [];
    private readonly Dictionary<string, StepTrace> _steps = new(StringComparer.Ordinal);
    private readonly List<string> _path = [];
    private readonly List<string> _compensated = [];
    private long _start;

    public RunTrace(WorkflowDefinition definition, IReadOnlyList<JournalEvent> journal)
    {
        _definition = definition;
        foreach (JournalEvent happened in journal)
        {
            Add(happened);
        }
    }

    /// <summary>Ids of calls, waits and empty steps, compensations left out, in the order of entry.</summary>
    public IReadOnlyList<string> Path => _path;

    /// <summary>Ids of the steps that were undone, in that order.</summary>
    public IReadOnlyList<string> Compensated => _compensated;

    /// <summary>Every step that was entered or skipped, by its path in the plan.</summary>
    public IReadOnlyDictionary<string, StepTrace> Steps => _steps;

    /// <summary>One line an event: milliseconds since the start, what happened, and to which visit.</summary>
    public IReadOnlyList<string> Lines => _lines;

    /// <summary>Ids from below the root down, with slashes: <c>review/fetch</c>.</summary>
    public static string PathOf(PlanNode node) => node.Parent is null or { Parent: null } ? node.Id : $"{PathOf(node.Parent)}/{node.Id}";

    /// <summary>A step by its path, or by its id where the plan has that id once.</summary>
    public StepTrace? Find(string name)
    {
        if (_steps.TryGetValue(name, out StepTrace? step))
        {
            return step;
        }

        PlanNode[] named = [.. _definition.Nodes.Where(n => n.Id == name && n is { Parent: not null, IsCompensation: false })];
        return named.Length == 1 ? _steps.GetValueOrDefault(PathOf(named[0])) : null;
    }

    private void Add(JournalEvent happened)
    {
        switch (happened)
        {
            case RunStarted e:
                _start = e.At;
                Line(e, $"started {e.Workflow} {e.Version}");
                break;
            case NodeEntered e:
                Enter(e);
                break;
            case StepScheduled e:
                Change(e.Id, s => s with { Input = e.Input });
                break;
            case StepStarted e:
                Change(e.Id, s => s with { Attempts = s.Attempts + 1 });
                Line(e, $"attempt {e.Attempt} of {Place(e.Id)}{(e.OverBudget ? " over budget" : "")}");
                break;
            case StepSucceeded e:
                Change(e.Id, s => s with { Status = "succeeded", Output = e.Output, Error = null });
                Line(e, $"succeeded {Place(e.Id)} {Short(e.Output)}");
                break;
            case StepAnswered { Error: null } e:
                Change(e.Id, s => s with { Status = "succeeded", Output = e.Output, Error = null });
                Line(e, $"answered {Place(e.Id)} {Short(e.Output)}");
                break;
            case StepFailed e:
                Change(e.Id, s => s with { Error = e.Error });
                Line(e, $"attempt failed {Place(e.Id)} {Short(e.Error)}");
                break;
            case StepDenied e:
                Change(e.Id, s => s with { Error = e.Error });
                Line(e, $"denied {Place(e.Id)} {Short(e.Error)}");
                break;
            case RetryScheduled e:
                Line(e, $"again in {e.Due - e.At} ms {Place(e.Id)}");
                break;
            case Transitioned e:
                Line(e, $"{e.Rule switch { TransitionRule.Initial => "initial", TransitionRule.Condition => $"condition {e.Condition}", TransitionRule.OnSuccess => "on_success", _ => "on_error" }} to {_definition.Nodes[e.To].Id}");
                break;
            case NodeFinished e:
                Change(e.Id, s => s with { Status = e.Status.ToString().ToLowerInvariant(), Output = e.Output ?? s.Output, Error = e.Error ?? (e.Status == NodeStatus.Succeeded ? null : s.Error) });
                Line(e, $"{e.Status.ToString().ToLowerInvariant()} {Place(e.Id)}{(e.Error is { } error ? " " + error.Code : "")}");
                break;
            case NodeSkipped e:
                string skipped = PathOf(_definition.Nodes[e.Node]);
                _steps[skipped] = new StepTrace { Status = "skipped" };
                Line(e, $"skipped {skipped}");
                break;
            case RunCompleted e:
                Line(e, $"completed {e.Outcome} {Short(e.Output)}");
                break;
            case RunFailed e:
                Line(e, $"failed {Short(e.Error)}");
                break;
            case SignalReceived e:
                Line(e, $"signal {e.Name} {Short(e.Payload)}");
                break;
            case TimerFired e:
                Line(e, $"timer {Place(e.Id)}");
                break;
            case CompensationStarted e:
                Line(e, $"undoing {Place(e.Id)}");
                break;
            case ApprovalRequested e:
                Line(e, $"asked to approve {Place(e.Id)} ({e.Name})");
                break;
            case ApprovalDecided e:
                Line(e, $"{(e.Granted ? "approved" : "not approved")} {Place(e.Id)} by {e.By} {Short(e.Reason)}");
                break;
            case CompensationPlanned or SignalConsumed or TimerSet:
                break;
            default:
                Line(happened, Words(happened.Tag.ToString()));
                break;
        }
    }

    private void Enter(NodeEntered e)
    {
        PlanNode node = _definition.Nodes[e.Node];
        _visits[e.Id] = node;
        bool isRoot = node.Parent is null;
        _places[e.Id] = isRoot ? "run" : node.IsCompensation ? $"undo {PathOf(node.Parent!)}" : $"{PathOf(node)}#{e.Visit}";
        if (isRoot)
        {
            return;
        }

        Line(e, $"entered {Place(e.Id)}");
        if (node.IsCompensation)
        {
            _compensated.Add(node.Parent!.Id);
            return;
        }

        if (node.Children.Count == 0)
        {
            _path.Add(node.Id);
        }

        Change(e.Id, s => s with { Visits = s.Visits + 1, Status = "open", Input = null, Output = null, Error = null });
    }

    private void Change(int visit, Func<StepTrace, StepTrace> change)
    {
        if (_visits.TryGetValue(visit, out PlanNode? node) && node is { Parent: not null, IsCompensation: false })
        {
            string path = PathOf(node);
            _steps[path] = change(_steps.GetValueOrDefault(path) ?? new StepTrace());
        }
    }

    private string Place(int visit) => _places.GetValueOrDefault(visit, "run");

    private void Line(JournalEvent e, string text) => _lines.Add($"{e.At - _start,10} {text}".TrimEnd());

    private static string Short(StepError error) => $"{error.Code} {Short(error.Message)}";

    private static string Short(Payload? value) => Short(value?.ToString() ?? "null");

    private static string Short(string text)
    {
        const int most = 200;
        string line = text.ReplaceLineEndings(" ");
        return line.Length <= most ? line : $"{line[..most]}… ({line.Length} characters)";
    }

    private static string Words(string name)
    {
        var words = new StringBuilder();
        foreach (char letter in name)
        {
            words.Append(char.IsUpper(letter) && words.Length > 0 ? " " : "").Append(char.ToLowerInvariant(letter));
        }

        return words.ToString();
    }
}

/// <summary>What became of one step over all of its visits.</summary>
public sealed record StepTrace
{
    public int Visits { get; init; }

    public int Attempts { get; init; }

    /// <summary><c>open</c>, <c>succeeded</c>, <c>failed</c>, <c>cancelled</c> or <c>skipped</c>.</summary>
    public string Status { get; init; } = "open";

    /// <summary>Of the latest visit, as the following.</summary>
    public Payload? Input { get; init; }

    public Payload? Output { get; init; }

    public StepError? Error { get; init; }
}
