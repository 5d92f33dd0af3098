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

    /// <summary>What becomes of a call that is made again: <c>key</c>, <c>natural</c>, <c>none</c> or <c>unknown</c>.</summary>
    public string Idempotency { get => field ?? ""; init; }

    public IReadOnlyList<string> Permissions { get => field ?? []; init; }

    public JsonElement? InputSchema { get; init; }

    public JsonElement? OutputSchema { get; init; }

    /// <summary>Most that one call may cost.</summary>
    public decimal MaxCostDollars { get; init; }

    /// <summary>Time limit of one attempt, in milliseconds.</summary>
    public long TimeoutMs { get; init; }

    /// <summary>Codes that a call may fail with, and what they mean.</summary>
    public IReadOnlyDictionary<string, string> ErrorCodes { get => field ?? new Dictionary<string, string>(StringComparer.Ordinal); init; }
}
