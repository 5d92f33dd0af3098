using System.Text.Json;
using System.Text.Json.Serialization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Json;

namespace AgentFlow.Contracts.Tools;

/// <summary>What a skill answers on the wire. A skill never throws: every failure is one of these.</summary>
public sealed record StructuredOutcome
{
    public required string Id { get; init; }

    public required bool Ok { get; init; }

    /// <summary><see langword="null"/> when it failed, or when there is nothing to say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public JsonElement? Result { get; init; }

    /// <summary><see langword="null"/> when <see cref="Ok"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public OutcomeError? Error { get; init; }

    public required OutcomeMeta Meta { get; init; }

    /// <summary>The RFC 8785 form, UTF-8.</summary>
    /// <exception cref="CanonicalJsonException">The result has no canonical form.</exception>
    public byte[] ToCanonicalJson() => CanonicalJson.Canonicalize(this, WireJson.Default.StructuredOutcome);

    /// <summary>SHA-256 of <see cref="ToCanonicalJson"/>, lower-case hexadecimal.</summary>
    /// <exception cref="CanonicalJsonException">The result has no canonical form.</exception>
    public string ContentHash() => CanonicalJson.Hash(this, WireJson.Default.StructuredOutcome);
}

/// <param name="Code">Stable SCREAMING_SNAKE code.</param>
/// <param name="Message">What was wrong and what to do.</param>
/// <param name="Retryable">Whether the same call may succeed later.</param>
/// <param name="Details">Whatever a program can use.</param>
public sealed record OutcomeError(
    string Code,
    ErrorCategory Category,
    string Message,
    bool Retryable,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] JsonElement? Details = null)
{
    /// <summary>An error whose retryability is that of its category.</summary>
    public static OutcomeError Of(string code, ErrorCategory category, string message, JsonElement? details = null) =>
        new(code, category, message, category.IsRetryable(), details);
}

/// <param name="CallId">Names this call.</param>
/// <param name="DurationS">Seconds.</param>
/// <param name="InputsHash">The content hash of the call's input.</param>
/// <param name="CostCents">US cents.</param>
public sealed record OutcomeMeta(
    string CallId,
    string SkillId,
    string SkillVersion,
    DateTimeOffset StartedAt,
    DateTimeOffset EndedAt,
    double DurationS,
    string InputsHash,
    decimal CostCents);
