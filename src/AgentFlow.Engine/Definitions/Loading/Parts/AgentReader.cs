using System.Globalization;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Definitions.Loading.Parts;

/// <summary>One agent of the file.</summary>
internal sealed class AgentEntry(YamlScalar key)
{
    public YamlScalar Key { get; } = key;

    public AgentDefinition? Definition { get; set; }

    /// <summary>What a call of the agent is; <see langword="null"/> when the definition is wrong.</summary>
    public ITool? Tool { get; set; }

    public bool IsUsed { get; set; }
}

/// <summary>Reads <c>agents</c> and has each kind check and compile its own.</summary>
internal sealed class AgentReader(IReadOnlyDictionary<string, IAgentKind> kinds, WorkflowAssets assets, Grants grants, Findings findings)
{
    public IReadOnlyDictionary<string, AgentEntry> Read(Fields workflow)
    {
        var agents = new Dictionary<string, AgentEntry>(StringComparer.Ordinal);
        if (workflow.Mapping("agents", "'agents: { writer: { kind: llm } }'") is not { } mapping)
        {
            return agents;
        }

        foreach (YamlEntry entry in mapping.Entries)
        {
            if (!Names.Agent.IsMatch(entry.Key.Text))
            {
                findings.Error(entry.Key, DiagnosticCodes.InvalidName, $"'{Excerpt.Of(entry.Key.Text)}' cannot be the id of an agent.", Names.AgentRemedy);
            }

            var agent = new AgentEntry(entry.Key);
            agents.Add(entry.Key.Text, agent);
            if (workflow.AsMapping(entry.Value, "its settings: '{ kind: llm, role: … }'") is { } settings)
            {
                Read(agent, settings);
            }
        }

        return agents;
    }

    public void WarnOfUnused(IReadOnlyDictionary<string, AgentEntry> agents)
    {
        foreach (AgentEntry agent in agents.Values.Where(a => !a.IsUsed))
        {
            findings.Warning(agent.Key, DiagnosticCodes.UnusedAgent, $"Nothing calls the agent '{Excerpt.Of(agent.Key.Text)}'.", "Call it, or remove it.");
        }
    }

    private void Read(AgentEntry agent, YamlMapping settings)
    {
        int errors = findings.ErrorCount;
        var fields = Fields.OfAny(settings, agent.Key.Offset, findings);
        YamlScalar? role = fields.Text("role");
        YamlScalar? registered = fields.Text("registered");
        if (registered is { Text.Length: 0 or > AgentName.MaxLength })
        {
            findings.Error(registered, DiagnosticCodes.InvalidName, "'registered' is no agent of a registry.", "Write the id or the name of a registered agent; GET /api/v1/agents lists them.");
        }

        IReadOnlyList<YamlScalar> permissions = grants.Read(fields) ?? [];
        fields.Require("kind", $"The agent '{Excerpt.Of(agent.Key.Text)}'", $"Add 'kind: …': {string.Join(", ", kinds.Keys.Order(StringComparer.Ordinal))}.");
        if (fields.Text("kind") is not { } kind)
        {
            return;
        }

        if (!kinds.TryGetValue(kind.Text, out IAgentKind? known))
        {
            findings.Error(kind, DiagnosticCodes.UnknownAgentKind, $"'{Excerpt.Of(kind.Text)}' is not a kind of agent in this host.", findings.Suggest(kind.Text, kinds.Keys) + $"Known: {string.Join(", ", kinds.Keys.Order(StringComparer.Ordinal))}.");
            return;
        }

        agent.Definition = new AgentDefinition
        {
            Id = agent.Key.Text,
            Kind = kind.Text,
            Role = role?.Text ?? "",
            Permissions = [.. permissions.Select(p => p.Text)],
            Registered = registered?.Text,
            Settings = YamlJson.ToElement(registered is null ? settings : new YamlMapping(settings.Offset, [.. settings.Entries.Where(e => e.Key.Text != "registered")]), findings),
        };
        if (findings.ErrorCount > errors)
        {
            // The kind would say again, in its own words, what has been said.
            return;
        }

        IReadOnlyList<AgentProblem> problems = known.Check(agent.Definition, assets);
        foreach (AgentProblem problem in problems)
        {
            findings.Error(Locate(agent.Key, settings, problem.Setting), DiagnosticCodes.InvalidAgent, Excerpt.Line(problem.Message), Excerpt.Line(problem.Remedy));
        }

        if (problems.Count == 0)
        {
            agent.Tool = known.Compile(agent.Definition, assets);
        }
    }

    /// <summary>The setting itself, or the nearest one around it that is there: a missing one has no place of its own.</summary>
    internal static YamlNode Locate(YamlScalar key, YamlMapping settings, string path)
    {
        YamlNode place = key;
        YamlNode at = settings;
        foreach (string segment in path.Split(['.', '[', ']'], StringSplitOptions.RemoveEmptyEntries))
        {
            YamlNode? next = at switch
            {
                YamlMapping mapping => mapping.FindEntry(segment)?.Value,
                YamlSequence sequence when int.TryParse(segment, NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < sequence.Items.Count => sequence.Items[index],
                _ => null,
            };
            if (next is null)
            {
                break;
            }

            place = at = next;
        }

        return place;
    }
}
