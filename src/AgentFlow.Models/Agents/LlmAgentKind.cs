using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Models.Agents;

/// <summary>Kind <c>llm</c>: an agent that asks a language model. Its settings are described at <see cref="LlmSettings"/>.</summary>
public sealed class LlmAgentKind(ModelInvoker models) : IAgentKind
{
    public string Kind => "llm";

    public IReadOnlyList<AgentProblem> Check(AgentDefinition agent, WorkflowAssets assets)
    {
        var problems = new List<AgentProblem>();
        LlmSettings.Read(agent, assets, problems);
        return problems;
    }

    public ITool Compile(AgentDefinition agent, WorkflowAssets assets) => new LlmAgent(agent, LlmSettings.Read(agent, assets, []), models);
}
