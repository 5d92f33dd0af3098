using System.Text.Json;

namespace AgentFlow.Farm.Platform;

/// <summary>How a request to the platform went.</summary>
public enum AnswerKind
{
    /// <summary>A 2xx with a JSON object.</summary>
    Ok,

    /// <summary>Another status.</summary>
    Refused,

    /// <summary>Nothing complete came within the time limit.</summary>
    TimedOut,

    /// <summary>No connection, or it broke.</summary>
    Unreachable,

    /// <summary>A 2xx with something else than a JSON object, or more of it than is read.</summary>
    Unusable,
}

/// <param name="Status">The HTTP status; 0 when none came.</param>
/// <param name="Body">The object, when there is one.</param>
/// <param name="RetryAfter">When the platform wants to be asked again.</param>
/// <param name="Problem">What went wrong, in one sentence; <see langword="null"/> when nothing did.</param>
public sealed record PlatformAnswer(AnswerKind Kind, int Status, JsonElement Body, TimeSpan? RetryAfter, string? Problem)
{
    /// <summary>Whether the same request may succeed later: busy, restarting, or out of reach.</summary>
    public bool IsTransient => Kind is AnswerKind.TimedOut or AnswerKind.Unreachable || (Kind == AnswerKind.Refused && Status is 408 or 425 or 429 or >= 500);
}
