using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Costs;

/// <summary>What the samplers of a workflow and of its children share while an estimate is made.</summary>
internal sealed class SampledWorkflows(CostBook book, IRandomSource random, IReadOnlyDictionary<ChildCall, WorkflowDefinition> children)
{
    /// <summary>Nodes that one imagined run visits, its children's among them; what is behind them fails.</summary>
    private const int MostVisits = 100_000;

    private readonly Dictionary<(WorkflowDefinition Definition, string? Input), PlanSampler> _samplers = [];
    private long _before;
    private int _depth;

    /// <summary>Nodes that were visited, of all imagined runs.</summary>
    public long Visits { get; set; }

    /// <summary>This imagined run has visited as much as one may.</summary>
    public bool IsOver => Visits - _before > MostVisits;

    /// <summary>Imagines a run that is nobody's child.</summary>
    public RunSample Next(PlanSampler sampler)
    {
        _before = Visits;
        return sampler.Next();
    }

    /// <summary>Imagines a run one deeper; as deep as no run may be it fails at once.</summary>
    public RunSample Child(PlanSampler sampler)
    {
        if (_depth >= ChildCall.MaxDepth)
        {
            return default;
        }

        _depth++;
        RunSample sample = sampler.Next();
        _depth--;
        return sample;
    }

    /// <summary>The version that would do a step; <see langword="null"/>: it is not known.</summary>
    public WorkflowDefinition? Find(ChildCall child) => children.GetValueOrDefault(child);

    /// <param name="input">What runs of it get; <see langword="null"/>: not known.</param>
    public PlanSampler Of(WorkflowDefinition definition, Payload? input)
    {
        (WorkflowDefinition, string?) key = (definition, input?.ToString());
        if (!_samplers.TryGetValue(key, out PlanSampler? sampler))
        {
            _samplers[key] = sampler = new PlanSampler(definition, book, random, new KnownBefore(definition, input), this);
        }

        return sampler;
    }
}
