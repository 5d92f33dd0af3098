using System.Text.Json.Serialization;
using AgentFlow.Engine.Bridge;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>A task was taken.</summary>
/// <param name="AgentId">Who is to get it; whoever really gets it shows the task.</param>
public sealed record DispatchedView(bool Success, string TaskId, string TraceId, string AgentId, string Status, string RunId)
{
    internal static DispatchedView Of(BridgeTask task) => new(true, task.Id.ToString("D"), task.TraceId, task.Agent, task.Status.Word(), task.Run.ToString());
}

/// <summary>A task of a remote agent.</summary>
/// <param name="Status"><c>queued</c>, <c>dispatched</c>, <c>accepted</c>, <c>in_progress</c>, <c>succeeded</c>, <c>failed</c>, <c>timed_out</c> or <c>dead</c>.</param>
/// <param name="Attempts">How often an agent was to have it.</param>
/// <param name="History">What happened, oldest first; left out in lists.</param>
public sealed record TaskView(
    string TaskId,
    string Action,
    string? AgentId,
    string Status,
    RawJson? Payload,
    RawJson? Result,
    RawJson? Error,
    int Attempts,
    string RunId,
    string TraceId,
    string RequestedBy,
    ResourcesView? Resources,
    DateTimeOffset? DueAt,
    string? ReplayOf,
    string? ReplayedAs,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt,
    IReadOnlyList<TaskStepView>? History)
{
    /// <param name="history"><see langword="null"/>: the short form, without payload, result and history.</param>
    internal static TaskView Of(BridgeTask task, IReadOnlyList<BridgeTaskStep>? history) => new(
        task.Id.ToString("D"),
        task.Action,
        task.Agent.Length == 0 ? null : task.Agent,
        task.Status.Word(),
        history is null ? null : new RawJson(task.Payload),
        history is null || task.Result.IsEmpty ? null : new RawJson(task.Result),
        task.Error.IsEmpty ? null : new RawJson(task.Error),
        task.Tries,
        task.Run.ToString(),
        task.TraceId,
        task.RequestedBy,
        task.Resources == new BridgeResources() ? null : new ResourcesView(task.Resources.Priority, task.Resources.TimeoutMs, task.Resources.Retry),
        task.HasEnded || task.Due == 0 ? null : UnixTime.Of(task.Due),
        task.ReplayOf?.ToString("D"),
        task.ReplayedAs?.ToString("D"),
        UnixTime.Of(task.CreatedAt),
        UnixTime.Of(task.UpdatedAt),
        history?.Select(h => new TaskStepView(UnixTime.Of(h.At), h.Status.Word(), h.Agent.Length == 0 ? null : h.Agent, h.Note.Length == 0 ? null : h.Note)).ToArray());
}

/// <param name="Status">How far the task was then.</param>
public sealed record TaskStepView(DateTimeOffset At, string Status, string? AgentId, string? Note);

public sealed record ResourcesView(int? Priority, long? TimeoutMs, int? Retry);

/// <summary>The remote agents.</summary>
public sealed record AgentListView(bool Success, int Count, IReadOnlyList<AgentLineView> Agents);

/// <param name="Status"><c>online</c>, <c>degraded</c> or <c>offline</c>.</param>
public sealed record AgentLineView(string AgentId, string Name, string Status, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] DateTimeOffset? LastSeen, int CapabilitiesCount);

/// <summary>Somebody who gets events by POST.</summary>
/// <param name="Secret">The reference of the secret that signs them.</param>
/// <param name="Cursor">The last event that was sent or not wanted.</param>
/// <param name="Problem">What the last try failed with.</param>
/// <param name="SuspendedAt">Since when nothing is sent because too many tries failed; resume it to go on where it stopped.</param>
public sealed record SubscriptionView(string Id, string Url, string Secret, IReadOnlyList<string>? Types, IReadOnlyList<string>? Sources, long Cursor, int Failures, string? Problem, DateTimeOffset? NextAt, DateTimeOffset? SuspendedAt, string CreatedBy, DateTimeOffset CreatedAt)
{
    internal static SubscriptionView Of(BridgeSubscription s) => new(
        s.Id.ToString(),
        s.Url,
        s.Secret,
        s.Filter.Types?.Patterns,
        s.Filter.Sources?.Patterns,
        s.Cursor,
        s.Failures,
        s.Problem.Length == 0 ? null : s.Problem,
        s.Failures == 0 || s.SuspendedAt is not null ? null : UnixTime.Of(s.NextAt),
        s.SuspendedAt is { } at ? UnixTime.Of(at) : null,
        s.CreatedBy,
        UnixTime.Of(s.CreatedAt));
}

/// <summary>The body of a dispatch.</summary>
/// <param name="Action">The capability that the agent must have.</param>
/// <param name="RequestedBy">Default: the caller.</param>
/// <param name="AgentId">The only agent that may do it.</param>
public sealed record DispatchBody(string Action, RawJson Payload, string? RequestedBy, string? AgentId, ResourcesView? Resources);

/// <summary>The body of a new subscription.</summary>
/// <param name="Secret">The reference of the secret that signs what is sent, such as <c>secret://hooks</c>.</param>
/// <param name="Types">Types of events, exact or beginning with the text before a final <c>*</c>; all without.</param>
/// <param name="After">The first events are those after this number; by default those to come.</param>
public sealed record SubscriptionBody(string Url, string Secret, IReadOnlyList<string>? Types, IReadOnlyList<string>? Sources, long? After);

/// <summary>What an agent says of itself.</summary>
/// <param name="BaseUrl">Tasks go to <c>{base_url}/agent/task</c>.</param>
/// <param name="Timestamp">Not read; part of what is signed.</param>
public sealed record RegisterBody(string AgentId, string Name, string BaseUrl, IReadOnlyList<string> Capabilities, string? Timestamp);

/// <param name="Status"><c>online</c> without one.</param>
public sealed record HeartbeatBody(string AgentId, string? Name, string? BaseUrl, IReadOnlyList<string>? Capabilities, string? Status, string? LastSeen);

/// <param name="Status"><c>accepted</c>, <c>in_progress</c>, <c>succeeded</c> or <c>failed</c>.</param>
/// <param name="Error">With <c>failed</c>: <c>{code, message, details?}</c>.</param>
public sealed record CallbackBody(string TaskId, string Status, RawJson? Result, RawJson? Error, string TraceId);

public sealed record EventBody(string EventId, string Type, string Source, RawJson Data, string Time, string TraceId);

/// <summary>What agents are answered.</summary>
public sealed record AgentAnswerView(bool Success, string? AgentId, string? TaskId, string? EventId, string Message, string? Timestamp);

/// <param name="AgentId">The only agent that may do it this time.</param>
public sealed record ReplayBody(string? AgentId);

/// <summary>The body of every error under <c>/orchestrator</c>.</summary>
/// <param name="Success">False.</param>
public sealed record BridgeErrorView(bool Success, BridgeErrorDetail Error);

/// <param name="Code">One of docs/errors.</param>
/// <param name="Details"><c>trace_id</c>, and what else is known.</param>
public sealed record BridgeErrorDetail(string Code, string Message, IReadOnlyDictionary<string, string>? Details);
