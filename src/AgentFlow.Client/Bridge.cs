using System.Text.Json;

namespace AgentFlow.Client;

/// <summary>A remote agent.</summary>
/// <param name="Status"><c>online</c>, <c>degraded</c> or <c>offline</c>.</param>
public sealed record RemoteAgent(string AgentId, string Name, string Status, DateTimeOffset? LastSeen, int CapabilitiesCount);

/// <summary>What a remote agent is asked.</summary>
/// <param name="Action">The capability that the agent must have.</param>
/// <param name="AgentId">The only agent that may do it; <see langword="null"/>: any that can.</param>
public sealed record TaskRequest(string Action, JsonElement Payload, string? RequestedBy = null, string? AgentId = null, TaskResources? Resources = null);

/// <summary>What a task may use. What is <see langword="null"/> is as the deployment says.</summary>
/// <param name="Priority">1 (highest) to 10.</param>
/// <param name="TimeoutMs">Milliseconds from the dispatch to the last callback.</param>
/// <param name="Retry">Tries after the first one.</param>
public sealed record TaskResources(int? Priority = null, long? TimeoutMs = null, int? Retry = null);

/// <summary>A task was taken.</summary>
/// <param name="AgentId">Who is to get it.</param>
/// <param name="RunId">The run that it is.</param>
public sealed record DispatchedTask(string TaskId, string TraceId, string? AgentId, string Status, string? RunId);

/// <summary>A task of a remote agent.</summary>
public sealed record RemoteTask
{
    public required string TaskId { get; init; }

    public required string Action { get; init; }

    public string? AgentId { get; init; }

    /// <summary><c>queued</c>, <c>dispatched</c>, <c>accepted</c>, <c>in_progress</c>, <c>succeeded</c>, <c>failed</c>, <c>timed_out</c> or <c>dead</c>.</summary>
    public required string Status { get; init; }

    public JsonElement? Payload { get; init; }

    public JsonElement? Result { get; init; }

    /// <summary><c>{code, message, details?}</c>.</summary>
    public JsonElement? Error { get; init; }

    public int Attempts { get; init; }

    public string? RunId { get; init; }

    public string? TraceId { get; init; }

    public string? RequestedBy { get; init; }

    public TaskResources? Resources { get; init; }

    public DateTimeOffset? DueAt { get; init; }

    public string? ReplayOf { get; init; }

    public string? ReplayedAs { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Oldest first; <see langword="null"/> in lists.</summary>
    public IReadOnlyList<RemoteTaskStep>? History { get; init; }
}

public sealed record RemoteTaskStep(DateTimeOffset At, string Status, string? AgentId, string? Note);

/// <summary>Which tasks to list. What is <see langword="null"/> does not restrict.</summary>
/// <param name="DeadLetters">Only tasks that nobody did.</param>
public sealed record TaskQuery(string? Status = null, string? AgentId = null, string? Action = null, bool DeadLetters = false, int Size = 50, string? Cursor = null);

/// <summary>Somebody who gets events of remote agents by POST.</summary>
public sealed record EventSubscription
{
    public required string Id { get; init; }

    public required string Url { get; init; }

    /// <summary>The reference of the secret that signs what is sent.</summary>
    public string? Secret { get; init; }

    public IReadOnlyList<string>? Types { get; init; }

    public IReadOnlyList<string>? Sources { get; init; }

    /// <summary>The number of the last event that was sent or not wanted.</summary>
    public long Cursor { get; init; }

    /// <summary>Tries in a row that failed.</summary>
    public int Failures { get; init; }

    public string? Problem { get; init; }

    /// <summary>Since when nothing is sent any more.</summary>
    public DateTimeOffset? SuspendedAt { get; init; }
}

/// <param name="Secret">A reference such as <c>secret://hooks</c>.</param>
/// <param name="Types">Types of events, or their beginnings with a final <c>*</c>; <see langword="null"/>: all.</param>
public sealed record NewEventSubscription(string Url, string Secret, IReadOnlyList<string>? Types = null, IReadOnlyList<string>? Sources = null);

internal sealed record RemoteAgentList(IReadOnlyList<RemoteAgent> Agents);

internal sealed record ReplayTaskBody(string? AgentId);
