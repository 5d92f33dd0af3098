using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Secrets;

namespace AgentFlow.Simulation.Rehearsals;

/// <summary>Performs one attempt in the place of a tool or agent, or lets it do so.</summary>
/// <param name="inner">What would be called outside a rehearsal.</param>
public delegate ValueTask<StepOutcome> Performance(ITool inner, ToolCall call, CancellationToken cancellationToken);

/// <summary>A tool or agent whose attempts somebody else may perform; for everybody else it is the same.</summary>
internal sealed class RehearsedTool(ITool inner, Performance perform) : ITool
{
    // What stands in for a tool may take its time, and must then be held to the step's limit.
    public ToolContract Contract { get; } = inner.Contract with { Determinism = Determinism.None };

    public string CalledId => inner.CalledId;

    // Nothing that is rehearsed is shown a secret.
    public IReadOnlyCollection<SecretReference> Secrets => [];

    public ExpectedUse? Use => inner.Use;

    public RetryPolicy? DefaultRetry => inner.DefaultRetry;

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) => perform(inner, call, cancellationToken);
}

/// <summary>The tools of a host, rehearsed.</summary>
public sealed class RehearsedTools(IToolRegistry inner, Performance perform) : IToolRegistry
{
    private readonly Dictionary<string, ITool> _tools = new(StringComparer.Ordinal);

    public IReadOnlyList<ToolContract> Contracts => inner.Contracts;

    public ITool? Find(string id)
    {
        if (!_tools.TryGetValue(id, out ITool? tool) && inner.Find(id) is { } found)
        {
            _tools[id] = tool = new RehearsedTool(found, perform);
        }

        return tool;
    }
}

/// <summary>Agents of one kind, rehearsed.</summary>
public sealed class RehearsedAgents(IAgentKind inner, Performance perform) : IAgentKind
{
    public string Kind => inner.Kind;

    public IReadOnlyList<AgentProblem> Check(AgentDefinition agent, WorkflowAssets assets) => inner.Check(agent, assets);

    public ITool Compile(AgentDefinition agent, WorkflowAssets assets) => new RehearsedTool(inner.Compile(agent, assets), perform);
}
