using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions.Loading.Changes;
using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Parts;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Planning;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>What the plan of one file is read with.</summary>
internal sealed class PlanContext
{
    private int _nodes;

    public required Findings Findings { get; init; }

    public required ExpressionReader Expressions { get; init; }

    public required IToolRegistry Tools { get; init; }

    public required IReadOnlyDictionary<string, IAgentKind> Kinds { get; init; }

    public required IReadOnlyDictionary<string, AgentEntry> Agents { get; init; }

    public required Grants Grants { get; init; }

    public required RunPolicies Policies { get; init; }

    public required StepDefaults Defaults { get; init; }

    public required ToolSchemas Schemas { get; init; }

    public required SignalSchemas Signals { get; init; }

    /// <summary>Other workflows that steps call.</summary>
    public List<(YamlNode Place, string Step, string Name, VersionRange Versions)> Workflows { get; } = [];

    public required WorkflowAssets Assets { get; init; }

    /// <summary>Plans of models that worked; <see langword="null"/>: none are kept.</summary>
    public required PlanCache? Plans { get; init; }

    /// <summary>What a run has changed; <see langword="null"/> for the file as it is.</summary>
    public ChangedPlan? Changed { get; init; }

    /// <summary>The bodies of states and steps that were read, with where they stand.</summary>
    public PlanBodies Bodies { get; } = new();

    /// <summary>Counts one more node; false, reported once, when there are too many.</summary>
    public bool TryCount(YamlNode place)
    {
        _nodes++;
        if (_nodes == LoadLimits.Nodes + 1)
        {
            Findings.Error(place, DiagnosticCodes.TooManyNodes, $"The plan has more than {LoadLimits.Nodes} states, steps and scopes.", "Split it into several workflows.");
        }

        return _nodes <= LoadLimits.Nodes;
    }
}
