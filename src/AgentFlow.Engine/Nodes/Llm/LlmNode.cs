using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Planning;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Nodes.Llm;

/// <summary>
/// A scope whose plan a model makes. The first branch whose condition is true is taken without asking; otherwise the model is asked
/// by a step, its answer is checked, and what keeps to the rules becomes a graph below this node. What does not goes back to the
/// model once, with what is wrong with it, and then to the fallback.
/// </summary>
public sealed class LlmNode : PlanNode
{
    private const int Ask = 0;

    private readonly int _escalation;
    private readonly int _branches;
    private readonly int _fallback;
    private readonly int _own;
    private readonly CelExpression[] _conditions;

    /// <param name="ask">Asks the model.</param>
    /// <param name="escalation">Asks the other model, where replanning has one.</param>
    /// <param name="branches">Tried in order before anybody is asked.</param>
    /// <param name="fallback">What runs when there is no plan to follow, unless that is said in a word.</param>
    /// <param name="plans">The plans that the run has had so far.</param>
    public LlmNode(
        CallNode ask, CallNode? escalation, IReadOnlyList<(CelExpression Condition, PlanNode Body)> branches, PlanNode? fallback, IReadOnlyList<PlanNode> plans)
    {
        PlanNode[] own = [ask, .. escalation is null ? (PlanNode[])[] : [escalation], .. branches.Select(b => b.Body), .. fallback is null ? (PlanNode[])[] : [fallback]];
        Children = [.. own, .. plans];
        _own = own.Length;
        _escalation = escalation is null ? -1 : Ask + 1;
        _branches = escalation is null ? Ask + 1 : Ask + 2;
        _fallback = fallback is null ? -1 : own.Length - 1;
        _conditions = [.. branches.Select(b => b.Condition)];
    }

    /// <summary>What is to be reached, in words.</summary>
    public required ValueTemplate Goal { get; init; }

    public required PlanModel Model { get; init; }

    public required PlanRules Rules { get; init; }

    /// <summary>What the workflow says about each skill beside its name, by the skill's id: keys of a step.</summary>
    public required IReadOnlyDictionary<string, PlanCall> Calls { get; init; }

    /// <summary>How long one plan may take; <see langword="null"/> is no limit.</summary>
    public TimeSpan? MaxLatency { get; init; }

    /// <summary>A refused answer goes back to the model once.</summary>
    public bool Repairs { get; init; } = true;

    /// <summary>Somebody is asked when there is no plan to follow.</summary>
    public bool FallsBackToHuman { get; init; }

    /// <summary>What has to be true of the output of a plan; <see langword="null"/> takes every output.</summary>
    public CelExpression? Quality { get; init; }

    /// <summary>When a plan is replaced; <see langword="null"/>: never.</summary>
    public ReplanRules? Replan { get; init; }

    /// <summary>Conditions of the branches, in order.</summary>
    public IReadOnlyList<CelExpression> Conditions => _conditions;

    /// <summary>Asks the model.</summary>
    internal PlanNode Asking => Children[Ask];

    /// <summary>Asks the other model; <see langword="null"/>: there is none.</summary>
    internal PlanNode? AskingEscalated => _escalation < 0 ? null : Children[_escalation];

    /// <summary>What runs when there is no plan to follow; <see langword="null"/>: no node does.</summary>
    internal PlanNode? Fallback => _fallback < 0 ? null : Children[_fallback];

    /// <summary>The plans that the run has had so far, oldest first.</summary>
    internal IEnumerable<PlanNode> Plans => Children.Skip(_own);

    /// <summary>Which branch a child is, from 0; what is none gets the number of branches.</summary>
    internal int BranchOf(PlanNode child) => child.Ordinal >= _branches && child.Ordinal < _branches + _conditions.Length ? child.Ordinal - _branches : _conditions.Length;

    internal PlanNode Branch(int index) => Children[_branches + index];

    internal bool IsPlan(PlanNode child) => child.Ordinal >= _own;

    internal bool IsAsking(PlanNode child) => child.Ordinal == Ask || child.Ordinal == _escalation;

