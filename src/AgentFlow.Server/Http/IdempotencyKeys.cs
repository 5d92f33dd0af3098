using Microsoft.Extensions.Primitives;

namespace AgentFlow.Server.Http;

/// <summary>The <c>Idempotency-Key</c> of a request.</summary>
internal static class IdempotencyKeys
{
    public const string Header = "Idempotency-Key";

    /// <summary>Set on an answer that stands for an earlier request with the same key.</summary>
    public const string ReplayedHeader = "Idempotency-Replayed";

    public const int MaxLength = 255;

    /// <summary>The key; <see langword="null"/> without one.</summary>
    /// <exception cref="ProblemException">It is empty, too long, stands twice, or has characters outside printable ASCII.</exception>
    public static string? Of(HttpContext context)
    {
        StringValues values = context.Request.Headers[Header];
        if (values.Count == 0)
        {
            return null;
        }

        return values.Count == 1 && values[0] is { Length: > 0 and <= MaxLength } key && key.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0
            ? key
            : throw ProblemException.Parameter(Header, "is not usable", $"Send one key of 1 to {MaxLength} printable ASCII characters, for example a UUID.");
    }
}
