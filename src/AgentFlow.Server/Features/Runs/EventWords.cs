using System.Globalization;
using System.Text.Json;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.Llm;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Runs;

/// <summary>What an event decided and why, in words.</summary>
/// <param name="fold">The run before the event.</param>
/// <param name="asked">The conditions that were asked for it.</param>
internal sealed class EventWords(RunFold fold, IReadOnlyList<AskedCondition> asked)
{
    /// <summary>The path that it is about and what is to be said; <see langword="null"/> where another event says it.</summary>
    public (string Path, string Text)? Say(JournalEvent happened) => happened switch
    {
        RunStarted e => ("", $"The run of {e.Workflow} {e.Version} was started by {e.StartedBy}."),
        Transitioned e => (PathOf(e.Machine), Transition(e)),
        NodeEntered e => Entered(e),
        NodeSkipped e => (PathOf(e.Parent), Skipped(e)),
        NodeFinished e => Finished(e),
        StepStarted { Attempt: > 1 } e => (PathOf(e.Id), $"Attempt {e.Attempt} of {NameOf(e.Id)} begins."),
        StepStarted { OverBudget: true } e => (PathOf(e.Id), $"{NameOf(e.Id)} exceeds the budget, which the policy only warns of."),
        StepSucceeded e => (PathOf(e.Id), $"{NameOf(e.Id)} succeeded."),
        StepFailed e => (PathOf(e.Id), $"Attempt {e.Attempt} of {NameOf(e.Id)} failed: {Words(e.Error)}."),
        StepDenied e => (PathOf(e.Id), $"{NameOf(e.Id)} was not let through: {Words(e.Error)}."),
        StepCancelled e => (PathOf(e.Id), $"{NameOf(e.Id)} was stopped in attempt {e.Attempt}."),
        StepHandedOver e when fold.Visits[e.Id].Node is CallNode { Tool: HumanTaskTool } => (PathOf(e.Id), $"{NameOf(e.Id)} waits for a person."),
        ChildStarted e => (PathOf(e.Id), $"{NameOf(e.Id)} is done by run {e.Child} of {e.Workflow} {e.Version}, the highest version that fits{(e.Due > 0 ? $", until {Time(e.Due)} at most" : "")}."),
        ChildCancelling e => (PathOf(e.Id), $"The run that does {NameOf(e.Id)} is asked to stop{(e.Error is { } error ? $": {Words(error)}" : "")}."),
        PlaceRequested { Kind: SharedKind.Barrier } e => (PathOf(e.Id), $"{NameOf(e.Id)} waits at the barrier '{e.Name}' until {e.Size} wait there."),
        PlaceRequested e => (PathOf(e.Id), $"{NameOf(e.Id)} asks for {(e.Size == 1 ? "the permit" : $"one of the {e.Size} permits")} of the semaphore '{e.Name}'."),
        PlaceGranted e when fold.Visits[e.Id].Node is BarrierNode => (PathOf(e.Id), $"The barrier opens to {NameOf(e.Id)}, the {Ordinal(e.Position)} in its round."),
        PlaceGranted e => (PathOf(e.Id), $"{NameOf(e.Id)} is given its permit."),
        PlaceLeft { Held: true, Kind: SharedKind.Semaphore } e => (PathOf(e.Id), $"{NameOf(e.Id)} gives its permit of the semaphore '{e.Name}' back."),
        PlaceLeft { Held: false } e => (PathOf(e.Id), $"{NameOf(e.Id)} waits no longer {(e.Kind == SharedKind.Barrier ? "at the barrier" : "for the semaphore")} '{e.Name}'."),
        ItemsListed e => (PathOf(e.Id), $"{NameOf(e.Id)} has {JsonElement.Parse(e.Items.Utf8.Span).GetArrayLength() switch { 0 => "no items", 1 => "one item", var count => $"{count} items" }}."),
        RemedyStarted e => (PathOf(e.Id), Remedied(e)),
        StepHandedOver e => (PathOf(e.Id), $"{NameOf(e.Id)} was taken over by somebody who answers later, until {Time(e.Due)} at most."),
        StepAnswered { Error: { } error } e => (PathOf(e.Id), $"{e.By} answered for {NameOf(e.Id)}: {Words(error)}."),
        StepAnswered e => (PathOf(e.Id), $"{e.By} answered for {NameOf(e.Id)}: it succeeded."),
        StepExpired e => (PathOf(e.Id), $"Nobody answered for {NameOf(e.Id)} in time: {Words(e.Error)}."),
        RetryScheduled e => (PathOf(e.Id), Retry(e)),
        TimerSet e => Timer(e),
        TimerFired e => fold.Visits[e.Id].Node switch
        {
            WaitNode => (PathOf(e.Id), $"The time of {NameOf(e.Id)} is over."),
            CallNode => null,
            _ => (PathOf(e.Id), $"{NameOf(e.Id)} ran out of time."),
        },
        SignalReceived e => ("", $"The signal '{e.Name}' came."),
        SignalConsumed e => (PathOf(e.Id), $"{NameOf(e.Id)} took the signal that it waits for."),
        ScopeCancelling e => (PathOf(e.Id), $"{NameOf(e.Id)} is closed from above{(e.Error is { } error ? $": {Words(error)}" : "")}."),
        CompensationPlanned e => (PathOf(e.Id), $"Should it come to that, {NameOf(e.Id)} is undone with {RunFold.Describe((fold.Visits[e.Id].Node as CallNode)?.Compensation).Target ?? "its compensation"}."),
        CompensationStarted e => (PathOf(e.Id), $"{NameOf(e.Id)} is going to end as {StepFold.Word(e.Status)}{(e.Error is { } error ? $" ({Words(error)})" : "")}; what was done below it is undone first, the latest first."),
        StepUnknown e => (PathOf(e.Id), $"Nobody knows what came of attempt {e.Attempt} of {NameOf(e.Id)}."),
        StepAsked e => (PathOf(e.Id), $"{NameOf(e.Id)} waits until somebody says what became of it."),
        StepResolved e => (PathOf(e.Id), $"{e.By} said about {NameOf(e.Id)}: {e.Resolution.ToString().ToLowerInvariant()}."),
        RunRecovered => ("", "A worker was lost, and another one took the run over."),
        CancelRequested e => ("", $"{e.By} asked the run to stop{(e.Reason.Length > 0 ? $": {e.Reason}" : "")}."),
        PauseRequested e => ("", $"{e.By} paused the run."),
        ResumeRequested e => ("", $"{e.By} let the run go on."),
        StepHeld e => (PathOf(e.Id), $"{NameOf(e.Id)} waits {e.WaitMs} ms for its agent, whose rate of {e.Rate} is used up."),
        PlaceWanted e => (PathOf(e.Id), $"{NameOf(e.Id)} queues for its agent, which does {e.Size} at once."),
        ApprovalRequested e when fold.Visits[e.Id].Parent is null => ("", "It is expected to cost more than it may: it begins once somebody has approved that."),
        ApprovalRequested e => (PathOf(e.Id), $"{NameOf(e.Id)} needs the approval '{e.Name}'."),
        ApprovalDecided e when fold.Visits[e.Id].Parent is null => ("", $"{e.By} {(e.Granted ? "approved" : "did not approve")} the run{(e.Reason.Length > 0 ? $": {e.Reason}" : "")}."),
        ApprovalDecided e => (PathOf(e.Id), $"{e.By} {(e.Granted ? "granted" : "refused")} the approval '{e.Name}' of {NameOf(e.Id)}{(e.Reason.Length > 0 ? $": {e.Reason}" : "")}."),
        PlanModified e => ("", $"{e.By} wants the plan changed{(e.Reason.Length > 0 ? $": {e.Reason}" : "")}."),
        PlanGrafted { Node: >= 0 } e => ("", $"What was planned for {(e.Node == 0 ? "the workflow" : $"'{fold.Visits.NameOf(e.Node)}'")} keeps to the rules, and is part of the plan now."),
        PlanGrafted => ("", "The plan was changed."),
        PlanRejected e => (PathOf(e.Id), $"What was planned breaks the rules: {e.Problems.TrimEnd('.')}."),
        PlanRefused e => ("", $"The plan stays as it is: {Words(e.Error)}."),
        RunCompleted e => ("", $"The run completed: {e.Outcome}."),
        RunFailed e => ("", $"The run failed: {Words(e.Error)}."),
        RunCancelled e => ("", $"The run was cancelled{(e.Reason.Length > 0 ? $": {e.Reason}" : "")}."),
        _ => null,
    };

