using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Cli.Chaos;

/// <summary>
/// Agents that ask models, with the real client of Anthropic where the file names it, else of an OpenAI-compatible provider, in front of
/// <see cref="ChaosEndpoint"/>. What the named one would say is still known where it needs no network.
/// </summary>
internal sealed class ChaosAgents(IAgentKind llm) : IAgentKind
{
    public string Kind => llm.Kind;

    public IReadOnlyList<AgentProblem> Check(AgentDefinition agent, WorkflowAssets assets) => llm.Check(agent, assets);

    public ITool Compile(AgentDefinition agent, WorkflowAssets assets)
    {
        ITool own = llm.Compile(agent, assets);
        JsonObject settings = JsonNode.Parse(agent.Settings.GetRawText())!.AsObject();
        JsonObject model = settings["model"]!.AsObject();
        bool isAnthropic = model["provider"]?.ToString() == "anthropic";
        model["provider"] = isAnthropic ? "anthropic" : "vllm";
        model["model"] = "chaos";
        model["base_url"] = isAnthropic ? "http://127.0.0.1:9" : "http://127.0.0.1:9/v1";
        ITool asked = llm.Compile(agent with { Settings = JsonElement.Parse(settings.ToJsonString()) }, assets);
        return new ChaosAgent(own, asked);
    }
}

/// <param name="own">As the file has it.</param>
/// <param name="asked">The same behind the wire.</param>
internal sealed class ChaosAgent(ITool own, ITool asked) : ITool
{
    /// <summary>An agent behind a wire: what happens to it cannot be taken back, and nobody knows it beforehand.</summary>
    public ToolContract Contract => field ??= asked.Contract with { Permissions = own.Contract.Permissions, MaxCostNanoDollars = own.Contract.MaxCostNanoDollars };

    public ExpectedUse? Use => own.Use;

    /// <summary>Whether the agent of the file answers without a network.</summary>
    public bool IsLocal => own.Contract.Effects == Effects.None;

    public ValueTask<StepOutcome> AnswerAsync(ToolCall call, CancellationToken cancellationToken) => own.InvokeAsync(call, cancellationToken);

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) => asked.InvokeAsync(call, cancellationToken);
}
