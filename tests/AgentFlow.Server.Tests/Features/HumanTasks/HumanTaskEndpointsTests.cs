using System.Net;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.HumanTasks;

public sealed class HumanTaskEndpointsTests : IAsyncLifetime
{
    private const string Tasks = "/api/v1/human-tasks";
    private const string Approvals = "/api/v1/approvals";

    private const string Review = """
        language: 1
        name: review
        version: 1.0.0
        planner: fsm
        initial_state: look
        final_states: [done, late]
        states:
          look:
            human:
              title: "Look at ${input.what}"
              data: { what: "${input.what}" }
              form: { type: object, required: [ok], properties: { ok: { type: boolean } } }
              assignee: { role: approver }
              priority: 7
            on_success: done
            on_error: late
          done: { tool: skill.echo }
          late: { tool: skill.echo, input: "${error.code}" }
        """;

    private const string Pay = """
        language: 1
        name: pay
        version: 1.0.0
        policies: { approval: [{ when: input.amount > 1000, role: boss }] }
        planner: fsm
        initial_state: pay
        final_states: [paid, refused]
        states:
          pay:
            tool: skill.echo
            input: { amount: "${input.amount}" }
            approval: { when: input.amount > 10, role: approver, reason: "It is ${input.amount}" }
            on_success: paid
            on_error: refused
          paid: {}
          refused: { tool: skill.echo, input: { code: "${error.code}", why: "${error.message}" } }
        """;

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(o => o with { ShutdownTimeout = TimeSpan.FromMilliseconds(200) });
        await _server.SaveAsync(Review);
        await _server.SaveAsync(Pay);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();

    private async Task<JsonElement> OnlyAsync(string list, string run) =>
        (await _server.UntilAsync($"{list}?filter[status]=pending&filter[run_id]={run}", p => p.GetProperty("items").GetArrayLength() == 1)).GetProperty("items")[0];

    private async Task<(string Run, string Task)> AskedAsync()
    {
        string run = await _server.StartAsync("review", """{"what":"this"}""");
        return (run, Text(await OnlyAsync(Tasks, run), "id")!);
    }

