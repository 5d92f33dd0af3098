namespace AgentFlow.Contracts.Errors;

/// <summary>
/// The body of every error answer: problem details (RFC 9457, <c>application/problem+json</c>) with the members that
/// the RFC leaves to us. Members without a value are left out.
/// </summary>
public sealed record Problem
{
    /// <summary>The media type of the answer.</summary>
    public const string MediaType = "application/problem+json";

    /// <summary>Names the kind of problem: <c>/docs/errors/</c> and the code, where every server has the code's page.</summary>
    public required string Type { get; init; }

    public required string Title { get; init; }

    /// <summary>The HTTP status, repeated for readers that only see the body.</summary>
    public required int Status { get; init; }

    /// <summary>What was wrong this time and what to do; safe to show to the caller.</summary>
    public string? Detail { get; init; }

    /// <summary>The path of the request.</summary>
    public string? Instance { get; init; }

    /// <summary>Stable SCREAMING_SNAKE code, see <see cref="ErrorCode"/>.</summary>
    public required string Code { get; init; }

    /// <summary>Whether the same request may succeed later.</summary>
    public required bool Retryable { get; init; }

    public string? TraceId { get; init; }

    /// <summary>The single faults, when there are several or when they have a place.</summary>
    public IReadOnlyList<ProblemEntry>? Errors { get; init; }

    public static Problem Of(ErrorCode code, string? detail = null, IReadOnlyList<ProblemEntry>? errors = null)
    {
        ArgumentNullException.ThrowIfNull(code);
        return new()
        {
            Type = $"/docs/errors/{code.Code}",
            Title = code.Title,
            Status = code.Status,
            Detail = detail,
            Code = code.Code,
            Retryable = code.Retryable,
            Errors = errors is { Count: > 0 } ? errors : null,
        };
    }
}

/// <summary>One fault among those of a <see cref="Problem"/>.</summary>
/// <param name="Message">What is wrong, in one sentence.</param>
/// <param name="File">The file that has the fault, when the input was one or several.</param>
/// <param name="Pointer">The place as a JSON pointer (RFC 6901) into the request's body; empty for the whole body.</param>
/// <param name="Line">From 1, when the input was a text.</param>
/// <param name="Column">From 1.</param>
/// <param name="Code">The rule that was broken: a kebab-case name of the loader's, or the name of a JSON Schema keyword.</param>
/// <param name="Remedy">What to write instead.</param>
public sealed record ProblemEntry(
    string Message,
    string? File = null,
    string? Pointer = null,
    int? Line = null,
    int? Column = null,
    string? Code = null,
    string? Remedy = null);