    /// <summary>The condition that leads to a child, where it is a branch.</summary>
    public CelExpression? ConditionOf(PlanNode child) =>
        child.Ordinal >= _branches && child.Ordinal < _branches + _conditions.Length ? _conditions[child.Ordinal - _branches] : null;

    public override string? AwaitedSignal => Replan?.Signal;

    internal override void Start(RunMachine machine, NodeRun self)
    {
        for (int i = 0; i < _conditions.Length; i++)
        {
            bool isTaken = ConditionNode.Evaluate(machine, machine.VariablesFor(self), _conditions[i], $"Condition '{_conditions[i].Source}' of '{Id}'", out StepError? error);
            if (error is not null)
            {
                machine.Fail(self, error);
                return;
            }

            if (isTaken)
            {
                machine.Enter(Children[_branches + i], self);
                return;
            }
        }

        if (GoalOf(machine, self) is { } goal)
        {
            AskModel(machine, self, Ask, new PlanAsk(goal));
        }
    }

    internal override void ChildEnded(RunMachine machine, NodeRun self, NodeRun child)
    {
        int ordinal = child.Node.Ordinal;
        if (ordinal >= _own)
        {
            AfterPlan(machine, self, child);
        }
        else if (ordinal == Ask || ordinal == _escalation)
        {
            AfterAsking(machine, self, child);
        }
        else
        {
            CompositeNode.EndAs(machine, self, child);
        }
    }

    /// <summary>An event from outside makes the running plan out of date: it is closed, and another one follows.</summary>
    internal override void SignalArrived(RunMachine machine, NodeRun self)
    {
        if (Replan is not { Signal: { } name } || machine.State.Signals.Find(s => s.Name == name) is not { } signal)
        {
            return;
        }

        NodeRun? plan = machine.OpenChildren(self).Find(c => c.Node.Ordinal >= _own);
        if (plan is { Closing: null, Compensating: null } && MayReplan(self, ReplanReason.Event))
        {
            machine.Emit(new SignalConsumed(self.Id));
            string payload = signal.Payload.ToString();
            machine.Close(plan, NodeStatus.Cancelled, new StepError(
                ErrorCode.PlanSuperseded.Code, ErrorCategory.Permanent, $"Signal '{name}' came: {(payload.Length <= 1000 ? payload : payload[..1000] + "…")}"));
        }
    }

    private void AfterAsking(RunMachine machine, NodeRun self, NodeRun child)
    {
        var ask = PlanAsk.Of(child.Input!.Utf8);
        if (child.Ended != NodeStatus.Succeeded)
        {
            StepError failure = CompositeNode.Failure(child);
            if (ask.ByHuman)
            {
                machine.Fail(self, failure);
            }
            else
            {
                FallBack(machine, self, ask, failure);
            }

            return;
        }

        string answer = PlanModel.AnswerOf(child.Output!);
        PlanCheck check = Rules.Check(answer, ask.Bounds with { BudgetNanoDollars = BudgetLeft(machine.State) });
        if (!check.IsValid)
        {
            Reject(machine, self, child, ask, answer, check.Problems);
            return;
        }

        string text = PlanText.Of(check.Steps, ask.Kept, Calls, MaxLatency);
        if (machine.TryGraft(self, text, out IReadOnlyList<Diagnostic> diagnostics) is { } plan)
        {
            machine.Enter(plan, self);
            self.Node.SignalArrived(machine, self);
        }
        else
        {
            Reject(machine, self, child, ask, answer, [.. diagnostics.Where(d => d.IsError).Select(d => $"{d.Message} {d.Remedy}").Take(20)]);
        }
    }

    private void Reject(RunMachine machine, NodeRun self, NodeRun child, PlanAsk ask, string answer, IReadOnlyList<string> problems)
    {
        machine.Emit(new PlanRejected(child.Id, string.Join('\n', problems)));
        PlanAsk again = ask with { Rejected = answer.Length <= PlanRules.MaxAnswerBytes ? answer : answer[..PlanRules.MaxAnswerBytes], Problems = problems };
        if (ask.ByHuman)
        {
            AskSomebody(machine, self, again);
        }
        else if (Repairs && ask.Rejected is null)
        {
            AskModel(machine, self, child.Node.Ordinal, again);
        }
        else
        {
            FallBack(machine, self, again, new StepError(
                ErrorCode.PlanInvalid.Code, ErrorCategory.Permanent, $"The model gave no plan that '{Id}' may follow: {string.Join(" ", problems.Take(3))}"));
        }
    }

