using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.HumanTasks;

/// <summary>Where a task stands. Numbers are stored; those below <see cref="Completed"/> are open.</summary>
public enum HumanTaskStatus : byte
{
    Created = 0,
    Claimed = 1,
    Escalated = 2,
    Completed = 3,
    Expired = 4,
    Cancelled = 5,
}

/// <summary>
/// Something that a run waits for a person to do. Its row decides who answers, once; the run learns of the end afterwards.
/// Changes are made here, to a copy, and count when the store has replaced the version that was read.
/// </summary>
/// <param name="Approval">Which approval of the step it is; empty: the step itself.</param>
/// <param name="Step">Path of the step in its run.</param>
public sealed record HumanTask(Ulid Id, string Tenant, Ulid Run, StepAddress Address, string Approval, string Workflow, string Step, HumanTaskOrder Order)
{
    public HumanTaskStatus Status { get; init; }

    /// <summary>Whom it is for now; escalation and reassignment change it.</summary>
    public required Assignee To { get; init; }

    /// <summary>The actor who works on it; empty: nobody.</summary>
    public string ClaimedBy { get; init; } = "";

    /// <summary>Escalations that have happened.</summary>
    public int Level { get; init; }

    /// <summary>Unix milliseconds; 0: none.</summary>
    public long DueAt { get; init; }

    /// <summary>When time next changes it, Unix milliseconds; 0: never.</summary>
    public long NextAt { get; init; }

    public Payload? Answer { get; init; }

    public string AnsweredBy { get; init; } = "";

    /// <summary>Under which the answer was given, so that the same request again gets the same reply; empty: none.</summary>
    public string AnswerKey { get; init; } = "";

    /// <summary>The run knows the end.</summary>
    public bool IsDelivered { get; init; }

    /// <summary>Rises with each change.</summary>
    public int Version { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public long CreatedAt { get; init; }

    public long UpdatedAt { get; init; }

    /// <summary>When it ended; 0 before.</summary>
    public long EndedAt { get; init; }

    public bool IsApproval => Approval.Length > 0;

    public bool IsOpen => Status < HumanTaskStatus.Completed;

    public static HumanTask Create(Ulid id, string tenant, Ulid run, StepAddress address, string approval, string workflow, string step, HumanTaskOrder order, long now)
    {
        var task = new HumanTask(id, tenant, run, address, approval, workflow, step, order)
        {
            To = order.To,
            CreatedAt = now,
            UpdatedAt = now,
            DueAt = order.Timeout is { } timeout ? now + (long)timeout.TotalMilliseconds : 0,
        };
        return task with { NextAt = task.Next() };
    }

    public HumanTask Claim(string actor, long now) => this with { Status = HumanTaskStatus.Claimed, ClaimedBy = actor, UpdatedAt = now };

    public HumanTask Release(long now) => this with { Status = Level > 0 ? HumanTaskStatus.Escalated : HumanTaskStatus.Created, ClaimedBy = "", UpdatedAt = now };

    /// <summary>Gives it to somebody else, who has yet to claim it.</summary>
    public HumanTask Reassign(Assignee to, long now) => Release(now) with { To = to };

    public HumanTask Complete(Payload answer, string actor, string key, long now) => this with
    {
        Status = HumanTaskStatus.Completed,
        Answer = answer,
        AnsweredBy = actor,
        AnswerKey = key,
        NextAt = 0,
        UpdatedAt = now,
        EndedAt = now,
    };

    /// <summary>Nobody needs it any more; its run knows why.</summary>
    public HumanTask Cancel(long now) => this with { Status = HumanTaskStatus.Cancelled, IsDelivered = true, NextAt = 0, UpdatedAt = now, EndedAt = now };

    /// <summary>What has become of it by a time: escalated, perhaps several times, or expired.</summary>
    public HumanTask Age(long now)
    {
        HumanTask task = this;
        while (task.IsOpen && task.NextAt != 0 && task.NextAt <= now)
        {
            task = task.NextAt == task.DueAt
                ? task with { Status = HumanTaskStatus.Expired, Answer = Order.DefaultAnswer, AnsweredBy = "timeout", NextAt = 0, UpdatedAt = now, EndedAt = now }
                : task with { Status = HumanTaskStatus.Escalated, To = Order.Escalations[task.Level].To, ClaimedBy = "", Level = task.Level + 1, UpdatedAt = now };
            task = task.IsOpen ? task with { NextAt = task.Next() } : task;
        }

        return task;
    }

    /// <summary>What becomes of it when nobody does it: it expires; <see langword="null"/>: it stays open for ever.</summary>
    public HumanTask? AgeToItsEnd() => DueAt == 0 ? null : Age(DueAt);

    private long Next()
    {
        long escalates = Level < Order.Escalations.Count ? CreatedAt + (long)Order.Escalations[Level].After.TotalMilliseconds : 0;
        return escalates != 0 && (DueAt == 0 || escalates < DueAt) ? escalates : DueAt;
    }
}

/// <summary>The states' names on the wire.</summary>
public static class HumanTaskStatusExtensions
{
    private static readonly string[] Words = ["created", "claimed", "escalated", "completed", "expired", "cancelled"];

    public static IReadOnlyList<string> All => Words;

    public static string Word(this HumanTaskStatus status) => Words[(int)status];

    public static HumanTaskStatus? Parse(string word) => Array.IndexOf(Words, word) is >= 0 and var index ? (HumanTaskStatus)index : null;
}
