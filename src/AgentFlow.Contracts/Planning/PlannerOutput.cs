using System.Text.Json;
using System.Text.Json.Serialization;
using AgentFlow.Contracts.Json;

namespace AgentFlow.Contracts.Planning;

/// <summary>A plan: steps in an order that respects their dependencies.</summary>
public sealed record PlannerOutput(IReadOnlyList<PlannerStep> Steps, PlannerMetadata Metadata)
{
    /// <summary>The RFC 8785 form, UTF-8.</summary>
    /// <exception cref="CanonicalJsonException">A parameter has no canonical form.</exception>
    public byte[] ToCanonicalJson() => CanonicalJson.Canonicalize(this, WireJson.Default.PlannerOutput);

    /// <summary>SHA-256 of <see cref="ToCanonicalJson"/>, lower-case hexadecimal.</summary>
    /// <exception cref="CanonicalJsonException">A parameter has no canonical form.</exception>
    public string ContentHash() => CanonicalJson.Hash(this, WireJson.Default.PlannerOutput);
}

/// <summary>What follows the failure of a step.</summary>
[JsonConverter(typeof(WireEnumConverter<PlannerOnError>))]
public enum PlannerOnError
{
    /// <summary>The plan ends.</summary>
    [JsonStringEnumMemberName("abort")]
    Abort,

    /// <summary>The plan goes on without the step's output.</summary>
    [JsonStringEnumMemberName("continue")]
    Continue,

    /// <summary>The step is tried again, <see cref="PlannerStep.RetryCount"/> times at most.</summary>
    [JsonStringEnumMemberName("retry")]
    Retry,

    /// <summary>The steps done so far are compensated.</summary>
    [JsonStringEnumMemberName("compensate")]
    Compensate,
}

/// <param name="StepId"><c>s1</c>, <c>s2</c>, … in order.</param>
/// <param name="Skill">The id of a skill in the manifest.</param>
/// <param name="Params">An object; texts in it may refer to earlier steps, for example <c>{{s1.body}}</c>.</param>
/// <param name="DependsOn">Ids of earlier steps.</param>
public sealed record PlannerStep(
    string StepId,
    string Skill,
    JsonElement Params,
    IReadOnlyList<string>? DependsOn = null,
    PlannerOnError OnError = PlannerOnError.Abort,
    int RetryCount = 3,
    string Description = "")
{
    public IReadOnlyList<string> DependsOn { get; init; } = DependsOn ?? [];
}

/// <param name="Deterministic">Whether the same goal and manifest give this plan again, byte for byte.</param>
/// <param name="CostCents">What planning cost, in US cents.</param>
/// <param name="CacheKey">Equal for equal goals, manifests and planner versions; free of times and of key order.</param>
public sealed record PlannerMetadata(string Planner, string PlannerVersion, bool Deterministic, decimal CostCents, string CacheKey);
