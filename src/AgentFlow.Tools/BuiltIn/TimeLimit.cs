using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.BuiltIn;

/// <summary>Ends a call when its time is over, and tells that from being cancelled.</summary>
internal static class TimeLimit
{
    /// <summary>Runs with a token that ends at the limit or the deadline, whichever comes first; the run is told how long that is.</summary>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public static async ValueTask<StepOutcome> RunAsync(
        TimeProvider time, TimeSpan limit, DateTimeOffset deadline, Func<TimeSpan, CancellationToken, Task<StepOutcome>> run, CancellationToken cancellationToken)
    {
        TimeSpan left = deadline - time.GetUtcNow();
        left = left < limit ? left : limit;
        if (left <= TimeSpan.Zero)
            return TimedOut(TimeSpan.Zero);
        using var timer = new CancellationTokenSource(left, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellationToken);
        try
        {
            return await run(left, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (timer.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return TimedOut(left);
        }
    }

    private static StepOutcome TimedOut(TimeSpan limit) => StepOutcome.Failure(
        "STEP_TIMEOUT",
        ErrorCategory.Transient,
        $"no complete answer within {limit.TotalMilliseconds:0} ms: raise the call's timeout, the step's timeout or the policy's time limit");
}
