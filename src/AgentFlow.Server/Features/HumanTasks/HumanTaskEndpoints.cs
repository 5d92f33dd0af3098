using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Secrets;
using AgentFlow.Expressions.JsonSchema;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.HumanTasks;

/// <summary>What people do with what runs want of them. An answer is durable when it is acknowledged, and there is one.</summary>
internal sealed class HumanTaskEndpoints(IHumanTaskStore tasks, HumanTaskDesk desk, HumanTaskKeeping keeping, AuditRecorder audit, SecretMask mask, TimeProvider clock)
{
    private const int MaxName = 200;
    private const int MaxReason = 2000;
    private const string Pending = "pending";

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    public Task ListAsync(HttpContext context, CancellationToken cancellationToken) => ListAsync(context, approvals: null, cancellationToken);

    public Task ListApprovalsAsync(HttpContext context, CancellationToken cancellationToken) => ListAsync(context, approvals: true, cancellationToken);

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        HumanTask task = await FindAsync(context, id, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, HumanTaskView.Of(task), ServerJson.Default.HumanTaskView).ConfigureAwait(false);
    }

    public async Task ClaimAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        await EmptyAsync(context).ConfigureAwait(false);
        await ChangeAsync(context, id, "claim", task => Working(context, task) is { ClaimedBy: var by } mine && by == Caller.ActorOf(context) ? mine : task.Claim(Caller.ActorOf(context), Now), cancellationToken).ConfigureAwait(false);
    }

    public async Task ReleaseAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        await EmptyAsync(context).ConfigureAwait(false);
        await ChangeAsync(context, id, "release", task => task.ClaimedBy.Length == 0 ? task : Working(context, task, mayTakeFromOthers: true).Release(Now), cancellationToken).ConfigureAwait(false);
    }

    public async Task ReassignAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        var to = new Assignee(body.Text("role", MaxName), body.Text("user", MaxName));
        if (to.Role is { Length: > 0 } == to.User is { Length: > 0 })
        {
            body.Fault("role", "there must be either 'role' or 'user'", "Name the role or the user who gets the task.");
        }

        body.End();
        await ChangeAsync(context, id, "reassign", task => task.Reassign(to, Now), cancellationToken).ConfigureAwait(false);
    }

    public async Task CompleteAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        ReadOnlyMemory<byte>? answer = body.Value("answer");
        if (answer is null)
        {
            body.Fault("answer", "'answer' is missing", "Give what the task's form asks for; null if that is nothing.");
        }

        body.End();
        await AnswerAsync(context, await FindAsync(context, id, cancellationToken).ConfigureAwait(false), new Payload(mask.Json(answer!.Value)), "complete", cancellationToken).ConfigureAwait(false);
    }

    public Task ApproveAsync(HttpContext context, string id, CancellationToken cancellationToken) => DecideAsync(context, id, granted: true, cancellationToken);

    public Task DenyAsync(HttpContext context, string id, CancellationToken cancellationToken) => DecideAsync(context, id, granted: false, cancellationToken);

    public async Task GetApprovalAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        await Reply.TaggedJsonAsync(context, HumanTaskView.Of(await FindApprovalAsync(context, id, cancellationToken).ConfigureAwait(false)), ServerJson.Default.HumanTaskView).ConfigureAwait(false);
    }

    private async Task DecideAsync(HttpContext context, string id, bool granted, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string reason = body.Text("reason", MaxReason) ?? "";
        body.End();
        HumanTask task = await FindApprovalAsync(context, id, cancellationToken).ConfigureAwait(false);
        await AnswerAsync(context, task, ApprovalRequest.Answer(granted, mask.Text(reason)), granted ? "approve" : "deny", cancellationToken).ConfigureAwait(false);
    }

    private async Task ListAsync(HttpContext context, bool? approvals, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        string? status = query.Text("filter[status]") ?? query.Text("status");
        string? run = query.Text("filter[run_id]");
        string? role = query.Text("filter[role]");
        string? user = query.Text("filter[user]");
        approvals ??= query.Text("filter[approval]") is null ? null : query.Flag("filter[approval]");
        query.Word("sort", "-created_at");
        query.End();
        HumanTaskStatus? wanted = status is null or Pending
            ? null
            : HumanTaskStatusExtensions.Parse(status) ?? throw ProblemException.Parameter("filter[status]", "is no status", $"Give one of {Pending}, {string.Join(", ", HumanTaskStatusExtensions.All)}.");
        var filter = new HumanTaskFilter(wanted, status == Pending, approvals, role, user, Id(run, "filter[run_id]", "is no run's id"), Id(page.Cursor, "page[cursor]", "is no cursor of this list"), page.Size);
        HumanTaskPage found = await tasks.ListAsync(tenant, filter, cancellationToken).ConfigureAwait(false);
        var view = new PageView<HumanTaskView>([.. found.Tasks.Select(t => HumanTaskView.Of(t, isWhole: false))], found.HasMore ? found.Tasks[^1].Id.ToString() : null, found.Total);
        await Reply.TaggedJsonAsync(context, view, ServerJson.Default.PageViewHumanTaskView).ConfigureAwait(false);
    }

    private static Ulid? Id(string? text, string name, string what) =>
        text is null ? null : Ulid.TryParse(text, out Ulid id) ? id : throw ProblemException.Parameter(name, what, "Pass one as an answer of this API has it.");

    /// <summary>Ends a task with an answer, once. Once it is written it reaches the run, whether or not the caller waits.</summary>
    private async Task AnswerAsync(HttpContext context, HumanTask task, Payload answer, string action, CancellationToken cancellationToken)
    {
        string actor = Caller.ActorOf(context);
        string key = IdempotencyKeys.Of(context) ?? "";
        if (IsReplayed(task, actor, key, answer))
        {
            context.Response.Headers[IdempotencyKeys.ReplayedHeader] = "true";
            await Reply.JsonAsync(context, StatusCodes.Status200OK, HumanTaskView.Of(task), ServerJson.Default.HumanTaskView).ConfigureAwait(false);
            return;
        }

        CheckOpen(task);
        Working(context, task);
        CheckAnswer(task, answer);
        await AllowAsync(context, task, action).ConfigureAwait(false);
        HumanTask? ended = await desk.ChangeAsync(task, t => t.Age(Now) is { IsOpen: false } late ? late : Working(context, t).Complete(answer, actor, key, Now), cancellationToken).ConfigureAwait(false);
        if (ended is not null)
        {
            await keeping.DeliverSoonAsync(ended).ConfigureAwait(false);
        }

        if (ended is not { Status: HumanTaskStatus.Completed })
        {
            // Somebody else, or time, was first; perhaps it was the same request.
            HumanTask now = await FindAsync(context, task.Id.ToString(), cancellationToken).ConfigureAwait(false);
            CheckOpen(IsReplayed(now, actor, key, answer) ? task : now);
            ended = now;
        }

        await Reply.JsonAsync(context, StatusCodes.Status200OK, HumanTaskView.Of(ended), ServerJson.Default.HumanTaskView).ConfigureAwait(false);
    }

    private static bool IsReplayed(HumanTask task, string actor, string key, Payload answer)
    {
        if (task.Status != HumanTaskStatus.Completed || key.Length == 0 || task.AnswerKey != key || task.AnsweredBy != actor)
        {
            return false;
        }

        return task.Answer!.Equals(answer) ? true : throw new ProblemException(ErrorCode.IdempotencyKeyReused, $"The {IdempotencyKeys.Header} was used for another answer. The task has ended with that one.");
    }

    private async Task ChangeAsync(HttpContext context, string id, string action, Func<HumanTask, HumanTask> change, CancellationToken cancellationToken)
    {
        HumanTask task = await FindAsync(context, id, cancellationToken).ConfigureAwait(false);
        CheckOpen(task);
        change(task);
        await AllowAsync(context, task, action).ConfigureAwait(false);
        HumanTask? changed = await desk.ChangeAsync(task, change, cancellationToken).ConfigureAwait(false);
        if (changed is null)
        {
            CheckOpen(await FindAsync(context, id, cancellationToken).ConfigureAwait(false));
        }

        await Reply.JsonAsync(context, StatusCodes.Status200OK, HumanTaskView.Of(changed!), ServerJson.Default.HumanTaskView).ConfigureAwait(false);
    }

    private Task AllowAsync(HttpContext context, HumanTask task, string action) =>
        audit.AllowAsync(context, task.Tenant, $"{(task.IsApproval ? "approval" : "human_task")}.{action}", $"human_task:{task.Id}", d => d.Text("run"u8, task.Run.ToString()).Text("step"u8, task.Step));

    /// <summary>The task, when the caller may work on it and nobody else does.</summary>
    private static HumanTask Working(HttpContext context, HumanTask task, bool mayTakeFromOthers = false)
    {
        Principal caller = Caller.Of(context);
        bool manages = caller.May(Permission.TasksManage);
        bool isMeant = task.To == Assignee.Anybody
            || (task.To.Role is { } role && caller.Roles.Contains(role))
            || (task.To.User is { } user && (user == caller.Name || user == caller.Id || user == caller.Owner || user == caller.Actor));
        if (!isMeant && !manages)
        {
            throw new ProblemException(ErrorCode.PermissionDenied, $"The task is for {task.To}. Have it reassigned; that needs the permission {Permission.TasksManage}.");
        }

        return task.ClaimedBy.Length == 0 || task.ClaimedBy == caller.Actor || (mayTakeFromOthers && manages)
            ? task
            : throw new ProblemException(ErrorCode.HumanTaskClaimed, $"{task.ClaimedBy} works on the task. Who may manage tasks can release or reassign it.");
    }

    private static void CheckAnswer(HumanTask task, Payload answer)
    {
        if (task.Order.Form is not { } form || !JsonSchema.TryCompile(JsonElement.Parse(form.Utf8.Span), out JsonSchema? schema, out _) || schema.Validate(answer.Utf8) is not { Valid: false } result)
        {
            return;
        }

        throw new ProblemException(
            ErrorCode.ValidationFailed,
            "The answer does not fit the task's form.",
            [.. result.Errors.Take(20).Select(e => new ProblemEntry(e.Message, Pointer: "/answer" + e.InstanceLocation, Remedy: "GET the task: 'form' is the JSON Schema of its answer."))]);
    }

    private static void CheckOpen(HumanTask task)
    {
        if (!task.IsOpen)
        {
            throw new ProblemException(ErrorCode.HumanTaskEnded, $"The task is {task.Status.Word()}{(task.AnsweredBy.Length > 0 ? $", by {task.AnsweredBy}" : "")}; nothing can be done with it any more.");
        }
    }

    private async Task<HumanTask> FindApprovalAsync(HttpContext context, string id, CancellationToken cancellationToken) =>
        await FindAsync(context, id, cancellationToken).ConfigureAwait(false) is { IsApproval: true } approval ? approval : throw NotFound("approval", "approvals");

    private async Task<HumanTask> FindAsync(HttpContext context, string id, CancellationToken cancellationToken) =>
        Ulid.TryParse(id, out Ulid task) && await tasks.FindAsync(Tenant.Of(context), task, cancellationToken).ConfigureAwait(false) is { } found ? found : throw NotFound("task", "human-tasks");

    private static ProblemException NotFound(string what, string list) => new(ErrorCode.HumanTaskNotFound, $"There is no such {what}. GET /api/v1/{list} lists them.");

    private static async Task EmptyAsync(HttpContext context)
    {
        new QueryReader(context).End();
        (await JsonBody.ReadAsync(context).ConfigureAwait(false)).End();
    }
}
