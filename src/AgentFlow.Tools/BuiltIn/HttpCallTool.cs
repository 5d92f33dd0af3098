using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn.Http;

namespace AgentFlow.Tools.BuiltIn;

/// <summary>
/// Sends HTTP requests for agents, who may be talked into sending them anywhere: public addresses only, checked where the
/// connection is made, within limits of time and size.
/// </summary>
internal sealed class HttpCallTool(HttpTransport transport, ExecutionProfile profile, TimeProvider time) : ITool
{
    private static readonly ToolContract Promise = HttpCallContract.Create();

    private readonly HttpExchange _exchange = new(transport, profile);

    public ToolContract Contract => Promise;

    public static ToolDefinition Define(HttpTransport transport, TimeProvider time) =>
        new(Promise, profile => new HttpCallTool(transport, profile, time));

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
    {
        if (HttpCallRequest.Read(call, out StepOutcome? refusal) is not { } request)
            return new(refusal!);
        TimeSpan limit = request.Timeout < profile.TimeLimit ? request.Timeout : profile.TimeLimit;
        return TimeLimit.RunAsync(time, limit, call.Deadline, (left, token) => RunAsync(request, call.IdempotencyKey, left, token), cancellationToken);
    }

    private async Task<StepOutcome> RunAsync(HttpCallRequest request, string key, TimeSpan limit, CancellationToken cancellationToken)
    {
        long start = time.GetTimestamp();
        string seed = request.IdempotencyKey ?? key;
        for (int attempt = 1; ; attempt++)
        {
            long sent = time.GetTimestamp();
            (HttpAnswer? answer, StepError? error) = await _exchange.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (answer is not null && !IsFailure(answer.Status))
                return Success(answer, time.GetElapsedTime(sent));
            error ??= Failed(request, answer!);
            if (attempt >= request.Retry.MaxAttempts || !IsRetried(answer, error))
                return new StepOutcome { Error = error };
            TimeSpan delay = request.Retry.DelayAfter(attempt, seed);
            if (error.RetryAfter > delay)
                delay = error.RetryAfter.Value;
            // The step's own retry waits longer than this attempt may last.
            if (delay >= limit - time.GetElapsedTime(start))
                return new StepOutcome { Error = error };
            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(false);
        }
    }

    private static StepOutcome Success(HttpAnswer answer, TimeSpan latency)
    {
        using var output = new JsonOutput();
        answer.Write(output.Writer, (long)latency.TotalMilliseconds);
        return output.Success();
    }

    private static bool IsFailure(int status) => status is 408 or 425 or 429 or >= 500;

    // A mutating method never comes this far without a key, so the other side can tell a repetition from a new wish.
    private static bool IsRetried(HttpAnswer? answer, StepError error) =>
        answer is { Status: 429 or 502 or 503 or 504 } || error.Code == ExchangeException.ConnectFailedCode;

    private StepError Failed(HttpCallRequest request, HttpAnswer answer)
    {
        string excerpt = answer.Excerpt();
        return new StepError(
            "UPSTREAM_ERROR",
            ErrorCategory.Transient,
            $"{request.Method} {UrlRule.Origin(request.Url)} answered {answer.Status}{(excerpt.Length > 0 ? ": " : "")}{excerpt}",
            answer.RetryAfter(time.GetUtcNow()));
    }
}
