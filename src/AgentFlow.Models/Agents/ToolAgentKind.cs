using System.Text.Json;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Models.Agents;

/// <summary>
/// Kind <c>tool</c>: a registered tool under an agent's name, with a part of its input fixed. Settings: <c>tool</c>, its id, and
/// <c>input</c>, an object whose fields always hold: a step can add fields but not change these.
/// </summary>
public sealed class ToolAgentKind(IToolRegistry tools) : IAgentKind
{
    public string Kind => "tool";

    public IReadOnlyList<AgentProblem> Check(AgentDefinition agent, WorkflowAssets assets)
    {
        var problems = new List<AgentProblem>();
        Read(agent, problems);
        return problems;
    }

    public ITool Compile(AgentDefinition agent, WorkflowAssets assets)
    {
        var (tool, input) = Read(agent, []);
        return new ToolAgent(agent, tool ?? throw new InvalidOperationException($"The agent '{agent.Id}' was not checked."), input);
    }

    private (ITool? Tool, JsonElement? Input) Read(AgentDefinition agent, List<AgentProblem> problems)
    {
        var settings = new SettingsReader(agent.Settings, "", problems);
        settings.CatchSlips("kind", "role", "tool", "input", "permissions", "description", "timeout", "retry", "budget", "policies");
        JsonElement? input = settings.Find("input");
        if (input is { ValueKind: not JsonValueKind.Object })
            settings.Report("input", "'input' is not an object.", "Write the fields that are fixed: input: { url: … }.");
        if (settings.Text("tool", "Name a tool, for example skill.http_call.") is not { } id)
            return (null, input);
        ITool? tool = tools.Find(id);
        if (tool is null)
            settings.Report("tool", $"There is no tool '{id}'.", Spelling.OneOf(id, tools.Contracts.Select(c => c.Id)));
        return (tool, input);
    }
}
