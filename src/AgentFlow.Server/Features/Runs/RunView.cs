using System.Text.Json.Serialization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Runs;

/// <summary>One execution of a workflow version. Lists give the short form: what only the journal knows is left out.</summary>
public sealed record RunView
{
    /// <summary>A ULID.</summary>
    public required string Id { get; init; }

    public required string Workflow { get; init; }

    public required string Version { get; init; }

    /// <summary><c>queued</c>, <c>running</c>, <c>waiting</c>, <c>paused</c>, <c>cancelling</c>, <c>compensating</c>, <c>completed</c>, <c>failed</c>, <c>cancelled</c> or <c>diverged</c>.</summary>
    public required string Status { get; init; }

    /// <summary>The word that the workflow gave a completed run's end.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Outcome { get; init; }

    public RawJson? Input { get; init; }

    public RawJson? Output { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ErrorView? Error { get; init; }

    public decimal CostDollars { get; init; }

    public TokensView? Tokens { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Milliseconds from start to end.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public long? DurationMs { get; init; }

    public string? TraceId { get; init; }

    /// <summary>From -10 to 10; higher ones are claimed first. 0 unless given.</summary>
    public int Priority { get; init; }

    /// <summary>The run that this one does a step of.</summary>
    public string? Parent { get; init; }

    /// <summary>Runs that do or did steps of this one, in the order in which they were started. Not in lists.</summary>
    public IReadOnlyList<string>? Children { get; init; }

    /// <summary>Ids of the steps in the order in which they were entered.</summary>
    public IReadOnlyList<string>? Path { get; init; }

    public IReadOnlyList<StepView>? Steps { get; init; }

    /// <summary>The short form, from the run's row alone.</summary>
    public static RunView Of(RunRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        DateTimeOffset created = UnixTime.Of(row.CreatedAt);
        DateTimeOffset? ended = row.EndedAt is { } at ? UnixTime.Of(at) : null;
        return new RunView
        {
            Id = row.Run.ToString(),
            Workflow = row.Workflow,
            Version = row.Version,
            Status = row.Status.Word(),
            Outcome = row.Status == RunStatus.Completed ? row.Result : null,
            Error = row.Status switch
            {
                RunStatus.Failed => ErrorView.OfCode(row.Result),
                RunStatus.Cancelled => ErrorView.OfCode(ErrorCode.RunCancelled.Code),
                RunStatus.Diverged => ErrorView.OfCode(ErrorCode.RunDiverged.Code) with { Message = row.Result },
                _ => null,
            },
            CostDollars = Money.Dollars(row.CostNanoDollars),
            Priority = row.Priority,
            Parent = row.Parent?.ToString(),
            CreatedAt = created,
            EndedAt = ended,
            DurationMs = ended is null ? null : (long)(ended.Value - created).TotalMilliseconds,
        };
    }
}

/// <param name="Input">Tokens sent.</param>
/// <param name="Output">Tokens received.</param>
public sealed record TokensView(long Input, long Output);

/// <param name="Code">Stable SCREAMING_SNAKE code.</param>
/// <param name="Category">Upper case, for example <c>TRANSIENT</c>.</param>
/// <param name="Message">What was wrong and what to do.</param>
public sealed record ErrorView(string Code, string Category, string Message, bool Retryable)
{
    internal static ErrorView? Of(StepError? error) =>
        error is null ? null : new ErrorView(error.Code, error.Category.Word(), error.Message, error.Retryable);

    /// <summary>What is known of a code alone; tools bring codes that nobody here knows.</summary>
    internal static ErrorView OfCode(string code)
    {
        ErrorCode? known = ErrorCode.Find(code);
        ErrorCategory category = known?.Category ?? ErrorCategory.Permanent;
        return new ErrorView(code, category.Word(), known?.Title ?? code, category.IsRetryable());
    }
}

/// <summary>One visit of a leaf of the plan: a call, a wait, or a state without a body.</summary>
public sealed record StepView
{
    /// <summary>Number of the node visit; what <c>/runs/{id}/steps/{id}/resolve</c> takes.</summary>
    public required string Id { get; init; }

    /// <summary>Structural path with visits, for example <c>review#2/fetch#1</c>.</summary>
    public required string Path { get; init; }

    /// <summary>The node's id in the workflow file.</summary>
    public required string Node { get; init; }

    /// <summary><c>agent</c>, <c>tool</c>, <c>workflow</c>, <c>wait</c>, <c>barrier</c> or <c>pass</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The agent's or tool's id, the called workflow's or the awaited signal's name.</summary>
    public string? Target { get; init; }

    /// <summary>
    /// <c>scheduled</c>, <c>running</c>, <c>backoff</c> (between two attempts), <c>held</c> (a rate of its agent is used up), <c>asked</c> (its outcome is unknown and somebody must
    /// say), <c>awaiting</c> (somebody else does it), <c>queued</c> (it waits for a permit or at a barrier), <c>waiting</c>, <c>succeeded</c>, <c>failed</c> or <c>cancelled</c>.
    /// </summary>
    public required string Status { get; init; }

    /// <summary>The run that does the step, or did last.</summary>
    public string? Child { get; init; }

    public required int Attempts { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    public long? DurationMs { get; init; }

    /// <summary>When the step goes on by itself: its next attempt, or the end of its wait.</summary>
    public DateTimeOffset? DueAt { get; init; }

    /// <summary>Who answered: a model provider.</summary>
    public string? Provider { get; init; }

    public decimal CostDollars { get; init; }

    public TokensView? Tokens { get; init; }

    /// <summary>What a call with effects was made under; equal for every try of one intent.</summary>
    public string? IdempotencyKey { get; init; }

    public ErrorView? Error { get; init; }
}

internal static class Money
{
    private const decimal NanoDollars = 1_000_000_000m;

    public static decimal Dollars(long nanoDollars) => nanoDollars / NanoDollars;
}
