using System.Text.Json;

namespace AgentFlow.Client;

/// <summary>A tool that the server offers.</summary>
public sealed record Tool
{
    public required string Id { get; init; }

    /// <summary>Semantic version of its contract.</summary>
    public string Version { get => field ?? ""; init; }

    public string Description { get => field ?? ""; init; }

    /// <summary><c>none</c> or <c>external</c>.</summary>
    public string Effects { get => field ?? ""; init; }

    public string Determinism { get => field ?? ""; init; }

    public IReadOnlyList<string> Permissions { get => field ?? []; init; }

    public JsonElement? InputSchema { get; init; }

    public JsonElement? OutputSchema { get; init; }
}
