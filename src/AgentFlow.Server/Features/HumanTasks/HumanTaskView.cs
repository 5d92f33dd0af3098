using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Runs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.HumanTasks;

/// <summary>Something that a run waits for a person to do, or to approve.</summary>
/// <param name="Status"><c>created</c>, <c>claimed</c>, <c>escalated</c>, <c>completed</c>, <c>expired</c> or <c>cancelled</c>.</param>
/// <param name="Data">What is needed to answer; left out in lists, as are <c>form</c> and <c>answer</c>.</param>
/// <param name="Form">JSON Schema of the answer.</param>
/// <param name="ClaimedBy">Who works on it.</param>
/// <param name="Level">Escalations that have happened.</param>
/// <param name="Approval">Of an approval: which one of the step it is.</param>
/// <param name="Decision">Of an approval that was decided: <c>granted</c> or <c>denied</c>.</param>
/// <param name="StepId">The step's number in its run.</param>
/// <param name="NextAt">When it is escalated or expires, whichever comes first.</param>
public sealed record HumanTaskView(
    string Id,
    string Status,
    string Title,
    string? Description,
    RawJson? Data,
    RawJson? Form,
    AssigneeView? Assignee,
    string? ClaimedBy,
    int Priority,
    int Level,
    string? Approval,
    string? Decision,
    RawJson? Answer,
    string? AnsweredBy,
    string RunId,
    string Workflow,
    string StepId,
    string Step,
    DateTimeOffset? DueAt,
    DateTimeOffset? NextAt,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt,
    DateTimeOffset? EndedAt)
{
    internal static HumanTaskView Of(HumanTask task, bool isWhole = true) => new(
        task.Id.ToString(),
        task.Status.Word(),
        task.Order.Title,
        task.Order.Description.Length == 0 ? null : task.Order.Description,
        isWhole ? RawJson.Of(task.Order.Data) : null,
        isWhole ? RawJson.Of(task.Order.Form) : null,
        task.To == Engine.HumanTasks.Assignee.Anybody ? null : new AssigneeView(task.To.Role, task.To.User),
        task.ClaimedBy.Length == 0 ? null : task.ClaimedBy,
        task.Order.Priority,
        task.Level,
        task.IsApproval ? task.Approval : null,
        task is { IsApproval: true, Answer: { } decided } ? ApprovalRequest.Read(decided).Granted ? "granted" : "denied" : null,
        isWhole ? RawJson.Of(task.Answer) : null,
        task.AnsweredBy.Length == 0 ? null : task.AnsweredBy,
        task.Run.ToString(),
        task.Workflow,
        task.Address.Step.ToString(System.Globalization.CultureInfo.InvariantCulture),
        task.Step,
        Time(task.DueAt),
        Time(task.NextAt),
        UnixTime.Of(task.CreatedAt),
        UnixTime.Of(task.UpdatedAt),
        Time(task.EndedAt));

    private static DateTimeOffset? Time(long at) => at == 0 ? null : UnixTime.Of(at);
}

/// <summary>Whom a task is for: a role, or a user by name or id.</summary>
public sealed record AssigneeView(string? Role, string? User);

/// <param name="Answer">What the task's form asks for.</param>
public sealed record CompleteBody(RawJson Answer);

/// <param name="Role">Who gets it: a role.</param>
/// <param name="User">Or a user, by name or id.</param>
public sealed record ReassignBody(string? Role, string? User);

/// <param name="Reason">Why; stands in the run's journal and the audit.</param>
public sealed record DecisionBody(string? Reason);
