namespace AgentFlow.Expressions.JsonPath;

/// <summary>
/// What queries may cost together. <c>$..*..*..*</c> grows with a power of the document: without a limit one small query
/// holds a worker for hours. Used by one thread at a time.
/// </summary>
/// <param name="maxNodes">Longest list of nodes that a query may hold at any of its segments.</param>
/// <param name="maxSteps">Values that may be looked at, long texts counting more; a step is some ten nanoseconds.</param>
public sealed class JsonPathBudget(int maxNodes, long maxSteps, CancellationToken cancellationToken = default)
{
    private const int StepsBetweenChecks = 4096;

    private long _nextCheck;

    /// <summary>Steps spent so far.</summary>
    public long Spent { get; private set; }

    /// <summary>Whether a query was given up: what it had selected until then means nothing.</summary>
    public bool IsExhausted { get; private set; }

    /// <summary>Whether a list of nodes may have this length.</summary>
    internal bool Holds(int nodes)
    {
        IsExhausted |= nodes > maxNodes;
        return !IsExhausted;
    }

    /// <summary>Takes some steps; false when none are left.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public bool Spend(long steps)
    {
        Spent = steps > long.MaxValue - Spent ? long.MaxValue : Spent + steps;
        IsExhausted |= Spent > maxSteps;
        if (Spent >= _nextCheck)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _nextCheck = Math.Min(Spent, long.MaxValue - StepsBetweenChecks) + StepsBetweenChecks;
        }

        return !IsExhausted;
    }
}
