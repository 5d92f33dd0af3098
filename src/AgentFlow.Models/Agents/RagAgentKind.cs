using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Retrieval;

namespace AgentFlow.Models.Agents;

/// <summary>
/// Kind <c>rag</c>: finds passages in articles that come with the workflow. Settings: <c>source</c>, a Markdown or JSONL file or a folder
/// of them, and <c>top</c>, how many passages (default 3, at most 50). Input <c>{query}</c>, output
/// <c>{query, passages: [{id, title, text, score}], best_score}</c> with scores from 0 to 1, best first.
/// </summary>
public sealed class RagAgentKind : IAgentKind
{
    public string Kind => "rag";

    public IReadOnlyList<AgentProblem> Check(AgentDefinition agent, WorkflowAssets assets)
    {
        var problems = new List<AgentProblem>();
        Read(agent, assets, problems);
        return problems;
    }

    public ITool Compile(AgentDefinition agent, WorkflowAssets assets)
    {
        var (source, top, passages) = Read(agent, assets, []);
        return new RagAgent(agent, source, top, new PassageIndex(passages));
    }

    private static (string Source, int Top, List<Passage> Passages) Read(AgentDefinition agent, WorkflowAssets assets, List<AgentProblem> problems)
    {
        var settings = new SettingsReader(agent.Settings, "", problems);
        settings.CatchSlips("kind", "role", "source", "top", "permissions", "description", "timeout", "retry", "budget", "policies");
        int top = settings.Integer("top", 3, 1, 50);
        string? source = settings.Text("source", "Name a Markdown or JSONL file, or a folder of them, beside the workflow: source: data/articles.");
        if (source is null)
            return ("", top, []);
        source = AssetProblems.Normalise(source);
        return (source, top, Articles.Read("source", source, assets, problems));
    }
}
