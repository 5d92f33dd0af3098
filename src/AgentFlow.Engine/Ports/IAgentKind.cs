using AgentFlow.Engine.Definitions;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// Turns an agent's definition into something callable, once per workflow version. The result is pinned with the
/// definition: it depends on nothing but the arguments, so that the same definition always gives the same agent.
/// </summary>
public interface IAgentKind
{
    /// <summary>The word behind <c>kind:</c>, for example <c>llm</c>.</summary>
    string Kind { get; }

    /// <summary>Lists what is wrong with the definition, in words that name the setting and the remedy; empty when nothing is.</summary>
    IReadOnlyList<AgentProblem> Check(AgentDefinition agent, WorkflowAssets assets);

    /// <summary>Compiles a definition for which <see cref="Check"/> found nothing.</summary>
    ITool Compile(AgentDefinition agent, WorkflowAssets assets);
}

/// <param name="Setting">The setting's name relative to the agent, for example <c>model.provider</c>; the loader turns it into a position.</param>
public sealed record AgentProblem(string Setting, string Message, string Remedy);
