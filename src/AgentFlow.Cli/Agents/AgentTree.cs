using System.Text.Json;
using AgentFlow.Client;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Agents.Import;

namespace AgentFlow.Cli.Agents;

/// <summary>Trees of identity files, to the registry and back.</summary>
internal static class AgentTree
{
    private const int MaxPerRequest = 200;
    private const int MaxBytesPerRequest = 4 << 20;

    /// <summary>Sends the identities of a tree, in requests that are neither too many nor too large.</summary>
    /// <returns>What became of each, in their order.</returns>
    public static async Task<IReadOnlyList<ImportedAgent>> SendAsync(AgentFlowClient client, TreeRead tree, CancellationToken cancelled)
    {
        var outcomes = new List<ImportedAgent>();
        var waiting = new List<AgentContent>();
        int bytes = 0;
        foreach (RegisteredAgent agent in tree.Identities.Select(f => f.Agent))
        {
            if (waiting.Count == MaxPerRequest || (waiting.Count > 0 && bytes + agent.Document.Utf8.Length > MaxBytesPerRequest))
            {
                outcomes.AddRange((await client.ImportAgentsAsync(waiting, cancelled)).Agents);
                waiting.Clear();
                bytes = 0;
            }

            waiting.Add(ToContent(agent));
            bytes += agent.Document.Utf8.Length;
        }

        if (waiting.Count > 0)
        {
            outcomes.AddRange((await client.ImportAgentsAsync(waiting, cancelled)).Agents);
        }

        return outcomes;
    }

    /// <summary>Where an agent's file belongs: its source, as long as that says the same category and specialist.</summary>
    public static string PathOf(Agent agent)
    {
        if (agent.Source is { } source && source.EndsWith(".md", StringComparison.Ordinal) && Parts(source) is { } parts && (parts.Length > 1 ? parts[0] : "") == agent.Category && (parts.Length > 1 ? parts[^2] : "") == agent.Specialist)
        {
            return string.Join('/', parts);
        }

        string[] folders = agent.Specialist == agent.Category ? [agent.Category] : [agent.Category, agent.Specialist];
        return string.Join('/', folders.Where(f => f.Length > 0).Append(agent.Name).Select(FileName)) + ".md";
    }

    private static AgentContent ToContent(RegisteredAgent agent)
    {
        AgentDocument document = AgentDocument.Of(agent.Document);
        return new AgentContent(
            agent.Name,
            agent.Id.Length > 0 ? agent.Id : null,
            agent.Kind,
            agent.Role,
            agent.Category,
            agent.Specialist,
            Capabilities: agent.Capabilities,
            Permissions: JsonElement.Parse(document.Permissions.Span),
            Budget: new Client.AgentBudget(new AgentAmounts(agent.Budget.Tokens, agent.Budget.ApiCalls, agent.Budget.NanoDollars / 1_000_000_000m)),
            Metadata: JsonElement.Parse(document.Metadata.Span),
            Definition: JsonElement.Parse(document.Definition.Span),
            Instructions: document.Instructions,
            Source: document.Source,
            Digest: agent.Digest);
    }

    /// <summary>The parts of a relative path that leads nowhere else; <see langword="null"/> for any other.</summary>
    private static string[]? Parts(string path) => path.Split('/') is var parts && parts.All(p => p.Length > 0 && p == FileName(p)) ? parts : null;

    private static string FileName(string text)
    {
        string name = new([.. text.Select(c => c is '/' or '\\' or ':' or '*' or '?' or '"' or '<' or '>' or '|' || char.IsControl(c) ? '-' : c)]);
        return name.StartsWith('.') ? "-" + name[1..] : name;
    }
}
