using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.Llm;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Costs;

/// <summary>Reads one run's journal as it grows, and tells a book what its steps used and which way it took. Pure.</summary>
public sealed class CostFold(WorkflowDefinition definition)
{
    private readonly Dictionary<int, Visit> _open = [];
    private readonly Dictionary<int, (PlanNode State, int Visit)> _states = [];
    private WorkflowDefinition? _changed;
    private string? _failed;
    private long _startedAt;

    /// <summary>The run has ended, well or not.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Input and output tokens so far; those of children are on their own record.</summary>
    public long Tokens { get; private set; }

    /// <summary>In 10⁻⁹ dollars so far, with what children cost.</summary>
    public long CostNanoDollars { get; private set; }

    /// <summary>From its start to its latest event.</summary>
    public double Seconds { get; private set; }

    /// <summary>The plan as the run has it now.</summary>
    private WorkflowDefinition Current => _changed ?? definition;

    public void Apply(JournalEvent happened, CostBook book)
    {
        Seconds = _startedAt == 0 ? 0 : (happened.At - _startedAt) / 1000.0;
        if (_failed is { } subject)
        {
            // What undoes a call is planned right after its end, or not at all.
            book.Count(subject, happened is CompensationPlanned ? CostNames.LeftSomething : CostNames.LeftNothing);
            _failed = null;
        }

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
            case PlanGrafted e:
                Change(e);
                break;
            case ItemsListed e when Own(e.Id) is { } each:
                Times(book, CostNames.Step(definition.Name, each), Iterations.CountOf(e.Items) ?? 0);
                break;
            case PlaceRequested e when _open.TryGetValue(e.Id, out Visit? asking):
                asking.StartedAt = e.At;
                break;
            case PlaceGranted e when Own(e.Id) is { Semaphore: not null } queued:
                book.Add(CostNames.Step(definition.Name, queued), CostNames.Queued, Ln((e.At - _open[e.Id].StartedAt) / 1000.0, least: 0.0005));
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
            case RemedyStarted e when _open.TryGetValue(e.Id, out Visit? remedied):
                Remedy(remedied, e.Remedy, book);
                break;
            case RetryScheduled e when _open.TryGetValue(e.Id, out Visit? visit):
                if (!visit.IsRemedied)
                {
                    visit.Each(s => book.Count(s, CostNames.Again));
                }

                visit.IsRemedied = false;
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

                if (e.Status == NodeStatus.Failed && Own(e.Id) is CallNode { Compensation: not null, Effects: Effects.External } undoable)
                {
                    _failed = CostNames.Step(definition.Name, undoable);
                }

                Leave(e.Id, e.Status == NodeStatus.Succeeded, e.At, book, e.Status);
                break;
            case RunCompleted or RunFailed or RunCancelled:
                HasEnded = true;
                break;
        }
    }

    /// <summary>The run's plan is another now: whatever is open stands in it.</summary>
    private void Change(PlanGrafted e)
    {
        _changed = Current.With(new PlanChange(e.Node, e.Text)).Definition ?? throw new IllegalTransitionException("The plan cannot be changed any more as it was.");
        foreach (Visit visit in _open.Values)
        {
            visit.Node = _changed.Nodes[visit.Node.Index];
        }
    }

    /// <summary>The node of an open visit, when the workflow version has it: what a run has put into its own plan says nothing of others'.</summary>
    private PlanNode? Own(int id) => _open.TryGetValue(id, out Visit? visit) && IsOwn(visit.Node) ? visit.Node : null;

    private bool IsOwn(PlanNode node) => node.Index < definition.Nodes.Count;

    private static void Times(CostBook book, string subject, int times)
    {
        if (times <= CostNames.MostTold)
        {
            book.Count(subject, CostNames.Rounds(times));
        }
        else
        {
            book.Add(subject, CostNames.MoreRounds, Math.Log(times));
        }
    }

    private void Enter(NodeEntered e, CostBook book)
    {
        PlanNode node = Current.Nodes[e.Node];
        string subject = CostNames.Step(definition.Name, node);
        string[] subjects = [.. IsOwn(node) ? (string[])[subject] : [], .. node is CallNode call ? (string[])[CostNames.Shared(definition.Name, call)] : []];
        _open[e.Id] = new Visit(node, e.Parent, e.At, subjects) { StartedAt = e.At };
        if (IsAside(node) || !_open.TryGetValue(e.Parent, out Visit? parent))
        {
            return;
        }

        parent.Rounds = Math.Max(parent.Rounds, e.Visit);
        switch (parent.Node)
        {
            case StateMachineNode:
                _states[e.Parent] = (node, e.Visit);
                break;
            case LlmNode planner when IsOwn(planner):
                Plan(planner, parent, node, book);
                break;
            case GraphNode graph when IsOwn(node) && graph.Rules[node.Ordinal].Condition is not null:
                book.Count(subject, CostNames.Runs);
                break;
            case ConditionalSelectorNode when IsOwn(node):
                book.Count(CostNames.Step(definition.Name, parent.Node), CostNames.Branch(node.Ordinal));
                break;
        }
    }

    /// <summary>What undoes or helps a step is entered below its scope without being a part of it.</summary>
    private static bool IsAside(PlanNode node) => node.IsCompensation || node.IsRemedy;

    /// <summary>A failure that is remedied does not count against the step's retries.</summary>
    private void Remedy(Visit visit, int remedy, CostBook book)
    {
        visit.Failures--;
        visit.IsRemedied = true;
        if (IsOwn(visit.Node))
        {
            book.Count(visit.Subjects[0], CostNames.Remedied(remedy));
        }
    }

    /// <summary>What a model's planner does next says what became of its latest step.</summary>
    private void Plan(LlmNode planner, Visit visit, PlanNode next, CostBook book)
    {
        string subject = CostNames.Step(definition.Name, planner);
        Judge(planner, visit, isTaken: planner.IsPlan(next), isGood: false, book);
        if (visit.Latest is null && planner.Conditions.Count > 0)
        {
            book.Count(subject, CostNames.Branch(planner.BranchOf(next)));
        }

        visit.Latest = next;
    }

    private void Judge(LlmNode planner, Visit visit, bool isTaken, bool isGood, CostBook book)
    {
        string subject = CostNames.Step(definition.Name, planner);
        if (visit.Latest is { } plan && planner.IsPlan(plan))
        {
            book.Count(subject, isGood ? CostNames.PlanGood : CostNames.PlanBad);
        }
        else if (visit.Latest is { } asking && planner.IsAsking(asking) && !visit.LastFailed)
        {
            book.Count(subject, isTaken ? CostNames.PlanTaken : CostNames.PlanRefused);
        }
    }

    /// <summary>The plan of a model around a visit, or the visit itself; <see langword="null"/>: there is none.</summary>
    private Visit? PlanAround(Visit visit)
    {
        for (Visit inner = visit; _open.TryGetValue(inner.Parent, out Visit? outer); inner = outer)
        {
            if (outer.Node is LlmNode planner && planner.IsPlan(inner.Node))
            {
                return inner;
            }
        }

        return null;
    }

    /// <summary>What a whole plan has used, for the planner that it was made for.</summary>
    private void EndPlan(Visit plan, long at, CostBook book)
    {
        if (Own(plan.Parent) is LlmNode planner && planner.IsPlan(plan.Node))
        {
            string subject = CostNames.Step(definition.Name, planner);
            book.Add(subject, CostNames.PlanSeconds, Ln((at - plan.EnteredAt) / 1000.0, least: 0.0005));
            Add(book, subject, CostNames.PlanTokens, plan.Tokens);
            Add(book, subject, CostNames.PlanDollars, plan.Cost);
        }
    }

    /// <summary>A step was passed over. Only where everything before it went well has its condition said so.</summary>
    private void Skip(NodeSkipped e, CostBook book)
    {
        PlanNode node = Current.Nodes[e.Node];
        if (IsOwn(node) && node.Parent is GraphNode graph && graph.Rules[node.Ordinal] is { Condition: not null } rules
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

        if (PlanAround(visit) is { } plan)
        {
            plan.Tokens += input + output;
            plan.Cost += cost;
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
            if (PlanAround(visit) is { } plan)
            {
                plan.Cost += cost;
            }

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
            if (!failed && IsOwn(from.State) && e.To < definition.Nodes.Count)
            {
                // As the version numbers its states, whatever the run has put between them.
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

        EndPlan(visit, at, book);
        if (IsOwn(visit.Node))
        {
            LearnEnd(id, visit, succeeded, at, book);
        }

        if (!IsAside(visit.Node) && _open.TryGetValue(visit.Parent, out Visit? parent))
        {
            parent.LastFailed = !succeeded;
            if (succeeded)
            {
                parent.Succeeded.Add(visit.Node.Ordinal);
            }

            if (succeeded && IsOwn(visit.Node) && parent.Node is ParallelNode race && race.Needed < race.Children.Count)
            {
                book.Count(visit.Subjects[0], CostNames.Won);
            }
        }
    }

    private void LearnEnd(int id, Visit visit, bool succeeded, long at, CostBook book)
    {
        string subject = visit.Subjects[0];
        switch (visit.Node)
        {
            case WaitNode { Signal: null, Until: null }:
                break;
            case WaitNode or WaitForNode or BarrierNode:
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
            case StateMachineNode machine when !succeeded && !visit.LastFailed && _states.TryGetValue(id, out (PlanNode State, int Visit) last) && IsOwn(last.State) && !((StateMachineNode)definition.Nodes[machine.Index]).Rules[last.State.Ordinal].IsFinal:
                // A state that led nowhere.
                book.Count(CostNames.Step(definition.Name, last.State), CostNames.Go(last.Visit, -1));
                break;
            case RepeatNode or WhileNode:
                Times(book, subject, visit.Rounds);
                break;
            case LlmNode planner:
                Judge(planner, visit, isTaken: false, isGood: succeeded, book);
                break;
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
        public PlanNode Node { get; set; } = node;

        public int Parent => parent;

        public long EnteredAt => enteredAt;

        /// <summary>The step itself first, unless the run has put it into its own plan.</summary>
        public string[] Subjects => subjects;

        public long StartedAt { get; set; }

        /// <summary>Attempts that failed without a remedy.</summary>
        public int Failures { get; set; }

        /// <summary>A remedy is at work: the next attempt is due to it.</summary>
        public bool IsRemedied { get; set; }

        public int Rounds { get; set; }

        public bool LastFailed { get; set; }

        /// <summary>The child that was entered last, of a model's planner.</summary>
        public PlanNode? Latest { get; set; }

        /// <summary>Of a model's plan: input and output tokens of its steps.</summary>
        public long Tokens { get; set; }

        /// <summary>The same in 10⁻⁹ dollars.</summary>
        public long Cost { get; set; }

        /// <summary>Ordinals of children that succeeded.</summary>
        public HashSet<int> Succeeded { get; } = [];

        public void Each(Action<string> what) => Array.ForEach(subjects, what);
    }
}
