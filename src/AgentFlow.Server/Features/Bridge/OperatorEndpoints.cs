using System.Globalization;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>What people ask of the bridge: tasks dispatched, shown, listed and, when nobody did them, dispatched again.</summary>
internal sealed class OperatorEndpoints(TaskDispatch dispatch, IBridgeTaskStore tasks, IAgentStore agents)
{
    private const int MaxAction = 200;
    private const int MaxName = 200;
    private const int PageSize = 500;
    private const int MostPriority = 10;
    private const int MostRetry = 100;
    private const long MostTimeout = 604_800_000;

    public async Task DispatchAsync(HttpContext context, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        string? key = IdempotencyKeys.Of(context) is { } given ? $"bridge:key:{given}" : null;
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string? action = body.Text("action", MaxAction);
        if (string.IsNullOrEmpty(action))
        {
            body.Fault("action", "'action' is missing", "Name what is to be done, as an agent's capabilities have it.");
        }

        ReadOnlyMemory<byte>? payload = body.Value("payload");
        if (payload is null)
        {
            body.Fault("payload", "'payload' is missing", "Give what the agent needs, {} if that is nothing.");
        }

        string? requestedBy = body.Text("requested_by", MaxName);
        string? agent = body.Text("agent_id", AgentId.MaxLength);
        BridgeResources resources = Resources(body);
        body.End();
        var wish = new TaskWish(action!, payload!.Value, agent is { Length: > 0 } ? agent : null, requestedBy is { Length: > 0 } ? requestedBy : null, resources, null, null, null);
        BridgeTask task = await dispatch.StartAsync(context, wish, "task.dispatch", key, cancellationToken).ConfigureAwait(false);
        await AcceptedAsync(context, task).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        BridgeTask task = await FindAsync(context, id).ConfigureAwait(false);
        IReadOnlyList<BridgeTaskStep> history = await tasks.HistoryAsync(task.Tenant, task.Id, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, TaskView.Of(task, history), ServerJson.Default.TaskView).ConfigureAwait(false);
    }

    public Task ListAsync(HttpContext context, CancellationToken cancellationToken) => ListAsync(context, deadOnly: false, cancellationToken);

    public Task ListDeadAsync(HttpContext context, CancellationToken cancellationToken) => ListAsync(context, deadOnly: true, cancellationToken);

    public async Task ReplayAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string? agent = body.Text("agent_id", AgentId.MaxLength);
        body.End();
        BridgeTask dead = await FindAsync(context, id).ConfigureAwait(false);
        if (!dead.IsDeadLetter)
        {
            throw new ProblemException(ErrorCode.TaskAlreadyFinished, $"Task {id} is {dead.Status.Word()} and no dead letter: only tasks that timed out or died are replayed.");
        }

        var wish = new TaskWish(dead.Action, dead.Payload, agent is { Length: > 0 } ? agent : null, dead.RequestedBy, dead.Resources, null, null, dead.Id);
        // One dead letter, one replay: its key makes the run, and so the task, whoever asks however often.
        BridgeTask task = await dispatch.StartAsync(context, wish, "task.replay", $"bridge:replay:{dead.Id:D}", cancellationToken).ConfigureAwait(false);
        await tasks.MarkReplayedAsync(dead.Tenant, dead.Id, task.Id, cancellationToken).ConfigureAwait(false);
        await AcceptedAsync(context, task).ConfigureAwait(false);
    }

    public async Task AgentsAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        var lines = new List<AgentLineView>();
        var filter = new AgentFilter(Kind: AgentKinds.Remote, Size: PageSize);
        AgentPage page;
        do
        {
            page = await agents.ListAsync(tenant, filter, cancellationToken).ConfigureAwait(false);
            lines.AddRange(page.Agents.Select(a => new AgentLineView(a.Id, a.Name, a.Status, a.LastSeen is { } seen ? UnixTime.Of(seen) : null, a.Capabilities.Count)));
            filter = page.Agents.Count == 0 ? filter : filter with { After = (page.Agents[^1].Name, page.Agents[^1].Id) };
        }
        while (page.HasMore);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, new AgentListView(true, lines.Count, lines), ServerJson.Default.AgentListView).ConfigureAwait(false);
    }

    private async Task ListAsync(HttpContext context, bool deadOnly, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        string? status = query.Text("filter[status]");
        var filter = new BridgeTaskFilter(
            status is null ? null : BridgeTaskStatusExtensions.Parse(status) ?? throw ProblemException.Parameter("filter[status]", "is no status", $"Give one of {string.Join(", ", BridgeTaskStatusExtensions.All)}."),
            query.Text("filter[agent_id]"),
            query.Text("filter[action]"),
            deadOnly,
            page.Cursor is null ? long.MaxValue : long.TryParse(page.Cursor, NumberStyles.None, CultureInfo.InvariantCulture, out long before) ? before : throw ProblemException.Parameter("page[cursor]", "is no cursor of this list", "Pass the next_cursor of the page before."),
            page.Size);
        query.Word("sort", "-created_at");
        query.End();
        BridgeTaskPage found = await tasks.ListAsync(tenant, filter, cancellationToken).ConfigureAwait(false);
        var view = new PageView<TaskView>([.. found.Tasks.Select(t => TaskView.Of(t, null))], found.HasMore ? found.Tasks[^1].Number.ToString(CultureInfo.InvariantCulture) : null, found.Total);
        await Reply.TaggedJsonAsync(context, view, ServerJson.Default.PageViewTaskView).ConfigureAwait(false);
    }

    private async Task<BridgeTask> FindAsync(HttpContext context, string id) =>
        Guid.TryParseExact(id, "D", out Guid task) && await tasks.FindAsync(Tenant.Of(context), task, context.RequestAborted).ConfigureAwait(false) is { } found
            ? found
            : throw new ProblemException(ErrorCode.TaskNotFound, "There is no such task. GET /orchestrator/tasks lists the tasks.");

    private static Task AcceptedAsync(HttpContext context, BridgeTask task)
    {
        context.Response.Headers.Location = $"{BridgeErrors.Base}/tasks/{task.Id:D}";
        return Reply.JsonAsync(context, StatusCodes.Status202Accepted, DispatchedView.Of(task), ServerJson.Default.DispatchedView);
    }

    private static BridgeResources Resources(JsonBody body)
    {
        if (body.Value("resources") is not { } raw || raw.Span.SequenceEqual("null"u8))
        {
            return new BridgeResources();
        }

        JsonElement json = JsonElement.Parse(raw.Span);
        if (json.ValueKind != JsonValueKind.Object)
        {
            body.Fault("resources", "'resources' is no object", "It takes priority, timeout_ms, retry.");
            return new BridgeResources();
        }

        foreach (JsonProperty member in json.EnumerateObject().Where(m => m.Name is not ("priority" or "timeout_ms" or "retry")))
        {
            body.Fault("resources", $"'{(member.Name.Length <= 60 ? member.Name : member.Name[..60] + "…")}' is not a member of resources", "It takes priority, timeout_ms, retry.");
        }

        return new BridgeResources(
            (int?)Number(body, json, "priority", 1, MostPriority),
            Number(body, json, "timeout_ms", 1, MostTimeout),
            (int?)Number(body, json, "retry", 0, MostRetry));
    }

    private static long? Number(JsonBody body, JsonElement json, string name, long least, long most)
    {
        if (!json.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) && number >= least && number <= most)
        {
            return number;
        }

        body.Fault($"resources/{name}", $"'{name}' is no whole number from {least} to {most}");
        return null;
    }
}
