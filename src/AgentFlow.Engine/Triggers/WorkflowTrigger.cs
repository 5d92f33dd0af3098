using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Secrets;

namespace AgentFlow.Engine.Triggers;

/// <summary>What starts runs of a workflow without anybody asking for each.</summary>
/// <param name="Name">Unique in the workflow.</param>
public abstract record WorkflowTrigger(string Name);

/// <summary>Runs at times.</summary>
/// <param name="CatchesUp">Whether a time that was missed, because nobody was there, is made up for: once, for the latest.</param>
/// <param name="Input">What each run gets.</param>
public sealed record CronTrigger(string Name, CronSchedule Schedule, bool CatchesUp, Payload Input) : WorkflowTrigger(Name);

/// <summary>Runs when somebody else says so, over HTTP and signed.</summary>
/// <param name="Secret">Signs the deliveries.</param>
/// <param name="Window">How old, or ahead, a delivery may be.</param>
/// <param name="Input">Sees the delivery as <c>input.body</c> and <c>input.headers</c>; <see langword="null"/>: a run gets the body.</param>
public sealed record WebhookTrigger(string Name, SecretReference Secret, TimeSpan Window, ValueTemplate? Input) : WorkflowTrigger(Name);

/// <summary>
/// What is remembered of a trigger: when it fires next, whether it is paused, and for whom it starts runs. The newest version of the
/// workflow says what it is.
/// </summary>
public sealed record TriggerState(string Tenant, string Workflow, string Name)
{
    /// <summary>Of a schedule: its text and zone, from which <see cref="NextAt"/> was computed. Empty for a webhook.</summary>
    public string Schedule { get; init; } = "";

    /// <summary>When a schedule fires next, Unix milliseconds; 0 for a webhook.</summary>
    public long NextAt { get; init; }

    public bool IsPaused { get; init; }

    /// <summary>The instant that fired last, Unix milliseconds; 0: none.</summary>
    public long LastAt { get; init; }

    /// <summary>The run that it started; empty: none.</summary>
    public string LastRun { get; init; } = "";

    /// <summary>The actor who stored the version.</summary>
    public required string Owner { get; init; }

    /// <summary>What its runs may do outside: what the owner could then.</summary>
    public required RunAuthority Authority { get; init; }

    /// <summary>Rises with each change.</summary>
    public int Version { get; init; }

    /// <summary>Names it in the API.</summary>
    public string Id => $"{Workflow}.{Name}";

    /// <summary>When a schedule fires next: one whose text is another one begins anew.</summary>
    public TriggerState Follow(CronTrigger trigger, long now) => Schedule == trigger.Schedule.ToString()
        ? this
        : this with { Schedule = trigger.Schedule.ToString(), NextAt = NextAfter(trigger, now) };

    public static long NextAfter(CronTrigger trigger, long now) => trigger.Schedule.Next(DateTimeOffset.FromUnixTimeMilliseconds(now)).ToUnixTimeMilliseconds();
}
