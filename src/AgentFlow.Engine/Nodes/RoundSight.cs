using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Nodes;

/// <summary>
/// Whether what is below a node can tell one round from the next although nothing new came of it: by counting visits, by the
/// time, by the cost, or by what happens beside it. Such a loop may go on for a reason that outputs do not show.
/// </summary>
internal static class RoundSight
{
    public static bool CanTell(PlanNode loop)
    {
        var own = new HashSet<string>(StringComparer.Ordinal);
        Collect(loop, own);
        return CanTell(loop, own);
    }

    private static void Collect(PlanNode node, HashSet<string> ids)
    {
        foreach (PlanNode child in node.Children)
        {
            ids.Add(child.Id);
            Collect(child, ids);
        }
    }

    private static bool CanTell(PlanNode node, HashSet<string> own) =>
        ExpressionsOf(node) is not { } expressions
        || expressions.Any(e => e.References.Any(r => CanTell(r, own)))
        || node.Children.Any(c => CanTell(c, own));

    private static bool CanTell(CelReference reference, HashSet<string> own) => reference.Root switch
    {
        "input" or "output" or "error" or "vars" or "env" => false,
        "run" => reference.Segments.Count < 2 || reference.Segments[1] is "now" or "cost_dollars",
        "steps" => reference.Segments.Count < 3 || reference.Segments[2] == "visits" || !own.Contains(reference.Segments[1]),
        // The items and counters of loops.
        _ => true,
    };

    /// <returns><see langword="null"/> for a node of which nothing is known here.</returns>
    private static IEnumerable<CelExpression>? ExpressionsOf(PlanNode node) => node switch
    {
        StateMachineNode machine => machine.Rules.SelectMany(r => r.Transitions).Select(t => t.Condition),
        GraphNode graph => graph.Rules.Select(r => r.Condition).OfType<CelExpression>(),
        CallNode call => call.Input?.Expressions ?? [],
        PassNode pass => pass.Input?.Expressions ?? [],
        ForeachNode each => each.Items.Expressions,
        WhileNode loop => new[] { loop.Condition, loop.Until }.OfType<CelExpression>(),
        RepeatNode repeat => new[] { repeat.Until }.OfType<CelExpression>(),
        ConditionNode condition => [condition.Condition],
        ConditionalSelectorNode choice => choice.Conditions.OfType<CelExpression>(),
        WaitNode wait => new[] { wait.Until }.OfType<CelExpression>(),
        WaitForNode or CompositeNode or ParallelNode or InvertNode or TimeoutNode => [],
        _ => null,
    };
}
