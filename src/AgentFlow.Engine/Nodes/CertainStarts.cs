using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.StateMachine;

namespace AgentFlow.Engine.Nodes;

/// <summary>
/// Which workflows every run of a plan starts: no condition, no branch, no handled failure and no list that may be empty leads past them.
/// What only a failure of the run prevents is started all the same.
/// </summary>
internal static class CertainStarts
{
    /// <summary>A call for each workflow and range of versions.</summary>
    public static HashSet<CallNode> Of(PlanNode node) => node switch
    {
        CallNode { Child: not null, Approval: null } call => Set([call]),
        StateMachineNode machine => OfMachine(machine),
        GraphNode graph => OfGraph(graph),
        ParallelNode => Union(node.Children),
        SelectorNode => Of(node.Children[0]),
        SequenceNode => Union(UpToADecision(node.Children)),
        ConditionalSelectorNode => Common(node.Children),
        InvertNode or TimeoutNode or RepeatNode or WhileNode { Condition: null } => Of(node.Children[0]),
        ForeachNode { Items.WrittenItems: > 0 } => Of(node.Children[0]),
        _ => Set([]),
    };

    /// <summary>A state is certain when no way from the first state to a final one leads past it.</summary>
    private static HashSet<CallNode> OfMachine(StateMachineNode machine)
    {
        HashSet<CallNode>[] states = [.. machine.Children.Select(Of)];
        return Set(Set(states.SelectMany(s => s)).Where(call => !EndsWithout(machine, state => states[state].Contains(call))));
    }

    private static bool EndsWithout(StateMachineNode machine, Func<int, bool> isAvoided)
    {
        var seen = new HashSet<int>();
        var open = new Stack<int>([machine.Initial]);
        while (open.TryPop(out int state))
        {
            if (isAvoided(state) || !seen.Add(state))
            {
                continue;
            }

            StateRules rules = machine.Rules[state];
            if (rules.IsFinal || Decides(machine.Children[state]))
            {
                return true;
            }

            foreach (int next in rules.Transitions.Select(t => t.Target).Append(rules.OnSuccess ?? state).Append(rules.OnError ?? state))
            {
                open.Push(next);
            }
        }

        return false;
    }

    private static HashSet<CallNode> OfGraph(GraphNode graph)
    {
        ILookup<int, int> dependents = graph.Rules.SelectMany((rules, step) => rules.DependsOn.Select(on => (on, step))).ToLookup(d => d.on, d => d.step);
        bool[] uncertain = [.. graph.Rules.Select(r => r.Condition is not null)];
        var open = new Stack<int>(Enumerable.Range(0, uncertain.Length).Where(step => uncertain[step] || Decides(graph.Children[step])));
        while (open.TryPop(out int step))
        {
            foreach (int dependent in dependents[step].Where(d => !uncertain[d]))
            {
                uncertain[dependent] = true;
                open.Push(dependent);
            }
        }

        return Union(graph.Children.Where((_, step) => !uncertain[step]));
    }

    /// <summary>Whether a node fails because of what a condition comes to.</summary>
    private static bool Decides(PlanNode node) => node is ConditionNode or ConditionalSelectorNode or InvertNode || node.Children.Any(Decides);

    private static IEnumerable<PlanNode> UpToADecision(IReadOnlyList<PlanNode> nodes)
    {
        foreach (PlanNode node in nodes)
        {
            yield return node;
            if (Decides(node))
            {
                yield break;
            }
        }
    }

    private static HashSet<CallNode> Union(IEnumerable<PlanNode> nodes) => Set(nodes.SelectMany(Of));

    private static HashSet<CallNode> Common(IReadOnlyList<PlanNode> nodes)
    {
        HashSet<CallNode> common = Of(nodes[0]);
        foreach (PlanNode node in nodes.Skip(1))
        {
            common.IntersectWith(Of(node));
        }

        return common;
    }

    private static HashSet<CallNode> Set(IEnumerable<CallNode> calls) => new(calls, Alike.Comparer);

    /// <summary>Calls are alike that start the same.</summary>
    private sealed class Alike : IEqualityComparer<CallNode>
    {
        public static Alike Comparer { get; } = new();

        public bool Equals(CallNode? x, CallNode? y) => Equals(x?.Child, y?.Child);

        public int GetHashCode(CallNode call) => call.Child!.GetHashCode();
    }
}