    private void AfterPlan(RunMachine machine, NodeRun self, NodeRun plan)
    {
        StepError? failure = plan.Ended == NodeStatus.Succeeded ? null : CompositeNode.Failure(plan);
        ReplanReason reason = failure?.Code switch
        {
            null => ReplanReason.Quality,
            { } code when code == ErrorCode.PlanSuperseded.Code => ReplanReason.Event,
            { } code when code == ErrorCode.BudgetExceeded.Code => ReplanReason.Budget,
            _ => ReplanReason.StepFailure,
        };
        if (failure is null && Quality is { } quality)
        {
            bool isGood = ConditionNode.Evaluate(machine, machine.Variables(self), quality, $"The quality gate '{quality.Source}' of '{Id}'", out failure);
            if (!isGood)
            {
                failure ??= new StepError(ErrorCode.PlanQuality.Code, ErrorCategory.Permanent, $"The output of the plan does not pass '{quality.Source}'.");
            }
        }

        bool isFirst = Followed(self) == 1;
        Payload? answered = AnswerOf(self, isFirst);
        if (failure is null)
        {
            machine.Tell(new PlanEnd(this, answered, isFirst, Succeeded: true, Replacement: null));
            machine.Succeed(self, OutputOf(plan) ?? plan.Output);
            return;
        }

        PlanAsk? ask = GoalOf(machine, self) is { } goal ? new PlanAsk(goal) : null;
        if (ask is null)
        {
            return;
        }

        ask = ask with
        {
            Replan = Followed(self),
            Reason = reason,
            Strategy = Replan?.Strategy ?? ReplanStrategy.Adaptive,
            Failure = failure,
            Old = StepsOf(answered),
            Kept = Kept(plan),
        };
        bool isReplaced = MayReplan(self, reason);
        machine.Tell(new PlanEnd(this, answered, isFirst, Succeeded: false, isReplaced ? ask : null));
        if (!isReplaced)
        {
            FallBack(machine, self, ask, failure);
        }
        else if (ask.Strategy == ReplanStrategy.Human)
        {
            AskSomebody(machine, self, ask);
        }
        else
        {
            AskModel(machine, self, ask.Strategy == ReplanStrategy.Escalation ? _escalation : Ask, ask);
        }
    }

    private bool MayReplan(NodeRun self, ReplanReason reason) => Replan is { } replan && replan.On.Contains(reason) && Followed(self) <= replan.Max;

    /// <summary>Plans that this visit has followed. The node may have more: from visits before, or one that it followed twice.</summary>
    private int Followed(NodeRun self) => self.Scope!.Visits.AsSpan(_own).ToArray().Sum();

    private void FallBack(RunMachine machine, NodeRun self, PlanAsk ask, StepError error)
    {
        if (_fallback >= 0)
        {
            machine.Enter(Children[_fallback], self);
        }
        else if (FallsBackToHuman)
        {
            AskSomebody(machine, self, ask);
        }
        else
        {
            machine.Fail(self, error);
        }
    }

    private void AskModel(RunMachine machine, NodeRun self, int ordinal, PlanAsk ask)
    {
        if (Prepare(machine, self, ordinal, ask) is var (node, input))
        {
            machine.Schedule(node, input);
        }
    }

    /// <summary>The asking step waits for whoever resolves it: with a plan, with another try of the model, or not at all.</summary>
    private void AskSomebody(RunMachine machine, NodeRun self, PlanAsk ask)
    {
        if (Prepare(machine, self, Ask, ask with { ByHuman = true }) is var (node, input))
        {
            machine.Emit(new StepScheduled(node.Id, input));
            machine.Emit(new StepAsked(node.Id));
        }
    }

