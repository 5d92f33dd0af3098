using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Costs;

/// <summary>Reads one run's journal as it grows, and tells a book what its steps used and which way it took. Pure.</summary>
public sealed class CostFold(WorkflowDefinition definition)
{
    // A round of a repetition that goes on and on says nothing more about the next one.
    private const int MostRounds = 64;

    private readonly Dictionary<int, Visit> _open = [];
    private readonly Dictionary<int, (PlanNode State, int Visit)> _states = [];
    private long _startedAt;

    /// <summary>The run has ended, well or not.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Input and output tokens so far.</summary>
    public long Tokens { get; private set; }

    public long CostNanoDollars { get; private set; }

    /// <summary>From its start to its latest event.</summary>
    public double Seconds { get; private set; }

    public void Apply(JournalEvent happened, CostBook book)
    {
        Seconds = _startedAt == 0 ? 0 : (happened.At - _startedAt) / 1000.0;
        switch (happened)
        {
            case RunStarted e:
                _startedAt = e.At;
                break;
            case NodeEntered e:
                Enter(e, book);
                break;
            case StepStarted e when _open.TryGetValue(e.Id, out Visit? visit):
                visit.StartedAt = e.At;
                break;
            case StepSucceeded e:
                Tokens += e.InputTokens + e.OutputTokens;
                CostNanoDollars += e.CostNanoDollars;
                Attempt(e.Id, e.At, e.CostNanoDollars, e.InputTokens, e.OutputTokens, book);
                Leave(e.Id, succeeded: true, e.At, book);
                break;
            case StepAnswered { Error: null } e:
                CostNanoDollars += e.CostNanoDollars;
                Attempt(e.Id, e.At, e.CostNanoDollars, 0, 0, book);
                Leave(e.Id, succeeded: true, e.At, book);
                break;
            case StepFailed e:
                CostNanoDollars += e.CostNanoDollars;
                Failure(e.Id, e.At, e.CostNanoDollars, book);
                break;
            case RetryScheduled e when _open.TryGetValue(e.Id, out Visit? visit):
                visit.Each(s => book.Count(s, CostNames.Again));
                break;
            case Transitioned e:
                Go(e, book);
                break;
            case NodeSkipped e:
                Skip(e, book);
                break;
            case NodeFinished e:
                if (e.Status == NodeStatus.Failed && _open.TryGetValue(e.Id, out Visit? failed) && failed.Node is CallNode call && failed.Failures > 0 && failed.Failures < call.Retry.MaxAttempts)
                {
                    // An error that is not tried again; attempts that are used up say nothing of that.
                    failed.Each(s => book.Count(s, CostNames.GivenUp));
                }

                Leave(e.Id, e.Status == NodeStatus.Succeeded, e.At, book, e.Status);
                break;
            case RunCompleted or RunFailed or RunCancelled:
                HasEnded = true;
                break;
        }
    }

    private void Enter(NodeEntered e, CostBook book)
    {
        PlanNode node = definition.Nodes[e.Node];
        string subject = CostNames.Step(definition.Name, node);
        // What undoes something happens only when all is lost; no estimate counts on it.
        if (node.IsCompensation)
        {
            return;
        }

        _open[e.Id] = new Visit(node, e.Parent, e.At, node is CallNode call ? [subject, CostNames.Shared(definition.Name, call)] : [subject]) { StartedAt = e.At };
        if (!_open.TryGetValue(e.Parent, out Visit? parent))
        {
            return;
        }

        parent.Rounds = Math.Max(parent.Rounds, e.Visit);
        switch (parent.Node)
        {
            case StateMachineNode:
                _states[e.Parent] = (node, e.Visit);
                break;
            case GraphNode graph when graph.Rules[node.Ordinal].Condition is not null:
                book.Count(subject, CostNames.Runs);
                break;
            case ConditionalSelectorNode:
                book.Count(CostNames.Step(definition.Name, parent.Node), CostNames.Branch(node.Ordinal));
                break;
        }
    }

    /// <summary>A step was passed over. Only where everything before it went well has its condition said so.</summary>
    private void Skip(NodeSkipped e, CostBook book)
    {
        PlanNode node = definition.Nodes[e.Node];
        if (node.Parent is GraphNode graph && graph.Rules[node.Ordinal] is { Condition: not null } rules
            && _open.TryGetValue(e.Parent, out Visit? scope) && (rules.RunsAfterFailure || rules.DependsOn.All(scope.Succeeded.Contains)))
        {
            book.Count(CostNames.Step(definition.Name, node), CostNames.RunsNot);
        }
    }

