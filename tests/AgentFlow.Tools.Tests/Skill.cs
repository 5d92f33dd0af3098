using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.Tests;

/// <summary>Calls a tool as the engine would.</summary>
internal static class Skill
{
    // No call here takes a second: what takes this long waits for something that never comes.
    public static readonly TimeSpan Hang = TimeSpan.FromSeconds(60);

    public static ExecutionProfile Profile(ToolDefinition definition, ToolPolicy? policy = null) =>
        ExecutionProfile.Compile(definition.Contract, [policy ?? ToolPolicy.GrantAll], out IReadOnlyList<string> missing)
        ?? throw new InvalidOperationException($"withheld: {string.Join(", ", missing)}");

    public static ITool Create(ToolDefinition definition, ToolPolicy? policy = null) => definition.Create(Profile(definition, policy));

    public static ToolCall Call(string input, string key = "key-1", int attempt = 1, DateTimeOffset? deadline = null) =>
        new("tenant", "01J00000000000000000000000", "step#1", attempt, key, Encoding.UTF8.GetBytes(input), deadline ?? DateTimeOffset.MaxValue);

    public static async Task<StepOutcome> Run(this ITool tool, string input, string key = "key-1") =>
        await tool.InvokeAsync(Call(input, key), TestContext.Current.CancellationToken).AsTask().WaitAsync(Hang, TestContext.Current.CancellationToken);

    /// <summary>Calls a tool that must answer before it returns.</summary>
    public static StepOutcome Now(this ITool tool, in ToolCall call)
    {
        ValueTask<StepOutcome> outcome = tool.InvokeAsync(call, CancellationToken.None);
        return outcome.IsCompletedSuccessfully ? outcome.Result : throw new InvalidOperationException("it did not complete at once");
    }

    public static string Text(this StepOutcome outcome) =>
        outcome.Error is { } error ? throw new InvalidOperationException($"{error.Code}: {error.Message}") : Encoding.UTF8.GetString(outcome.Output.Span);

    public static JsonElement Json(this StepOutcome outcome) => JsonElement.Parse(outcome.Text());
}