    private string Transition(Transitioned e)
    {
        Visit machine = fold.Visits[e.Machine];
        string to = $"'{fold.Visits.NameOf(e.To)}'";
        string from = machine.Latest is { } latest ? $"'{latest.Name}'" : "";
        switch (e.Rule)
        {
            case TransitionRule.Initial:
                return $"{NameOf(e.Machine)} begins in {to}, its initial state.";
            case TransitionRule.Condition:
                string before = asked.Count > 1 ? $" Before it, {All(asked.SkipLast(1))}." : "";
                string taken = asked.Count > 0 ? Condition(asked[^1]) : $"condition {e.Condition + 1} is true";
                return $"{from} leads to {to} because {taken}.{before}";
            case TransitionRule.OnSuccess:
                return asked.Count > 0
                    ? $"{from} leads to {to}, its 'on_success', because no condition was true: {All(asked)}."
                    : $"{from} succeeded and leads to {to}, its 'on_success'.";
            default:
                return asked is [.., { Error: not null } broken]
                    ? $"{from} leads to {to}, its 'on_error', because {Condition(broken)}."
                    : $"{from} failed and leads to {to}, its 'on_error'{(machine.Latest is { } failed && ErrorOf(failed.Id) is { } error ? $": {Words(error)}" : "")}.";
        }
    }

