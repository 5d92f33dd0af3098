using System.Text.Json;
using System.Text.Json.Serialization;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Contracts.Planning;

/// <summary>Why there is no plan.</summary>
/// <param name="Code">Stable SCREAMING_SNAKE code.</param>
/// <param name="Message">What was wrong and what to do.</param>
/// <param name="Retryable">Whether the same request may succeed later.</param>
/// <param name="Details">Whatever a program can use.</param>
public sealed record PlannerError(
    string Code,
    string Message,
    bool Retryable,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] JsonElement? Details = null)
{
    public static PlannerError Of(ErrorCode code, string message, JsonElement? details = null)
    {
        ArgumentNullException.ThrowIfNull(code);
        return new(code.Code, message, code.Retryable, details);
    }
}
