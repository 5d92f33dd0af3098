using AgentFlow.Engine.Definitions;

namespace AgentFlow.Engine.Nodes;

/// <summary>
/// What is done about one way in which a step can fail. A failure that is remedied does not count against the step's retries.
/// Without a <see cref="Call"/> the step waits and is tried again.
/// </summary>
/// <param name="On">Error codes, for example <c>OUTPUT_INVALID</c>.</param>
public sealed record Remedy(IReadOnlyList<string> On)
{
    /// <summary>
    /// What is called, with <c>{ input, output, error: { code, message } }</c>: what the failed attempt got, what it gave, and what was wrong;
    /// <see langword="null"/>: nothing.
    /// </summary>
    public CallNode? Call { get; init; }

    /// <summary>What <see cref="Call"/> answers is the step's output, held to the step's contract. Otherwise it is the step's new input, and the step is tried again.</summary>
    public bool IsAnswer { get; init; }

    /// <summary>Failures of one visit that it is used for. Default 1.</summary>
    public int Times { get; init; } = 1;

    /// <summary>Waits before the next try where nothing is called; its number of attempts means nothing.</summary>
    public RetryPolicy Backoff { get; init; } = RetryPolicy.None;
}