    private (NodeRun Node, Payload Input)? Prepare(RunMachine machine, NodeRun self, int ordinal, PlanAsk ask)
    {
        var input = new Payload((ask with { InputNames = InputNames(machine.State), BudgetNanoDollars = BudgetLeft(machine.State) }).ToJson());
        if (input.Utf8.Length <= Payload.MaxLength)
        {
            return (machine.EnterOnly(Children[ordinal], self), input);
        }

        machine.Fail(self, new StepError(
            ErrorCode.ResultTooLarge.Code, ErrorCategory.Permanent, $"What '{Id}' would ask with has {input.Utf8.Length} bytes; a value has at most {Payload.MaxLength}."));
        return null;
    }

    private string? GoalOf(RunMachine machine, NodeRun self)
    {
        Payload? goal = Goal.Render(machine.VariablesFor(self), out string? problem);
        if (goal is null)
        {
            machine.Fail(self, ExpressionError($"The goal of '{Id}' cannot be computed: {problem}"));
            return null;
        }

        return goal.Value.Kind == CelKind.String ? goal.Value.AsString() : goal.ToString();
    }

    private static string[] InputNames(RunState state)
    {
        using var input = JsonDocument.Parse(state.Started!.Input.Utf8, new JsonDocumentOptions { MaxDepth = 256 });
        return input.RootElement.ValueKind == JsonValueKind.Object ? [.. input.RootElement.EnumerateObject().Select(p => p.Name).Take(100)] : [];
    }

    private static long? BudgetLeft(RunState state) => state.Definition.Policies is { MaxBudgetNanoDollars: { } limit, OnExceed: OnExceed.Fail }
        ? limit - state.SpentNanoDollars - state.ReservedNanoDollars
        : null;

    /// <summary>What the plan gave: the outputs of its own last steps, without what was kept for it; <see langword="null"/> when that is too long.</summary>
    private static Payload? OutputOf(NodeRun plan)
    {
        var graph = (GraphNode)plan.Node;
        HashSet<int> waitedFor = [.. graph.Rules.SelectMany(r => r.DependsOn)];
        return RunMachine.Collect(plan, [.. graph.Children.Where(c => c is not PassNode && !waitedFor.Contains(c.Ordinal)).Select(c => c.Ordinal)]);
    }

    /// <summary>What was done and stays done: a step that the failing plan has undone has to be done again.</summary>
    private static Dictionary<string, JsonElement> Kept(NodeRun plan)
    {
        var kept = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (PlanNode step in plan.Node.Children.Where(s => s is not CallNode { Compensation: not null }))
        {
            if (plan.Scope!.Statuses[step.Ordinal] == NodeStatus.Succeeded && plan.Scope.Outputs[step.Ordinal] is { } output)
            {
                using var document = JsonDocument.Parse(output.Utf8, new JsonDocumentOptions { MaxDepth = 256 });
                kept.Add(step.Id, document.RootElement.Clone());
            }
        }

        return kept;
    }

    private Payload? AnswerOf(NodeRun self, bool isFirst) =>
        self.Scope!.Outputs[!isFirst && Replan?.Strategy == ReplanStrategy.Escalation ? _escalation : Ask];

    private static JsonElement StepsOf(Payload? answered)
    {
        if (answered is null)
        {
            return JsonElement.Parse("[]");
        }

        using var document = JsonDocument.Parse(PlanModel.AnswerOf(answered), new JsonDocumentOptions { MaxDepth = 256 });
        return document.RootElement.GetProperty("steps").Clone();
    }
}

/// <summary>When and how a plan is replaced by another one.</summary>
/// <param name="Max">Replacements of one visit, from 1.</param>
public sealed record ReplanRules(IReadOnlySet<ReplanReason> On, ReplanStrategy Strategy, int Max)
{
    /// <summary>The signal that makes a plan out of date.</summary>
    public string? Signal { get; init; }
}

/// <summary>What came of a plan.</summary>
/// <param name="Answer">Output of the step that asked for it.</param>
/// <param name="IsFirst">It did not replace another one.</param>
/// <param name="Replacement">How it is replaced, if it is.</param>
internal sealed record PlanEnd(LlmNode Node, Payload? Answer, bool IsFirst, bool Succeeded, PlanAsk? Replacement);
