using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Nodes;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Reads the scopes that a run has put below a node of its plan (<see cref="Runs.RunMachine.TryGraft"/>).</summary>
internal sealed class GraftReader(PlanContext context)
{
    /// <param name="place">Where the node stands; <see langword="null"/> for the root.</param>
    /// <param name="own">Ids of the children that the node has in the file, which come before the grafted ones.</param>
    /// <param name="depth">Scopes around the node, itself included.</param>
    /// <returns>Further children of the node, <c>plan_1</c> and so on; none while the run has grafted nothing here.</returns>
    public IReadOnlyList<PlanNode> Read(StepScope? place, IReadOnlyList<string> own, int depth)
    {
        IReadOnlyList<YamlMapping> grafts = context.Changed?.TakeGrafts(place?.Address ?? "") ?? [];
        var order = new GraftOrder([.. own, .. grafts.Index().Select(g => IdOf(g.Index))]);
        var children = new List<PlanNode>();
        foreach ((int i, YamlMapping mapping) in grafts.Index())
        {
            var fields = Fields.Of(mapping, mapping.Offset, KeySet.Graft, context.Findings);
            fields.Text("description");
            if (context.TryCount(mapping) && new ScopeReader(context).Read(fields, IdOf(i), "The plan", new StepScope(place, order, IdOf(i)), depth + 1).Node is { } scope)
            {
                children.Add(scope);
            }
        }

        return children;
    }

    private static string IdOf(int index) => $"plan_{index + 1}";

    /// <summary>One after the other, as they came.</summary>
    private sealed class GraftOrder(IReadOnlyList<string> ids) : IStepOrder
    {
        public IReadOnlyDictionary<string, int> Ordinals { get; } = ids.Index().ToDictionary(i => i.Item, i => i.Index, StringComparer.Ordinal);

        public StepOrder Compare(int used, int reader, bool afterReader) => used < reader || (afterReader && used == reader) ? StepOrder.Before : StepOrder.Never;
    }
}
