using System.Text.Json;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Engine.Planning;

/// <summary>What one step of a model's plan may call.</summary>
/// <param name="Id">The name that a plan calls it by: a tool's id, or <c>agent.</c> and an agent's id.</param>
/// <param name="Description">What it does, for the model.</param>
public sealed record PlanSkill(string Id, string Description = "")
{
    public JsonElement? InputSchema { get; init; }

    public JsonElement? OutputSchema { get; init; }

    /// <summary><see cref="InputSchema"/>, compiled; <see langword="null"/> accepts everything.</summary>
    public JsonSchema? Input { get; init; }

    /// <summary>Upper bound of one call's price in 10⁻⁹ dollars.</summary>
    public long MaxCostNanoDollars { get; init; }

    /// <summary>Whether an output is promised to have a member of this name.</summary>
    internal bool Gives(string member) =>
        OutputSchema is { ValueKind: JsonValueKind.Object } schema && schema.TryGetProperty("properties", out JsonElement properties)
        && properties.ValueKind == JsonValueKind.Object && properties.TryGetProperty(member, out _);
}
