using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.HumanTasks;

/// <summary>The addresses under <c>/human-tasks</c> and <c>/approvals</c>.</summary>
internal static class HumanTasksFeature
{
    private const string Tag = "Human tasks";
    private const string Unchanged = "Unchanged since the ETag in `If-None-Match`.";

    private static readonly ErrorCode[] Changing =
        [ErrorCode.HumanTaskNotFound, ErrorCode.HumanTaskEnded, ErrorCode.HumanTaskClaimed, ErrorCode.ValidationFailed, ErrorCode.JsonInvalid, ErrorCode.PayloadTooLarge, ErrorCode.UnsupportedMediaType, ErrorCode.AuditUnavailable];

    private static readonly ParameterNote Key = new(IdempotencyKeys.Header, "string", "The same key with the same answer is the same request.", "header");

    public static void MapHumanTasks(this IEndpointRouteBuilder api, HumanTaskEndpoints tasks)
    {
        ParameterNote[] filters =
        [
            ParameterNote.Size,
            ParameterNote.Cursor,
            new ParameterNote("filter[status]", "string", "Only tasks in this state; `pending` are all that wait for somebody.") { Words = ["pending", .. Engine.HumanTasks.HumanTaskStatusExtensions.All] },
            new ParameterNote("status", "string", "The same as `filter[status]`."),
            new ParameterNote("filter[role]", "string", "Only tasks that are for this role."),
            new ParameterNote("filter[user]", "string", "Only tasks that are for this user."),
            new ParameterNote("filter[run_id]", "string", "Only tasks of this run."),
            new ParameterNote("sort", "string", "The order.") { Words = ["-created_at"], Default = "-created_at" },
        ];
        api.MapGet("/human-tasks", tasks.ListAsync)
            .AuditsRead("human_task.read", "human_task")
            .Says("listHumanTasks", Tag, "List what runs wait for people to do, newest first", "Approvals included. Items have the short form: without data, form and answer.")
            .Needs(Permission.TasksRead)
            .Takes([.. filters, new ParameterNote("filter[approval]", "boolean", "Only approvals, or only what is none.")])
            .Gives<PageView<HumanTaskView>>(200, "Tasks.").Gives(304, Unchanged).Fails();
        api.MapGet("/human-tasks/{id}", tasks.GetAsync)
            .AuditsRead("human_task.read", "human_task")
            .Says("getHumanTask", Tag, "Read a task")
            .Needs(Permission.TasksRead)
            .Gives<HumanTaskView>(200, "The task.").Gives(304, Unchanged).Fails(ErrorCode.HumanTaskNotFound);
        api.MapPost("/human-tasks/{id}/claim", tasks.ClaimAsync)
            .Audits("human_task.claim", "human_task")
            .Says("claimHumanTask", Tag, "Say that one works on a task", "Nobody else can complete it until it is released or escalated.")
            .Needs(Permission.TasksWork)
            .TakesBody<EmptyBody>(false).Gives<HumanTaskView>(200, "The task, claimed.").Fails(Changing);
        api.MapPost("/human-tasks/{id}/release", tasks.ReleaseAsync)
            .Audits("human_task.release", "human_task")
            .Says("releaseHumanTask", Tag, "Give a claimed task back")
            .Needs(Permission.TasksWork)
            .TakesBody<EmptyBody>(false).Gives<HumanTaskView>(200, "The task, free.").Fails(Changing);
        api.MapPost("/human-tasks/{id}/complete", tasks.CompleteAsync)
            .Audits("human_task.complete", "human_task")
            .Says("completeHumanTask", Tag, "Answer a task", "The answer is held to the task's form; it becomes the output of the step, once.")
            .Needs(Permission.TasksWork)
            .Takes(Key)
            .TakesBody<CompleteBody>(true).Gives<HumanTaskView>(200, "Answered, durably.").Fails([.. Changing, ErrorCode.IdempotencyKeyReused]);
        api.MapPost("/human-tasks/{id}/reassign", tasks.ReassignAsync)
            .Audits("human_task.reassign", "human_task")
            .Says("reassignHumanTask", Tag, "Give a task to somebody else")
            .Needs(Permission.TasksManage)
            .TakesBody<ReassignBody>(true).Gives<HumanTaskView>(200, "The task, for somebody else.").Fails(Changing);
        api.MapGet("/approvals", tasks.ListApprovalsAsync)
            .AuditsRead("approval.read", "human_task")
            .Says("listApprovals", Tag, "List approvals, newest first", "`status=pending` lists those that wait for a decision.")
            .Needs(Permission.TasksRead)
            .Takes(filters)
            .Gives<PageView<HumanTaskView>>(200, "Approvals.").Gives(304, Unchanged).Fails();
        api.MapGet("/approvals/{id}", tasks.GetApprovalAsync)
            .AuditsRead("approval.read", "human_task")
            .Says("getApproval", Tag, "Read an approval")
            .Needs(Permission.TasksRead)
            .Gives<HumanTaskView>(200, "The approval; `data` is the input of the call that waits for it.").Gives(304, Unchanged).Fails(ErrorCode.HumanTaskNotFound);
        api.MapPost("/approvals/{id}/approve", tasks.ApproveAsync)
            .Audits("approval.approve", "human_task")
            .Says("approve", Tag, "Let a step run")
            .Needs(Permission.TasksWork)
            .Takes(Key)
            .TakesBody<DecisionBody>(false).Gives<HumanTaskView>(200, "Approved, durably.").Fails([.. Changing, ErrorCode.IdempotencyKeyReused]);
        api.MapPost("/approvals/{id}/deny", tasks.DenyAsync)
            .Audits("approval.deny", "human_task")
            .Says("deny", Tag, "Do not let a step run", "The step fails with `APPROVAL_DENIED`.")
            .Needs(Permission.TasksWork)
            .Takes(Key)
            .TakesBody<DecisionBody>(false).Gives<HumanTaskView>(200, "Denied, durably.").Fails([.. Changing, ErrorCode.IdempotencyKeyReused]);
    }
}
