using System.Globalization;
using System.Text;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.Llm;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Planning;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Definitions.Drawing;

/// <summary>
/// A definition as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html): solid arrows for what follows success,
/// dotted ones for failures and for what undoes a step. The same definition always gives the same text.
/// </summary>
public sealed class MermaidFlowchart
{
    private const int LongestLabel = 120;

    private readonly StringBuilder _text = new("flowchart TD\n");
    private int _depth = 1;

    private MermaidFlowchart()
    {
    }

    public static string Of(WorkflowDefinition definition)
    {
        ArgumentNullException.ThrowIfNull(definition);
        var chart = new MermaidFlowchart();
        chart.DrawInside(definition.Root, isRoot: true);
        return chart._text.ToString();
    }

    private void Draw(PlanNode node)
    {
        if (node.Children.Count == 0)
        {
            DrawLeaf(node);
        }
        else if (IsTree(node))
        {
            DrawTree(node);
        }
        else
        {
            Line($"subgraph {Name(node)}[{Label(node.Id, KindOf(node), Permits(node))}]");
            _depth++;
            DrawInside(node, isRoot: false);
            _depth--;
            Line("end");
        }
    }

    private void DrawInside(PlanNode node, bool isRoot)
    {
        switch (node)
        {
            case StateMachineNode machine:
                DrawMachine(machine, isRoot);
                break;
            case GraphNode graph:
                DrawGraph(graph);
                break;
            case TimeoutNode { Children: [var tree] } when isRoot || !IsTree(node):
                Line($"s{node.Index}(( ))");
                Draw(tree);
                Line($"s{node.Index} --> {Name(tree)}");
                break;
            case LlmNode plan:
                DrawModelPlan(plan);
                break;
            default:
                foreach (PlanNode child in node.Children)
                {
                    Draw(child);
                }

                break;
        }
    }

    // What the model plans is not known before it has; its branches are, and so is who is asked.
    private void DrawModelPlan(LlmNode plan)
    {
        Line($"s{plan.Index}(( ))");
        foreach (PlanNode child in plan.Children)
        {
            Draw(child);
            Line(plan.ConditionOf(child) is { } condition ? $"s{plan.Index} -->|{Label(condition.Source)}| {Name(child)}" : $"s{plan.Index} {(child.Ordinal == 0 ? "-->" : "-.->")} {Name(child)}");
        }
    }

    private void DrawMachine(StateMachineNode machine, bool isRoot)
    {
        foreach (PlanNode state in machine.Children)
        {
            Draw(state);
        }

        Line($"s{machine.Index}(( )) --> {Name(machine.Children[machine.Initial])}");
        for (int i = 0; i < machine.Children.Count; i++)
        {
            PlanNode state = machine.Children[i];
            StateRules rules = machine.Rules[i];
            foreach (ConditionalTransition transition in rules.Transitions)
            {
                Line($"{Name(state)} -->|{Label(transition.Condition.Source)}| {Name(machine.Children[transition.Target])}");
            }

            if (rules.OnSuccess is { } next)
            {
                Line($"{Name(state)} -->{(rules.Transitions.Count > 0 ? $"|{Label("otherwise")}|" : "")} {Name(machine.Children[next])}");
            }

            if (rules.OnError is { } handler)
            {
                Line($"{Name(state)} -.->|{Label("error")}| {Name(machine.Children[handler])}");
            }

            if (rules.IsFinal)
            {
                Line($"{Name(state)} --> e{state.Index}((({(isRoot ? Label(rules.Outcome ?? state.Id) : Label(" "))})))");
            }
        }
    }

    private void DrawGraph(GraphNode graph)
    {
        for (int i = 0; i < graph.Children.Count; i++)
        {
            Draw(graph.Children[i]);
        }

        for (int i = 0; i < graph.Children.Count; i++)
        {
            StepRules rules = graph.Rules[i];
            string step = Name(graph.Children[i]);
            string entered = step;
            if (rules.Condition is { } condition)
            {
                // Asked before the step, once everything that it waits for has ended.
                entered = $"q{graph.Children[i].Index}";
                Line($"{entered}{{{Label(condition.Source)}}} -->|{Label("true")}| {step}");
            }

            foreach (int dependency in rules.DependsOn)
            {
                Line($"{Name(graph.Children[dependency])} --> {entered}");
            }
        }
    }

    // Behaviour trees are drawn as the trees that they are, decorators included.
    private static bool IsTree(PlanNode node) =>
        node is CompositeNode or ParallelNode or ConditionalSelectorNode or RepeatNode or InvertNode || (node is TimeoutNode && node.Parent is not (null or StateMachineNode or GraphNode));

    private void DrawTree(PlanNode node)
    {
        Line($"{Name(node)}[/{Label(node.Id, KindOf(node))}\\]");
        IReadOnlyList<CelExpression?>? conditions = (node as ConditionalSelectorNode)?.Conditions;
        for (int i = 0; i < node.Children.Count; i++)
        {
            // The pause between two rounds stands in the decorator's label.
            if (node is RepeatNode && i > 0)
            {
                continue;
            }

            Draw(node.Children[i]);
            string order = conditions is not null ? conditions[i]?.Source ?? "default" : (i + 1).ToString(CultureInfo.InvariantCulture);
            bool isOrdered = conditions is not null || node is CompositeNode;
            Line($"{Name(node)} -->{(isOrdered ? $"|{Label(order)}|" : "")} {Name(node.Children[i])}");
        }
    }

