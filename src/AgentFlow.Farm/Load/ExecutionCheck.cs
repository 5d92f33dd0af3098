using AgentFlow.Farm.Platform;

namespace AgentFlow.Farm.Load;

/// <param name="Sequence">The workflow's number in its stream.</param>
/// <param name="IsToComplete">What the oracle expects of it.</param>
internal sealed record TakenExecution(string Id, long Sequence, bool IsToComplete);

/// <summary>Counts how executions ended, and holds that against what the oracle expects. Safe for concurrent use.</summary>
/// <param name="anonymous">Executions that were taken without an id.</param>
internal sealed class ExecutionCheck(long anonymous)
{
    public const string Completed = "completed";

    private readonly Lock _gate = new();
    private ExecutionCounts _counts = new(0, 0, 0, 0, anonymous, 0, 0, null);

    public ExecutionCounts Counts
    {
        get
        {
            lock (_gate)
            {
                return _counts;
            }
        }
    }

    /// <returns>False when it is under way, as far as the answer tells.</returns>
    public bool Note(TakenExecution execution, PlatformAnswer answer)
    {
        string? status = answer.Kind == AnswerKind.Ok ? answer.Body.Text("status")?.Trim().ToLowerInvariant() : null;
        bool isUnknown = answer is { Kind: AnswerKind.Refused, IsTransient: false };
        if (status is not (Completed or "partial" or "failed") && !isUnknown)
        {
            return false;
        }

        lock (_gate)
        {
            if (isUnknown)
            {
                _counts = _counts with { Unknown = _counts.Unknown + 1 };
                return true;
            }

            bool hasCompleted = status == Completed;
            _counts = _counts with
            {
                Completed = _counts.Completed + (hasCompleted ? 1 : 0),
                Partial = _counts.Partial + (status == "partial" ? 1 : 0),
                Failed = _counts.Failed + (status == "failed" ? 1 : 0),
                ExpectedCompleted = _counts.ExpectedCompleted + (execution.IsToComplete ? 1 : 0),
            };
            if (execution.IsToComplete != hasCompleted)
            {
                string what = answer.Body.Text("error_message") is { Length: > 0 } message ? $"{status}: {message}" : status!;
                _counts = _counts with
                {
                    Unexpected = _counts.Unexpected + 1,
                    FirstUnexpected = _counts.FirstUnexpected ?? $"Execution {execution.Id} (stream_sequence {execution.Sequence}) should {(execution.IsToComplete ? "complete" : "not complete")} and is {what}",
                };
            }
        }

        return true;
    }

    public void GiveUp()
    {
        lock (_gate)
        {
            _counts = _counts with { Open = _counts.Open + 1 };
        }
    }
}
