namespace AgentFlow.Contracts.Errors;

/// <summary>Why something failed, in the terms that decide whether another try can help.</summary>
public enum ErrorCategory
{
    /// <summary>A passing fault: time-out, connection reset, 5xx, 429. Retryable.</summary>
    Transient,

    /// <summary>The same call will fail again.</summary>
    Permanent,

    /// <summary>A quota, budget or capacity ran out and may come back. Retryable.</summary>
    Resource,

    /// <summary>The caller may not do this.</summary>
    Permission,

    /// <summary>The input is wrong.</summary>
    Validation,
}

public static class ErrorCategories
{
    /// <summary>True for <see cref="ErrorCategory.Transient"/> and <see cref="ErrorCategory.Resource"/>, nothing else.</summary>
    public static bool IsRetryable(this ErrorCategory category) => category is ErrorCategory.Transient or ErrorCategory.Resource;

    /// <summary>The wire word: upper case, for example <c>TRANSIENT</c>.</summary>
    public static string Word(this ErrorCategory category) => category switch
    {
        ErrorCategory.Transient => "TRANSIENT",
        ErrorCategory.Permanent => "PERMANENT",
        ErrorCategory.Resource => "RESOURCE",
        ErrorCategory.Permission => "PERMISSION",
        _ => "VALIDATION",
    };
}