    private (string Path, string Text)? Entered(NodeEntered e)
    {
        Visit? parent = fold.Visits.Find(e.Parent);
        string name = $"'{fold.Visits.NameOf(e.Node)}'";
        string path = parent is null ? "" : $"{(parent.Path.Length == 0 ? "" : parent.Path + "/")}{fold.Visits.NameOf(e.Node)}#{e.Visit}";
        PlanNode? node = fold.Visits.Definition is { } definition && e.Node < definition.Nodes.Count ? definition.Nodes[e.Node] : null;
        if (node is { IsCompensation: true })
        {
            return (path, $"'{fold.Visits[e.Visit].Name}' is undone with {RunFold.Describe(node).Target}.");
        }

        // Nothing else would say that it waits: there is no time after which it does not.
        string waits = node is WaitNode { Signal: { } signal, For: null, Until: null } ? $" waits for the signal '{signal}'." : "";
        switch (parent?.Node)
        {
            case null or StateMachineNode or WaitForNode:
                return waits.Length > 0 ? (path, name + waits) : null;
            case ForeachNode:
                return (path, $"Item {e.Visit} of '{parent.Name}' begins.");
            case WhileNode or RepeatNode when node is { Ordinal: > 0 }:
                return asked.Count > 0 ? (path, $"'{parent.Name}' is going to have another round because {All(asked)}.") : null;
            case not null when node is { IsRemedy: true }:
                return null;
            case LlmNode plan when node is not null && plan.ConditionOf(node) is not null:
                return (path, $"{name} is taken without asking the model because {All(asked.TakeLast(1))}.{(asked.Count > 1 ? $" Before it, {All(asked.SkipLast(1))}." : "")}");
            case LlmNode when node is { Ordinal: 0 }:
                return (path, $"The model is asked {(e.Visit > 1 ? "once more " : "")}for a plan{(asked.Count > 0 ? $": {All(asked)}" : "")}.");
            case WhileNode:
                return (path, $"Round {e.Visit} of '{parent.Name}' begins{(asked.Count > 0 ? $" because {All(asked)}" : "")}.");
            case GraphNode graph when node is not null:
                string[] waited = [.. graph.Rules[node.Ordinal].DependsOn.Select(d => $"'{graph.Children[d].Id}'")];
                string why = waited.Length == 0 ? "it waits for nothing" : $"{string.Join(", ", waited)} ended";
                return (path, $"{name} starts: {why}{(asked.Count > 0 ? $", and {All(asked)}" : "")}.{(waits.Length > 0 ? " It" + waits : "")}");
            case ConditionalSelectorNode:
                return (path, asked.Count > 0 && asked[^1].Value == "true"
                    ? $"{name} is chosen because {Condition(asked[^1])}.{(asked.Count > 1 ? $" Before it, {All(asked.SkipLast(1))}." : "")}"
                    : $"{name} is chosen, the default{(asked.Count > 0 ? $": {All(asked)}" : "")}.");
            case RepeatNode when e.Visit > 1 || asked.Count > 0:
                return (path, $"Round {e.Visit} of '{parent.Name}' begins{(asked.Count > 0 ? $" because {All(asked)}" : "")}.");
            default:
                return (path, $"{name} begins{(asked.Count > 0 ? $" because {All(asked)}" : "")}.{(waits.Length > 0 ? " It" + waits : "")}");
        }
    }

    private string Skipped(NodeSkipped e)
    {
        string name = $"'{fold.Visits.NameOf(e.Node)}'";
        if (asked.Count > 0)
        {
            return $"{name} is skipped because {All(asked)}.";
        }

        if (fold.Visits[e.Parent].Node is GraphNode graph && fold.Visits.Definition is { } definition && e.Node < definition.Nodes.Count)
        {
            string[] missing = [.. graph.Rules[definition.Nodes[e.Node].Ordinal].DependsOn
                .Select(d => graph.Children[d])
                .Select(n => (n.Id, Status: fold.Skipped.Contains(n.Index) ? "skipped" : fold.Steps.LastOrDefault(s => s.Visit.Parent?.Id == e.Parent && s.Visit.Node == n)?.Status))
                .Where(n => n.Status != "succeeded")
                .Select(n => $"'{n.Id}' {n.Status switch { null => "did not run", "failed" => "failed", var status => $"was {status}" }}")];
            if (missing.Length > 0)
            {
                return $"{name} is skipped because {string.Join(", ", missing)}.";
            }
        }

        return $"{name} is skipped because its graph is coming to an end after a failure.";
    }

