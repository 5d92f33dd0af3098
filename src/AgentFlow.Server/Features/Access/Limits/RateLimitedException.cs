using System.Globalization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access.Limits;

/// <summary>Ends a request with 429 and the headers that say when to come again.</summary>
internal sealed class RateLimitedException(RateAnswer answer, string what)
    : ProblemException(Problem.Of(ErrorCode.RateLimited, string.Create(CultureInfo.InvariantCulture, $"{what} Nothing was done; send it again in {Seconds(answer.RetryAfter)} s.")))
{
    public RateAnswer Answer => answer;

    /// <summary>Whole seconds, never too few.</summary>
    public static long Seconds(TimeSpan time) => (long)Math.Ceiling(time.TotalSeconds);
}
