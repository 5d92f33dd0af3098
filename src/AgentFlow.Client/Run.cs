using System.Text.Json;

namespace AgentFlow.Client;

/// <summary>One execution of a workflow version. Lists leave out what only the single view has.</summary>
public sealed record Run
{
    public required string Id { get; init; }

    public required string Workflow { get; init; }

    public string Version { get => field ?? ""; init; }

    /// <summary><c>queued</c>, <c>running</c>, <c>waiting</c>, <c>paused</c>, <c>cancelling</c>, <c>compensating</c>, <c>completed</c>, <c>failed</c>, <c>cancelled</c> or <c>diverged</c>.</summary>
    public required string Status { get; init; }

    /// <summary>The word that the workflow gave its end.</summary>
    public string? Outcome { get; init; }

    /// <summary>Single view only.</summary>
    public JsonElement? Input { get; init; }

    /// <summary>Single view only.</summary>
    public JsonElement? Output { get; init; }

    public RunError? Error { get; init; }

    public decimal CostDollars { get; init; }

    public TokenUse? Tokens { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Milliseconds from start to end.</summary>
    public double? DurationMs { get; init; }

    public string? TraceId { get; init; }

    /// <summary>Ids of the steps, in the order they were entered.</summary>
    public IReadOnlyList<string> Path { get => field ?? []; init; }

    /// <summary>Single view only.</summary>
    public IReadOnlyList<RunStep> Steps { get => field ?? []; init; }

    /// <summary>Nothing more happens to the run by itself: it has ended, or an operator must look at it (<c>diverged</c>).</summary>
    public bool IsEnded => Status is "completed" or "failed" or "cancelled" or "diverged";
}

/// <param name="Category">Upper case, for example <c>TRANSIENT</c>.</param>
public sealed record RunError(string Code, string? Category, string Message, bool Retryable = false);

public sealed record TokenUse(long Input, long Output);

/// <summary>One visit of a node.</summary>
public sealed record RunStep
{
    /// <summary>Identifies the visit within the run.</summary>
    public required string Id { get; init; }

    /// <summary>Where the node stands in the plan.</summary>
    public string Path { get => field ?? ""; init; }

    /// <summary>The node's id in the workflow file.</summary>
    public string Node { get => field ?? ""; init; }

    /// <summary><c>agent</c>, <c>tool</c>, <c>wait</c> or <c>pass</c>.</summary>
    public string Kind { get => field ?? ""; init; }

    /// <summary>The agent's or tool's id.</summary>
    public string? Target { get; init; }

    public string Status { get => field ?? ""; init; }

    public int Attempts { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    public double? DurationMs { get; init; }

    /// <summary>When the step goes on by itself: its next attempt, or the end of its wait.</summary>
    public DateTimeOffset? DueAt { get; init; }

    /// <summary>Who answered: the model provider.</summary>
    public string? Provider { get; init; }

    public decimal CostDollars { get; init; }

    public TokenUse? Tokens { get; init; }

    public string? IdempotencyKey { get; init; }

    public RunError? Error { get; init; }
}

/// <summary>What to execute.</summary>
/// <param name="Workflow">A registered workflow's name.</param>
/// <param name="Input">A JSON object.</param>
public sealed record RunRequest(string Workflow, JsonElement Input)
{
    /// <summary>A version; <see langword="null"/> takes the newest.</summary>
    public string? Version { get; init; }

    public string? TraceId { get; init; }

    /// <summary>
    /// Two requests with the same key are one run. <see langword="null"/> makes a new key for the call, so that its own
    /// repetitions after a lost connection start nothing twice.
    /// </summary>
    public string? IdempotencyKey { get; init; }
}

/// <summary>A run was accepted: it is on the server's disk.</summary>
public sealed record StartedRun(string RunId, string? TraceId);

/// <summary>Which runs to list.</summary>
public sealed record RunQuery
{
    public string? Workflow { get; init; }

    public string? Status { get; init; }

    /// <summary>From the page before.</summary>
    public string? Cursor { get; init; }

    /// <summary>1 to 500. Default 50.</summary>
    public int Size { get; init; } = 50;
}