    private void DrawLeaf(PlanNode node)
    {
        switch (node)
        {
            case CallNode call:
                Line($"{Name(call)}[{Label(call.Id, Target(call), Tries(call), Permits(call))}]");
                if (call.Compensation is { } undo)
                {
                    Line($"{Name(call)} -.->|{Label("undo")}| {Name(undo)}>{Label(Target(undo))}]");
                }

                foreach (Remedy remedy in call.Remedies)
                {
                    string codes = string.Join(", ", remedy.On);
                    Line(remedy.Call is { } cure
                        ? $"{Name(call)} -.->|{Label(codes)}| {Name(cure)}>{Label(Target(cure), remedy.IsAnswer ? "" : "then again")}]"
                        : $"{Name(call)} -.->|{Label(codes, "again")}| {Name(call)}");
                }

                break;
            case WaitNode wait:
                string limit = wait.For is { } time ? DurationText.Of(time) : wait.Until is { } moment ? $"until {moment.Source}" : "";
                Line($"{Name(wait)}{{{{{Label(wait.Id, wait.Signal is null ? $"wait {limit}" : $"wait for {wait.Signal}", wait.Signal is null || limit.Length == 0 ? "" : wait.For is null ? limit : $"at most {limit}")}}}}}");
                break;
            case BarrierNode barrier:
                Line($"{Name(barrier)}{{{{{Label(barrier.Id, $"barrier {barrier.Barrier.Name}", $"{barrier.Barrier.Size} parties", Permits(barrier))}}}}}");
                break;
            case ConditionNode condition:
                Line($"{Name(condition)}{{{Label(condition.Condition.Source)}}}");
                break;
            default:
                Line($"{Name(node)}({Label(node.Id)})");
                break;
        }
    }

    private static string Target(CallNode call) =>
        call.Agent is { } agent ? $"agent {agent}"
        : call.Child is { } child ? $"workflow {child.Workflow} {child.Versions}"
        : call.Tool is HumanTaskTool ? "a person"
        : call.Tool is PlanModel ? "a model"
        : call.Tool.Contract.Id;

    private static string Permits(PlanNode node) => node.Semaphore is { } semaphore ? $"semaphore {semaphore.Name}, {semaphore.Size} at once" : "";

    private static string Tries(CallNode call) => call.Retry.MaxAttempts > 1 && call.Tool is not HumanTaskTool ? $"up to {call.Retry.MaxAttempts} attempts" : "";

    private static string KindOf(PlanNode node) => node switch
    {
        StateMachineNode => "state machine",
        LlmNode => "plan of a model",
        ForeachNode each => $"for each, at most {each.MaxParallel} at once",
        WhileNode { Condition: { } condition } => $"while {condition.Source}",
        WhileNode { Until: { } until } => $"until {until.Source}",
        WaitForNode { All: true } => "wait for all",
        WaitForNode => "wait for any",
        GraphNode { MaxParallel: { } most } => $"graph, at most {most} at once",
        GraphNode => "graph",
        SelectorNode => "selector",
        SequenceNode => "sequence",
        ParallelNode parallel => $"parallel, {parallel.Needed} of {parallel.Children.Count}",
        ConditionalSelectorNode => "conditional selector",
        RepeatNode { IsRetry: true } retry => $"retry, {retry.Times} tries{Pause(retry)}",
        RepeatNode { Until: { } until } repeat => $"repeat until {until.Source}, {repeat.Times} rounds{Pause(repeat)}",
        RepeatNode repeat => $"repeat, {repeat.Times} rounds{Pause(repeat)}",
        InvertNode => "invert",
        TimeoutNode { Timeout: { } limit } => $"timeout {DurationText.Of(limit)}",
        TimeoutNode => "behavior tree",
        _ => "scope",
    };

    private static string Pause(RepeatNode repeat) => repeat.Children is [_, WaitNode { For: { } delay }] ? $", {DurationText.Of(delay)} between" : "";

    private static string Name(PlanNode node) => $"n{node.Index}";

    private void Line(string line) => _text.Append(' ', 2 * _depth).Append(line).Append('\n');

    /// <summary>Quoted text in lines, with everything that means something to Mermaid or HTML written as an entity.</summary>
    private static string Label(params ReadOnlySpan<string> lines)
    {
        var label = new StringBuilder("\"");
        foreach (string line in lines)
        {
            if (line.Length > 0)
            {
                label.Append(label.Length > 1 ? "<br/>" : "").Append(Escape(line.Length <= LongestLabel ? line : string.Concat(line.AsSpan(0, LongestLabel - 1), "…")));
            }
        }

        return label.Append('"').ToString();
    }

    private static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case '"':
                    escaped.Append("#quot;");
                    break;
                case '&':
                    escaped.Append("#amp;");
                    break;
                case '<':
                    escaped.Append("#lt;");
                    break;
                case '>':
                    escaped.Append("#gt;");
                    break;
                // Entities begin and end with these; backticks make Markdown of a label, and the others shapes, comments and emphasis.
                case '#' or ';' or '`' or '*' or '~' or '\\' or '[' or ']' or '{' or '}' or '|' or '%':
                    escaped.Append(CultureInfo.InvariantCulture, $"#{rune.Value};");
                    break;
                case < ' ' or 0x7F:
                    escaped.Append(' ');
                    break;
                default:
                    escaped.Append(rune);
                    break;
            }
        }

        return escaped.ToString();
    }
}
