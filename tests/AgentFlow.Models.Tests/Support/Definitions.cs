using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Models.Tests.Support;

public static class Definitions
{
    /// <summary>An agent from its settings as JSON.</summary>
    public static AgentDefinition Agent(string settings, string id = "helper")
    {
        JsonElement root = Json(settings);
        return new AgentDefinition
        {
            Id = id,
            Kind = root.TryGetProperty("kind", out var kind) ? kind.GetString()! : "llm",
            Role = root.TryGetProperty("role", out var role) ? role.GetString()! : "",
            Settings = root,
        };
    }

    public static WorkflowAssets Assets(params (string Path, string Content)[] files) =>
        new(files.ToDictionary(f => f.Path, f => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(f.Content), StringComparer.Ordinal));

    public static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    public static JsonElement Json(this ReadOnlyMemory<byte> output) => Json(Encoding.UTF8.GetString(output.Span));

    public static ToolCall Call(string input) =>
        new("tenant", "", "step#1", 1, "key", Encoding.UTF8.GetBytes(input), DateTimeOffset.MaxValue);

    public static async Task<StepOutcome> InvokeAsync(this ITool tool, string input) => await tool.InvokeAsync(Call(input), CancellationToken.None);
}