    private (string Path, string Text)? Finished(NodeFinished e)
    {
        Visit visit = fold.Visits[e.Id];
        string because = asked.Count > 0 ? $" because {All(asked)}" : "";
        return e.Status switch
        {
            NodeStatus.Succeeded when visit.Parent is null => null,
            NodeStatus.Succeeded when visit.Node is WaitForNode { All: true } => (visit.Path, $"{NameOf(e.Id)} succeeded: everything that it waits for has come."),
            NodeStatus.Succeeded when visit.Node is WaitForNode && fold.Steps.FirstOrDefault(s => s.Visit.Parent == visit && s.Status == "succeeded") is { } first => (visit.Path, $"{NameOf(e.Id)} succeeded: '{first.Visit.Name}' came first."),
            NodeStatus.Succeeded => (visit.Path, $"{NameOf(e.Id)} succeeded{because}."),
            NodeStatus.Failed when visit.Node is ConditionNode => (visit.Path, $"{NameOf(e.Id)} failed{because}."),
            NodeStatus.Failed => (visit.Path, $"{NameOf(e.Id)} failed{(e.Error is { } error ? $": {Words(error)}" : "")}{(because.Length > 0 ? $";{because}" : "")}."),
            _ => (visit.Path, $"{NameOf(e.Id)} was {StepFold.Word(e.Status)}."),
        };
    }

    private string Retry(RetryScheduled e)
    {
        StepFold step = fold.Steps[e.Id];
        string most = step.Visit.Node is CallNode { Retry.MaxAttempts: > 1 and var attempts } ? $" of {attempts}" : "";
        string why = step.Error is { } error ? $"errors of the category '{Contracts.Errors.ErrorCategories.Word(error.Category).ToLowerInvariant()}' are tried again" : "what came of it is unknown, and it may be repeated";
        return $"{NameOf(e.Id)} is tried again at {Time(e.Due)}, attempt {step.Attempts + 1}{most}: {why}.";
    }

    private string Remedied(RemedyStarted e)
    {
        string code = ErrorOf(e.Id) is { } error ? error.Code : "its failure";
        return fold.Visits[e.Id].Node is not CallNode call || e.Remedy >= call.Remedies.Count ? $"{NameOf(e.Id)} has a remedy for {code}."
            : call.Remedies[e.Remedy] is { Call: { } remedy } chosen ? $"{NameOf(e.Id)} has a remedy for {code}: {RunFold.Describe(remedy).Target} is called, and what it gives is the {(chosen.IsAnswer ? "step's output" : "input of another try")}."
            : $"{NameOf(e.Id)} has a remedy for {code}: it is tried again.";
    }

    private static string Ordinal(int number) => $"{number}{(number % 100 is 11 or 12 or 13 ? "th" : (number % 10) switch { 1 => "st", 2 => "nd", 3 => "rd", _ => "th" })}";

    private (string Path, string Text)? Timer(TimerSet e) => fold.Visits[e.Id].Node switch
    {
        _ when fold.Steps[e.Id].Status == "queued" => (PathOf(e.Id), $"{NameOf(e.Id)} waits for its place until {Time(e.Due)} at most."),
        WaitNode { Signal: { } signal } => (PathOf(e.Id), $"{NameOf(e.Id)} waits for the signal '{signal}' until {Time(e.Due)}."),
        WaitNode => (PathOf(e.Id), $"{NameOf(e.Id)} lets time pass until {Time(e.Due)}."),
        CallNode => null,
        _ => (PathOf(e.Id), $"{NameOf(e.Id)} may take until {Time(e.Due)}."),
    };

    private static string All(IEnumerable<AskedCondition> conditions) => string.Join("; ", conditions.Select(Condition));

    private static string Condition(AskedCondition condition)
    {
        string inputs = string.Join(", ", condition.Inputs.Select(i => $"{i.Name} = {i.Value ?? "(not there)"}"));
        string came = condition.Error is { } error ? $"could not be evaluated ({error.TrimEnd('.')})" : $"is {condition.Value}";
        return $"`{condition.Expression}` {came}{(inputs.Length > 0 ? $" with {inputs}" : "")}";
    }

    private StepError? ErrorOf(int visit) => visit < fold.Steps.Count ? fold.Steps[visit].Error : null;

    private string PathOf(int visit) => fold.Visits[visit].Path;

    private string NameOf(int visit) => fold.Visits[visit] is { Parent: null, Node: not null } ? "The workflow" : $"'{fold.Visits[visit].Name}'";

    private static string Words(StepError error) => $"{error.Code}, {error.Message.TrimEnd('.')}";

    private static string Time(long unixMilliseconds) => UnixTime.Of(unixMilliseconds).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