    private void Attempt(int id, long at, long cost, long input, long output, CostBook book)
    {
        if (!_open.TryGetValue(id, out Visit? visit))
        {
            return;
        }

        visit.Each(subject =>
        {
            book.Count(subject, CostNames.Succeeded);
            book.Add(subject, CostNames.Seconds, Ln((at - visit.StartedAt) / 1000.0, least: 0.0005));
            Add(book, subject, CostNames.InputTokens, input);
            Add(book, subject, CostNames.OutputTokens, output);
            Add(book, subject, CostNames.Dollars, cost);
        });
    }

    private void Failure(int id, long at, long cost, CostBook book)
    {
        if (_open.TryGetValue(id, out Visit? visit))
        {
            visit.Failures++;
            visit.Each(subject =>
            {
                book.Add(subject, CostNames.FailedSeconds, Ln((at - visit.StartedAt) / 1000.0, least: 0.0005));
                book.Add(subject, CostNames.FailedDollars, cost);
            });
        }
    }

    private void Go(Transitioned e, CostBook book)
    {
        if (e.Rule != TransitionRule.Initial && _states.TryGetValue(e.Machine, out (PlanNode State, int Visit) from))
        {
            // Where a failure leads is no choice.
            bool failed = e.Rule == TransitionRule.OnError && _open.GetValueOrDefault(e.Machine) is { LastFailed: true };
            if (!failed)
            {
                book.Count(CostNames.Step(definition.Name, from.State), CostNames.Go(from.Visit, definition.Nodes[e.To].Ordinal));
            }
        }
    }

    private void Leave(int id, bool succeeded, long at, CostBook book, NodeStatus status = NodeStatus.Succeeded)
    {
        if (!_open.Remove(id, out Visit? visit) || status == NodeStatus.Cancelled)
        {
            return;
        }

        string subject = visit.Subjects[0];
        switch (visit.Node)
        {
            case WaitNode { Signal: not null }:
                book.Count(subject, succeeded ? CostNames.Waited : CostNames.WaitedInVain);
                if (succeeded)
                {
                    book.Add(subject, CostNames.Seconds, Ln((at - visit.EnteredAt) / 1000.0, least: 0.0005));
                }

                break;
            case ParallelNode parallel when parallel.Needed < parallel.Children.Count:
                book.Count(subject, succeeded ? CostNames.Holds : CostNames.HoldsNot);
                book.Add(subject, CostNames.Seconds, Ln((at - visit.EnteredAt) / 1000.0, least: 0.0005));
                break;
            case ConditionNode:
                book.Count(subject, succeeded ? CostNames.Holds : CostNames.HoldsNot);
                break;
            case StateMachineNode machine when status == NodeStatus.Failed && !visit.LastFailed && _states.TryGetValue(id, out (PlanNode State, int Visit) last) && !machine.Rules[last.State.Ordinal].IsFinal:
                // A state that led nowhere.
                book.Count(CostNames.Step(definition.Name, last.State), CostNames.Go(last.Visit, -1));
                break;
            case StateMachineNode or GraphNode or CallNode or CompositeNode or ParallelNode or ConditionalSelectorNode:
                break;
            case { Children.Count: > 0 }:
                book.Count(subject, CostNames.Rounds(Math.Min(visit.Rounds, MostRounds)));
                break;
        }

        if (_open.TryGetValue(visit.Parent, out Visit? parent))
        {
            parent.LastFailed = !succeeded;
            if (succeeded)
            {
                parent.Succeeded.Add(visit.Node.Ordinal);
            }

            if (succeeded && parent.Node is ParallelNode race && race.Needed < race.Children.Count)
            {
                book.Count(subject, CostNames.Won);
            }
        }
    }

    private static void Add(CostBook book, string subject, string measure, long value)
    {
        if (value > 0)
        {
            book.Add(subject, measure, Math.Log(value));
        }
    }

    private static double Ln(double value, double least) => Math.Log(Math.Max(value, least));

    private sealed class Visit(PlanNode node, int parent, long enteredAt, string[] subjects)
    {
        public PlanNode Node => node;

        public int Parent => parent;

        public long EnteredAt => enteredAt;

        /// <summary>The step itself first.</summary>
        public string[] Subjects => subjects;

        public long StartedAt { get; set; }

        public int Failures { get; set; }

        public int Rounds { get; set; }

        public bool LastFailed { get; set; }

        /// <summary>Ordinals of children that succeeded.</summary>
        public HashSet<int> Succeeded { get; } = [];

        public void Each(Action<string> what) => Array.ForEach(subjects, what);
    }
}
