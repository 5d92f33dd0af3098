using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.Llm;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Server.Features.Runs;

/// <summary>The plan of a run: its workflow version's tree, and how far each node has come.</summary>
/// <param name="Revision">How many times the run has changed its plan.</param>
public sealed record PlanView(string RunId, string Workflow, string Version, string Planner, int Revision, PlanNodeView Root)
{
    internal static PlanView Of(RunRow row, WorkflowDefinition definition, RunFold fold)
    {
        ILookup<int, StepFold> visits = fold.Steps.Where(s => s.Visit.Node is not null).ToLookup(s => s.Visit.Node!.Index);
        WorkflowDefinition plan = fold.Visits.Definition ?? definition;
        return new PlanView(row.Run.ToString(), row.Workflow, row.Version, plan.Planner, plan.Changes.Count, Node(plan.Root, "", visits, fold.Skipped));
    }

    /// <summary>The word for a node's kind.</summary>
    internal static string KindOf(PlanNode? node) => node switch
    {
        StateMachineNode => "state_machine",
        GraphNode => "graph",
        SelectorNode => "selector",
        SequenceNode => "sequence",
        ParallelNode => "parallel",
        ConditionalSelectorNode => "conditional_selector",
        InvertNode => "invert",
        RepeatNode { IsRetry: true } => "retry",
        RepeatNode => "repeat",
        TimeoutNode => "timeout",
        ForeachNode => "foreach",
        WhileNode => "while",
        WaitForNode { All: true } => "wait_for_all",
        WaitForNode => "wait_for_any",
        LlmNode => "llm",
        _ => RunFold.Describe(node).Kind,
    };

    private static PlanNodeView Node(PlanNode node, string path, ILookup<int, StepFold> visits, HashSet<int> skipped)
    {
        StepFold? latest = visits[node.Index].LastOrDefault();
        StateRules? state = node.Parent is StateMachineNode machine ? machine.Rules[node.Ordinal] : null;
        StepRules? step = node.Parent is GraphNode graph ? graph.Rules[node.Ordinal] : null;
        string? NameOf(int? sibling) => sibling is { } ordinal ? node.Parent!.Children[ordinal].Id : null;
        return new PlanNodeView
        {
            Id = node.Id,
            Path = path,
            Kind = KindOf(node),
            Target = node.Children.Count == 0 ? RunFold.Describe(node).Target : null,
            Status = latest?.Status ?? (skipped.Contains(node.Index) ? "skipped" : "pending"),
            Visits = visits[node.Index].Count(),
            Attempts = latest?.Attempts ?? 0,
            Initial = node is StateMachineNode own ? own.Children[own.Initial].Id : null,
            Transitions = state is { Transitions.Count: > 0 } ? [.. state.Transitions.Select(t => new TransitionView(t.Condition.Source, NameOf(t.Target)!))] : null,
            OnSuccess = NameOf(state?.OnSuccess),
            OnError = NameOf(state?.OnError),
            Final = state?.IsFinal,
            Outcome = state?.Outcome,
            DependsOn = step is null ? null : [.. step.DependsOn.Select(d => NameOf(d)!)],
            Condition = step?.Condition?.Source ?? (node as ConditionNode)?.Condition.Source ?? (node.Parent as ConditionalSelectorNode)?.Conditions[node.Ordinal]?.Source ?? (node.Parent as LlmNode)?.ConditionOf(node)?.Source,
            Signal = (node as WaitNode)?.Signal,
            TimeoutMs = node.Timeout is { } timeout ? (long)timeout.TotalMilliseconds : null,
            Children = [.. node.Children.Select(c => Node(c, path.Length == 0 ? c.Id : $"{path}/{c.Id}", visits, skipped))],
        };
    }
}

/// <summary>One node of a plan.</summary>
public sealed record PlanNodeView
{
    public required string Id { get; init; }

    /// <summary>The ids from below the root to here, joined by <c>/</c>; empty for the root.</summary>
    public required string Path { get; init; }

    /// <summary><c>state_machine</c>, <c>graph</c>, <c>selector</c>, <c>sequence</c>, <c>parallel</c>, <c>conditional_selector</c>, <c>condition</c>, <c>invert</c>, <c>retry</c>, <c>repeat</c>, <c>timeout</c>, <c>foreach</c>, <c>while</c>, <c>wait_for_any</c>, <c>wait_for_all</c>, <c>llm</c>, <c>agent</c>, <c>tool</c>, <c>wait</c> or <c>pass</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The agent's or tool's id, or the awaited signal's name.</summary>
    public string? Target { get; init; }

    /// <summary>Of the latest visit; <c>pending</c> before the first, <c>skipped</c> when a graph passed it over.</summary>
    public required string Status { get; init; }

    public required int Visits { get; init; }

    /// <summary>Of the latest visit.</summary>
    public required int Attempts { get; init; }

    /// <summary>A state machine's first state.</summary>
    public string? Initial { get; init; }

    /// <summary>A state's conditional ways on, in order.</summary>
    public IReadOnlyList<TransitionView>? Transitions { get; init; }

    public string? OnSuccess { get; init; }

    public string? OnError { get; init; }

    /// <summary>Whether a state ends its machine.</summary>
    public bool? Final { get; init; }

    public string? Outcome { get; init; }

    /// <summary>A graph step's predecessors.</summary>
    public IReadOnlyList<string>? DependsOn { get; init; }

    /// <summary>Of a graph step, of a condition in a tree, or of a branch.</summary>
    public string? Condition { get; init; }

    /// <summary>What a wait waits for.</summary>
    public string? Signal { get; init; }

    public long? TimeoutMs { get; init; }

    public required IReadOnlyList<PlanNodeView> Children { get; init; }
}

/// <param name="Condition">CEL.</param>
public sealed record TransitionView(string Condition, string Target);
