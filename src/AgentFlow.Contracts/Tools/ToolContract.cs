using System.Text.Json;
using System.Text.Json.Serialization;
using AgentFlow.Contracts.Json;

namespace AgentFlow.Contracts.Tools;

/// <summary>Whether a call can be seen outside the run. Pure calls need no durable barrier and may be repeated after a crash.</summary>
[JsonConverter(typeof(WireEnumConverter<Effects>))]
public enum Effects
{
    /// <summary>Nothing outside the run can notice the call: transforms, conditions, echo.</summary>
    [JsonStringEnumMemberName("none")]
    None,

    /// <summary>The call reaches the outside world; it is announced in the journal before it is made.</summary>
    [JsonStringEnumMemberName("external")]
    External,
}

/// <summary>How far two calls of a tool, or two plans of a planner, agree when their input is the same.</summary>
[JsonConverter(typeof(WireEnumConverter<Determinism>))]
public enum Determinism
{
    /// <summary>No promise.</summary>
    [JsonStringEnumMemberName("NONE")]
    None,

    /// <summary>The same structure, other values.</summary>
    [JsonStringEnumMemberName("STRUCTURAL")]
    Structural,

    /// <summary>Byte-identical results.</summary>
    [JsonStringEnumMemberName("FULL")]
    Full,
}

/// <summary>What becomes of a call that is made again, because nobody knows what came of it.</summary>
[JsonConverter(typeof(WireEnumConverter<Idempotency>))]
public enum Idempotency
{
    /// <summary>Nobody says.</summary>
    [JsonStringEnumMemberName("unknown")]
    Unknown,

    /// <summary>It happens twice.</summary>
    [JsonStringEnumMemberName("none")]
    None,

    /// <summary>The other side knows the call by its idempotency key, and does it once.</summary>
    [JsonStringEnumMemberName("key")]
    Key,

    /// <summary>Twice is as good as once: it only reads, asks, or sets something to a given value.</summary>
    [JsonStringEnumMemberName("natural")]
    Natural,
}

/// <summary>The public promise of a tool: what it takes, gives, needs and costs, under one semantic version.</summary>
public sealed record ToolContract
{
    /// <summary>Stable id, for example <c>skill.http_call</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Semantic version of this contract (not of the implementation).</summary>
    public required string Version { get; init; }

    public string Description { get; init; } = "";

    /// <summary>JSON Schema 2020-12 of the input; <see langword="null"/> accepts any JSON value.</summary>
    public JsonElement? InputSchema { get; init; }

    /// <summary>JSON Schema 2020-12 of the output; <see langword="null"/> promises nothing.</summary>
    public JsonElement? OutputSchema { get; init; }

    /// <summary>Permissions that a caller must hold, for example <c>network.http</c> or <c>none</c>.</summary>
    public IReadOnlyList<string> Permissions { get; init; } = ["none"];

    /// <summary>Upper bound of one call's price in 10⁻⁹ dollars; reserved before the call. Default 0.</summary>
    public long MaxCostNanoDollars { get; init; }

    /// <summary>Default time limit of one attempt. Default 30 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    public Effects Effects { get; init; } = Effects.External;

    public Determinism Determinism { get; init; } = Determinism.None;

    /// <summary>Matters to calls with external effects only. Default <see cref="Idempotency.Unknown"/>.</summary>
    public Idempotency Idempotency { get; init; } = Idempotency.Unknown;

    /// <summary>Error codes that callers may branch on, with their meaning.</summary>
    public IReadOnlyDictionary<string, string> ErrorCodes { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
}
