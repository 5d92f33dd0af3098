using System.Text.Json.Serialization;
using AgentFlow.Contracts.Json;

namespace AgentFlow.Contracts.Errors;

/// <summary>Why something failed, in the terms that decide whether another try can help.</summary>
[JsonConverter(typeof(WireEnumConverter<ErrorCategory>))]
public enum ErrorCategory
{
    /// <summary>A passing fault: time-out, connection reset, 5xx, 429. Retryable.</summary>
    [JsonStringEnumMemberName("TRANSIENT")]
    Transient,

    /// <summary>The same call will fail again.</summary>
    [JsonStringEnumMemberName("PERMANENT")]
    Permanent,

    /// <summary>A quota, budget or capacity ran out and may come back. Retryable.</summary>
    [JsonStringEnumMemberName("RESOURCE")]
    Resource,

    /// <summary>The caller may not do this.</summary>
    [JsonStringEnumMemberName("PERMISSION")]
    Permission,

    /// <summary>The input is wrong.</summary>
    [JsonStringEnumMemberName("VALIDATION")]
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
