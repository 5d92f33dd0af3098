using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Nodes;
using AgentFlow.Expressions.Cel.Analysis;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>What the states and steps of a file do, by the scope that they stand in and by their id.</summary>
internal sealed class PlanBodies
{
    private readonly Dictionary<(IStepOrder Scope, string Id), PlanNode> _nodes = [];
    private readonly Dictionary<PlanNode, Fields> _places = new(ReferenceEqualityComparer.Instance);

    public void Add(StepScope place, string id, PlanNode node, Fields fields)
    {
        _nodes.TryAdd((place.Steps, id), node);
        _places[node] = fields;
    }

    /// <summary>Where a node stands; <see langword="null"/> for one that nobody wrote.</summary>
    public Fields? PlaceOf(PlanNode node) => _places.GetValueOrDefault(node);

    /// <summary>What a state or step gives when it succeeds.</summary>
    public CelShape OutputOf(IStepOrder scope, string id) =>
        _nodes.GetValueOrDefault((scope, id)) is CallNode call ? CelShape.FromSchema(call.Tool.Contract.OutputSchema) : CelShape.Any;
}