    [Fact]
    public async Task Complete_WithWhatTheFormAsks_EndsTheStepOnce()
    {
        (string run, string task) = await AskedAsync();
        JsonElement shown = (await _server.GetAsync($"{Tasks}/{task}")).Json;
        Assert.Equal(("created", "Look at this", "this", "approver", 7), (Text(shown, "status"), Text(shown, "title"), Text(shown.GetProperty("data"), "what"), Text(shown.GetProperty("assignee"), "role"), shown.GetProperty("priority").GetInt32()));
        await _server.InStatusAsync(run, "waiting");
        JsonElement problem = (await _server.PostAsync($"{Tasks}/{task}/complete", """{"answer":{"ok":"yes"}}""")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Equal("/answer/ok", Text(problem.GetProperty("errors")[0], "pointer"));
        Answer done = await _server.PostAsync($"{Tasks}/{task}/complete", """{"answer":{"ok":true}}""", ("Idempotency-Key", "k1"));
        Assert.Equal((HttpStatusCode.OK, "completed"), (done.Status, Text(done.Json, "status")));
        Answer again = await _server.PostAsync($"{Tasks}/{task}/complete", """{"answer":{"ok":true}}""", ("Idempotency-Key", "k1"));
        Assert.Equal("true", Assert.Single(again.Headers.GetValues("Idempotency-Replayed")));
        (await _server.PostAsync($"{Tasks}/{task}/complete", """{"answer":{"ok":false}}""", ("Idempotency-Key", "k1"))).Problem(HttpStatusCode.UnprocessableEntity, "IDEMPOTENCY_KEY_REUSED");
        (await _server.PostAsync($"{Tasks}/{task}/complete", """{"answer":{"ok":true}}""")).Problem(HttpStatusCode.Conflict, "HUMAN_TASK_ENDED");
        Assert.True((await _server.EndAsync(run)).GetProperty("output").GetProperty("ok").GetBoolean());
    }

    [Fact]
    public async Task ClaimReleaseReassign_MoveTheTask()
    {
        (_, string task) = await AskedAsync();
        Assert.Equal(("claimed", "api"), (await _server.PostAsync($"{Tasks}/{task}/claim", null)).Json is var claimed ? (Text(claimed, "status"), Text(claimed, "claimed_by")) : default);
        Assert.Equal("created", Text((await _server.PostAsync($"{Tasks}/{task}/release", null)).Json, "status"));
        JsonElement moved = (await _server.PostAsync($"{Tasks}/{task}/reassign", """{"user":"anna"}""")).Json;
        Assert.Equal("anna", Text(moved.GetProperty("assignee"), "user"));
        (await _server.PostAsync($"{Tasks}/{task}/reassign", """{"user":"anna","role":"boss"}""")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        (await _server.PostAsync($"{Tasks}/01ARZ3NDEKTSV4RRFFQ69G5FAV/claim", null)).Problem(HttpStatusCode.NotFound, "HUMAN_TASK_NOT_FOUND");
    }

    [Fact]
    public async Task Task_OfACancelledRun_IsCancelled()
    {
        (string run, string task) = await AskedAsync();
        await _server.PostAsync($"/api/v1/runs/{run}/cancel", null);
        await _server.UntilAsync($"{Tasks}/{task}", t => Text(t, "status") == "cancelled");
        (await _server.PostAsync($"{Tasks}/{task}/complete", """{"answer":{"ok":true}}""")).Problem(HttpStatusCode.Conflict, "HUMAN_TASK_ENDED");
    }

    [Fact]
    public async Task Task_WhoseTimeIsUp_EscalatesAndThenFailsTheStep()
    {
        await _server.SaveAsync(Review.Replace("name: review", "name: hurry").Replace("priority: 7", "timeout: 1s\n      escalate: [{ after: 100ms, to: { role: boss } }]"));
        string run = await _server.StartAsync("hurry", """{"what":"this"}""");
        Assert.Equal("HUMAN_TASK_EXPIRED", (await _server.EndAsync(run)).GetProperty("output").GetString());
        JsonElement task = (await _server.GetAsync($"{Tasks}?filter[run_id]={run}")).Json.GetProperty("items")[0];
        Assert.Equal(("expired", 1, "boss"), (Text(task, "status"), task.GetProperty("level").GetInt32(), Text(task.GetProperty("assignee"), "role")));
    }

    [Fact]
    public async Task Task_OutlivesARestart()
    {
        (string run, string task) = await AskedAsync();
        await _server.InStatusAsync(run, "waiting");
        _server = await _server.RestartAsync();
        Assert.Equal(HttpStatusCode.OK, (await _server.PostAsync($"{Tasks}/{task}/complete", """{"answer":{"ok":true}}""")).Status);
        Assert.Equal("completed", Text(await _server.EndAsync(run), "status"));
    }

    [Fact]
    public async Task Lists_PageFilterAndTag()
    {
        string[] runs = [(await AskedAsync()).Run, (await AskedAsync()).Run, (await AskedAsync()).Run];
        Answer page = await _server.GetAsync($"{Tasks}?page[size]=2&filter[role]=approver");
        Assert.Equal((2, 3L), (page.Json.GetProperty("items").GetArrayLength(), page.Json.GetProperty("total_count").GetInt64()));
        JsonElement last = (await _server.GetAsync($"{Tasks}?page[size]=2&page[cursor]={Text(page.Json, "next_cursor")}")).Json;
        Assert.Equal(runs[0], Text(Assert.Single(last.GetProperty("items").EnumerateArray()), "run_id"));
        Assert.Equal(HttpStatusCode.NotModified, (await _server.GetAsync($"{Tasks}?page[size]=2&filter[role]=approver", ("If-None-Match", page.Headers.ETag!.ToString()))).Status);
        Assert.Empty((await _server.GetAsync($"{Tasks}?filter[approval]=true")).Json.GetProperty("items").EnumerateArray());
        (await _server.GetAsync($"{Tasks}?filter[status]=done")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
        Assert.Empty((await _server.GetAsync(Tasks, ("X-Tenant-ID", "other"))).Json.GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task Approve_EachApproval_LetsTheStepRun()
    {
        string run = await _server.StartAsync("pay", """{"amount":5000}""");
        JsonElement first = await OnlyAsync(Approvals, run);
        Assert.Equal(("step", "It is 5000", "approver"), (Text(first, "approval"), Text(first, "description"), Text(first.GetProperty("assignee"), "role")));
        await _server.InStatusAsync(run, "waiting");
        Assert.Equal("awaiting_approval", Text((await _server.GetAsync($"/api/v1/runs/{run}")).Json.GetProperty("steps")[0], "status"));
        Assert.Equal(5000, (await _server.GetAsync($"{Approvals}/{Text(first, "id")}")).Json.GetProperty("data").GetProperty("amount").GetInt32());
        Assert.Equal("granted", Text((await _server.PostAsync($"{Approvals}/{Text(first, "id")}/approve", """{"reason":"fine"}""")).Json, "decision"));
        JsonElement second = (await _server.UntilAsync($"{Approvals}?status=pending&filter[run_id]={run}", p => p.GetProperty("items") is var items && items.GetArrayLength() == 1 && Text(items[0], "approval") == "policy 1")).GetProperty("items")[0];
        await _server.PostAsync($"{Approvals}/{Text(second, "id")}/approve", null);
        Assert.Equal("paid", Text(await _server.EndAsync(run), "outcome"));
        JsonElement[] events = [.. (await _server.GetAsync($"/api/v1/runs/{run}/events")).Json.GetProperty("items").EnumerateArray().Where(e => Text(e, "type") == "approval_decided")];
        Assert.Equal([("step", "fine"), ("policy 1", "")], events.Select(e => (Text(e, "approval"), Text(e, "reason"))));
    }

    [Fact]
    public async Task Deny_FailsTheStepWithTheReason()
    {
        string run = await _server.StartAsync("pay", """{"amount":500}""");
        string id = Text(await OnlyAsync(Approvals, run), "id")!;
        Assert.Equal("denied", Text((await _server.PostAsync($"{Approvals}/{id}/deny", """{"reason":"too much"}""")).Json, "decision"));
        JsonElement output = (await _server.EndAsync(run)).GetProperty("output");
        Assert.Equal(("APPROVAL_DENIED", "api did not approve step 'pay#1': too much."), (Text(output, "code"), Text(output, "why")));
        (await _server.PostAsync($"{Approvals}/{id}/approve", null)).Problem(HttpStatusCode.Conflict, "HUMAN_TASK_ENDED");
    }

    [Fact]
    public async Task Approval_NotNeeded_IsNotAskedFor()
    {
        Assert.Equal("paid", Text(await _server.EndAsync(await _server.StartAsync("pay", """{"amount":5}""")), "outcome"));
        Assert.Equal(0, (await _server.GetAsync(Approvals)).Json.GetProperty("total_count").GetInt64());
    }

    [Theory]
    [InlineData("deny", "refused")]
    [InlineData("grant", "paid")]
    public async Task Approval_NotDecidedInTime_IsWhatTheFileSays(string word, string outcome)
    {
        await _server.SaveAsync(Pay.Replace("name: pay", "name: quick").Replace("role: approver,", $"role: approver, timeout: 200ms, on_timeout: {word},"));
        Assert.Equal(outcome, Text(await _server.EndAsync(await _server.StartAsync("quick", """{"amount":500}""")), "outcome"));
    }

    [Fact]
    public async Task Approval_ThatWaits_OutlivesARestart()
    {
        string run = await _server.StartAsync("pay", """{"amount":500}""");
        string id = Text(await OnlyAsync(Approvals, run), "id")!;
        await _server.InStatusAsync(run, "waiting");
        _server = await _server.RestartAsync();
        await _server.PostAsync($"{Approvals}/{id}/approve", null);
        Assert.Equal("paid", Text(await _server.EndAsync(run), "outcome"));
    }
}
