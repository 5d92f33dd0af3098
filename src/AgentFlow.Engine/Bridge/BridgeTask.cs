using System.Text.Json;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Bridge;

/// <summary>How far a task of a remote agent has come. States only move forward; numbers are stored and never change.</summary>
public enum BridgeTaskStatus : byte
{
    /// <summary>Accepted here; no agent has it yet.</summary>
    Queued = 0,

    /// <summary>Sent to an agent, or just about to be.</summary>
    Dispatched = 1,

    /// <summary>The agent says that it will do it.</summary>
    Accepted = 2,

    /// <summary>The agent says that it is at it.</summary>
    InProgress = 3,

    /// <summary>The agent gave its result.</summary>
    Succeeded = 4,

    /// <summary>The agent says that it could not be done.</summary>
    Failed = 5,

    /// <summary>No agent that took it answered in time. A dead letter.</summary>
    TimedOut = 6,

    /// <summary>No agent took it, or its run ended without it. A dead letter.</summary>
    Dead = 7,
}

/// <summary>What is asked of a remote agent, and what came of it: one row, from the dispatch to the last word.</summary>
/// <param name="Id">What the agent knows it by. The same for every try.</param>
/// <param name="Run">The run whose step it is.</param>
/// <param name="Action">What is to be done; the capability that an agent must have.</param>
/// <param name="Payload">UTF-8 JSON.</param>
public sealed record BridgeTask(Guid Id, Ulid Run, string Action, ReadOnlyMemory<byte> Payload)
{
    /// <summary>Orders tasks of a store; set by it.</summary>
    public long Number { get; init; }

    public string Tenant { get; init; } = "";

    /// <summary>The step that waits; <see langword="null"/> until it is tried for the first time.</summary>
    public StepAddress? Address { get; init; }

    /// <summary>Who has it, or is to have it; empty while nobody was chosen.</summary>
    public string Agent { get; init; } = "";

    public BridgeTaskStatus Status { get; init; }

    public string RequestedBy { get; init; } = "";

    /// <summary>A UUID's text.</summary>
    public string TraceId { get; init; } = "";

    public BridgeResources Resources { get; init; } = new();

    /// <summary>How often an agent was to have it and did not answer, or may have got it.</summary>
    public int Tries { get; init; }

    /// <summary>When its answer is due, Unix milliseconds; 0 while nobody has it.</summary>
    public long Due { get; init; }

    /// <summary>Whether there is no try after the one under way.</summary>
    public bool IsLastTry { get; init; }

    /// <summary>UTF-8 JSON; empty without one.</summary>
    public ReadOnlyMemory<byte> Result { get; init; }

    /// <summary>UTF-8 JSON, <c>{code, message, details?}</c>; empty without one.</summary>
    public ReadOnlyMemory<byte> Error { get; init; }

    /// <summary>Whether the run knows the end.</summary>
    public bool IsDelivered { get; init; }

    /// <summary>The dead letter that this one repeats.</summary>
    public Guid? ReplayOf { get; init; }

    /// <summary>The task that repeats this dead letter.</summary>
    public Guid? ReplayedAs { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public long CreatedAt { get; init; }

    /// <summary>Unix milliseconds of the last change of its state.</summary>
    public long UpdatedAt { get; init; }

    public bool HasEnded => Status.IsFinal();

    public bool IsDeadLetter => Status >= BridgeTaskStatus.TimedOut;
}

/// <summary>What a task may use. What is <see langword="null"/> was not asked for.</summary>
/// <param name="Priority">1 (highest) to 10; the agent's business.</param>
/// <param name="TimeoutMs">Milliseconds from the dispatch to the last callback.</param>
/// <param name="Retry">Tries after the first one.</param>
public sealed record BridgeResources(int? Priority = null, long? TimeoutMs = null, int? Retry = null);

/// <summary>One line of a task's history.</summary>
/// <param name="At">Unix milliseconds.</param>
/// <param name="Agent">Whom it is about; empty: nobody.</param>
/// <param name="Note">For readers.</param>
public sealed record BridgeTaskStep(long At, BridgeTaskStatus Status, string Agent, string Note);

/// <summary>A try that is about to be made.</summary>
/// <param name="At">Unix milliseconds.</param>
/// <param name="Due">Unix milliseconds.</param>
public sealed record BridgeTry(string Agent, StepAddress Address, int Number, long At, long Due, bool IsLast);

/// <summary>What an agent says about a task, and its proof of who it is stands already.</summary>
/// <param name="Agent">Who says so.</param>
/// <param name="Result">UTF-8 JSON; empty without one.</param>
/// <param name="Error">UTF-8 JSON; empty without one.</param>
public sealed record BridgeReport(string Agent, BridgeTaskStatus Status, ReadOnlyMemory<byte> Result, ReadOnlyMemory<byte> Error, long At)
{
    /// <summary>What becomes of the report without writing anything; <see langword="null"/> when it moves the task.</summary>
    public ReportOutcome? Judge(BridgeTask task)
    {
        if (task.Agent != Agent)
        {
            return ReportOutcome.NotTheirs;
        }

        if (!task.HasEnded)
        {
            return Status > task.Status ? null : ReportOutcome.Known;
        }

        bool isSame = Status == task.Status && IsSame(Result, task.Result) && IsSame(Error, task.Error);
        return Status.IsFinal() && !isSame ? ReportOutcome.Conflict : ReportOutcome.Known;
    }

    // Whoever says the same again may have written it anew.
    private static bool IsSame(ReadOnlyMemory<byte> one, ReadOnlyMemory<byte> other) =>
        one.Span.SequenceEqual(other.Span) || (one.Length > 0 && other.Length > 0 && JsonElement.DeepEquals(JsonElement.Parse(one.Span), JsonElement.Parse(other.Span)));
}

/// <summary>What became of a report.</summary>
public enum ReportOutcome
{
    /// <summary>The task moved forward, durably.</summary>
    Moved,

    /// <summary>Nothing that was not known, or of what is over.</summary>
    Known,

    /// <summary>The task has ended otherwise.</summary>
    Conflict,

    /// <summary>Another agent has the task.</summary>
    NotTheirs,

    Missing,
}

/// <param name="Status"><see langword="null"/> does not restrict.</param>
/// <param name="DeadOnly">Only dead letters.</param>
/// <param name="Before">Only tasks with a smaller number; newest come first.</param>
public sealed record BridgeTaskFilter(BridgeTaskStatus? Status = null, string? Agent = null, string? Action = null, bool DeadOnly = false, long Before = long.MaxValue, int Size = 50);

/// <param name="Total">All tasks that match, on whatever page.</param>
public sealed record BridgeTaskPage(IReadOnlyList<BridgeTask> Tasks, long Total, bool HasMore);

public static class BridgeTaskStatusExtensions
{
    private static readonly string[] Words = ["queued", "dispatched", "accepted", "in_progress", "succeeded", "failed", "timed_out", "dead"];

    public static bool IsFinal(this BridgeTaskStatus status) => status >= BridgeTaskStatus.Succeeded;

    public static string Word(this BridgeTaskStatus status) => Words[(int)status];

    /// <summary>The status of a word; <see langword="null"/> when it is none.</summary>
    public static BridgeTaskStatus? Parse(string word) => Array.IndexOf(Words, word) is >= 0 and var index ? (BridgeTaskStatus)index : null;

    public static IReadOnlyList<string> All => Words;
}
