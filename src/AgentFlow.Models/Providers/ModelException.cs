using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Models.Providers;

/// <summary>
/// An expected failure of a model call on its way through the layers of a provider's client, which know nothing of
/// <see cref="StepError"/>. It never leaves this project.
/// </summary>
internal sealed class ModelException(StepError error, Exception? inner = null) : Exception(error.Message, inner)
{
    public StepError Error { get; } = error;

    public static ModelException Unavailable(string provider, string what, Exception? inner = null, TimeSpan? retryAfter = null) => new(
        new StepError(ModelErrorCodes.Unavailable, ErrorCategory.Transient, $"The model provider '{provider}' {what}.", retryAfter), inner);

    public static ModelException AnswerInvalid(string provider, string what, Exception? inner = null) => new(
        new StepError(ModelErrorCodes.AnswerInvalid, ErrorCategory.Transient, $"The answer of the model provider '{provider}' {what}."), inner);
}

/// <summary>The error codes of model calls.</summary>
public static class ModelErrorCodes
{
    /// <summary>The provider's rate limit: transient, with the provider's wish for a delay.</summary>
    public const string RateLimited = "MODEL_RATE_LIMITED";

    /// <summary>No connection, a time-out, a broken connection or a 5xx: transient.</summary>
    public const string Unavailable = "MODEL_UNAVAILABLE";

    /// <summary>The answer is not what was asked for: not the provider's format, cut off, or not the agent's schema. Transient: another try can help.</summary>
    public const string AnswerInvalid = "MODEL_ANSWER_INVALID";

    /// <summary>The provider refuses the request itself: validation.</summary>
    public const string RequestRejected = "MODEL_REQUEST_REJECTED";

    /// <summary>The provider has no such model: validation.</summary>
    public const string NotFound = "MODEL_NOT_FOUND";

    /// <summary>The input is longer than the agent's <c>model.max_input_tokens</c>: validation.</summary>
    public const string InputTooLarge = "MODEL_INPUT_TOO_LARGE";

    /// <summary>The model or the provider's filter declined to answer: permanent.</summary>
    public const string Refused = "MODEL_REFUSED";

    /// <summary>The call would leave the premises under <c>AF_RESIDENCY_POLICY=strict</c>: permission.</summary>
    public const string ResidencyViolation = "RESIDENCY_VIOLATION";

    /// <summary>No key, or a key that the provider doesn't accept: permission.</summary>
    public const string PermissionDenied = "PERMISSION_DENIED";

    /// <summary>No such provider, or none is configured: validation.</summary>
    public const string ProviderUnknown = "MODEL_PROVIDER_UNKNOWN";
}
