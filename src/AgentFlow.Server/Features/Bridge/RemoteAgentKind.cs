using System.Text.Json;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>
/// Kind <c>remote</c>: a step's input becomes the payload of a task for a remote agent, and its callback the step's output. Settings:
/// <c>capability</c>, the action and what the agent must be able to do; <c>agent_id</c>, the only one that may; <c>resources</c>;
/// <c>idempotency</c>, where the agent does not know a task that it gets again. What a step with <c>capability: x.y</c> is.
/// </summary>
internal sealed class RemoteAgentKind(ITool tool) : IAgentKind
{
    private const int MaxCapability = 200;
    private const long MostTimeout = 604_800_000;

    private static readonly string[] Keys = ["kind", "role", "permissions", "description", "capability", "agent_id", "resources", AgentIdempotency.Key];

    public string Kind => "remote";

    public IReadOnlyList<AgentProblem> Check(AgentDefinition agent, WorkflowAssets assets)
    {
        var problems = new List<AgentProblem>();
        foreach (JsonProperty setting in agent.Settings.EnumerateObject().Where(s => !Keys.Contains(s.Name)))
        {
            problems.Add(new AgentProblem(setting.Name, $"'{setting.Name}' is no setting of a remote agent{Contracts.Text.NearWord.Hint(setting.Name, Keys)}.", $"It takes {string.Join(", ", Keys)}."));
        }

        if (Text(agent.Settings, "capability") is not { Length: > 0 and <= MaxCapability })
        {
            problems.Add(new AgentProblem("capability", "A remote agent needs a capability.", "Name what it does, as its registration has it: capability: document.read."));
        }

        if (agent.Settings.TryGetProperty("agent_id", out _) && !(Text(agent.Settings, "agent_id") is { } id && AgentId.IsValid(id)))
        {
            problems.Add(new AgentProblem("agent_id", "'agent_id' is no agent's id.", $"Write one, or leave it out: {AgentId.Rule}."));
        }

        if (agent.Settings.TryGetProperty("resources", out JsonElement resources))
        {
            CheckResources(resources, problems);
        }

        if (AgentIdempotency.Check(agent) is { } unsaid)
        {
            problems.Add(unsaid);
        }

        return problems;
    }

    public ITool Compile(AgentDefinition agent, WorkflowAssets assets)
    {
        JsonElement settings = agent.Settings;
        return new RemoteAgent(
            tool,
            agent.Id,
            agent.Role,
            AgentIdempotency.Of(agent, tool.Contract.Idempotency),
            new TaskWish(Text(settings, "capability")!, default, Text(settings, "agent_id"), null, settings.TryGetProperty("resources", out JsonElement resources) ? Resources(resources) : new(), null, null, null));
    }

    private static void CheckResources(JsonElement resources, List<AgentProblem> problems)
    {
        if (resources.ValueKind != JsonValueKind.Object)
        {
            problems.Add(new AgentProblem("resources", "'resources' is no mapping.", "Write resources: { timeout_ms: 60000, retry: 2 }."));
            return;
        }

        foreach (JsonProperty resource in resources.EnumerateObject())
        {
            (long least, long most) = resource.Name switch { "priority" => (1L, 10L), "timeout_ms" => (1L, MostTimeout), "retry" => (0L, 100L), _ => (1L, 0L) };
            if (most == 0)
            {
                problems.Add(new AgentProblem($"resources.{resource.Name}", $"'{resource.Name}' is none of the resources.", "They are priority, timeout_ms and retry."));
            }
            else if (resource.Value.ValueKind != JsonValueKind.Number || !resource.Value.TryGetInt64(out long number) || number < least || number > most)
            {
                problems.Add(new AgentProblem($"resources.{resource.Name}", $"'{resource.Name}' is out of range.", $"Write a whole number from {least} to {most}."));
            }
        }
    }

    private static Engine.Bridge.BridgeResources Resources(JsonElement json) => new(
        (int?)Number(json, "priority"),
        Number(json, "timeout_ms"),
        (int?)Number(json, "retry"));

    private static long? Number(JsonElement json, string name) => json.TryGetProperty(name, out JsonElement value) ? value.GetInt64() : null;

    private static string? Text(JsonElement json, string name) => json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>One agent of a workflow: the dispatch, with everything but the payload said already.</summary>
    private sealed class RemoteAgent(ITool tool, string id, string role, Idempotency idempotency, TaskWish wish) : ITool
    {
        public ToolContract Contract { get; } = new()
        {
            Id = $"agent.{id}",
            Version = "1.0.0",
            Description = role.Length > 0 ? role : $"Gives tasks '{wish.Action}' to a remote agent.",
            Timeout = tool.Contract.Timeout,
            Idempotency = idempotency,
            ErrorCodes = tool.Contract.ErrorCodes,
        };

        public string CalledId => tool.Contract.Id;

        public RetryPolicy? DefaultRetry => tool.DefaultRetry;

        public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) =>
            tool.InvokeAsync(call with { Input = (wish with { Payload = call.Input }).Write() }, cancellationToken);
    }
}
