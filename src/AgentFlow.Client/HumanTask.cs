using System.Text.Json;

namespace AgentFlow.Client;

/// <summary>Something that a run waits for a person to do, or to approve.</summary>
/// <param name="Status"><c>created</c>, <c>claimed</c>, <c>escalated</c>, <c>completed</c>, <c>expired</c> or <c>cancelled</c>.</param>
/// <param name="Data">What is needed to answer; absent in lists, as are <paramref name="Form"/> and <paramref name="Answer"/>.</param>
/// <param name="Form">JSON Schema of the answer.</param>
/// <param name="Approval">Of an approval: which one of the step it is.</param>
/// <param name="Decision">Of an approval that was decided: <c>granted</c> or <c>denied</c>.</param>
public sealed record HumanTask(
    string Id,
    string Status,
    string Title,
    string? Description,
    JsonElement? Data,
    JsonElement? Form,
    TaskAssignee? Assignee,
    string? ClaimedBy,
    int Priority,
    int Level,
    string? Approval,
    string? Decision,
    JsonElement? Answer,
    string? AnsweredBy,
    string RunId,
    string Workflow,
    string StepId,
    string Step,
    DateTimeOffset? DueAt,
    DateTimeOffset? NextAt,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt,
    DateTimeOffset? EndedAt);

/// <summary>Whom a task is for: a role, or a user by name or id.</summary>
public sealed record TaskAssignee(string? Role, string? User);
