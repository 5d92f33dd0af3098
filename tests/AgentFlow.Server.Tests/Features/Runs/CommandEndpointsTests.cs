using System.Net;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Runs;

public sealed class CommandEndpointsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(o => o with { ShutdownTimeout = TimeSpan.FromMilliseconds(200) });
        await _server.SaveAsync(Flows.Wait);
        await _server.SaveAsync(Flows.Gated);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Signal_WaitingRun_EndsItWithThePayload()
    {
        string id = await _server.StartAsync("wait");
        await _server.InStatusAsync(id, "waiting");
        Answer sent = await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go","payload":{"x":[1, 2]}}""");
        Assert.Equal(HttpStatusCode.Accepted, sent.Status);
        Assert.Equal((id, true), (Text(sent.Json, "run_id"), sent.Json.GetProperty("accepted").GetBoolean()));
        JsonElement run = await _server.EndAsync(id);
        Assert.Equal("[1,2]", run.GetProperty("output").GetProperty("x").GetRawText().Replace(" ", ""));
    }

    [Fact]
    public async Task Signal_EarlyOfAnotherNameAndTwice_AreKeptInOrder()
    {
        await _server.SaveAsync(Flows.Wait.Replace("name: wait", "name: twice").Replace("on_success: done }", "on_success: again }\n  again: { wait: { signal: go }, on_success: done }"));
        string id = await _server.StartAsync("twice");
        await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"other"}""");
        await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go","payload":1,"id":"s1"}""");
        await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go","payload":1,"id":"s1"}""");
        await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go","payload":1}""", ("Idempotency-Key", "s1"));
        JsonElement waiting = await _server.RunAsync(id, r => Text(r, "status") == "waiting" && r.GetProperty("path").GetArrayLength() == 2);
        Assert.Equal("waiting", Text(waiting.GetProperty("steps")[1], "status"));
        await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go","payload":2,"id":"s2"}""");
        Assert.Equal(2, (await _server.EndAsync(id)).GetProperty("output").GetInt32());
    }

    [Theory]
    [InlineData("{}", "/name")]
    [InlineData("""{"name":""}""", "/name")]
    [InlineData("""{"name":3}""", "/name")]
    [InlineData("""{"name":"go","paylod":1}""", "/paylod")]
    public async Task Signal_WithoutAName_Is422(string body, string pointer)
    {
        string id = await _server.StartAsync("wait");
        JsonElement problem = (await _server.PostAsync($"/api/v1/runs/{id}/signal", body)).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Contains(problem.GetProperty("errors").EnumerateArray(), e => Text(e, "pointer") == pointer);
    }

    [Fact]
    public async Task Cancel_WaitingRun_EndsItWithTheReason()
    {
        string id = await _server.StartAsync("wait");
        Assert.Equal(HttpStatusCode.Accepted, (await _server.PostAsync($"/api/v1/runs/{id}/cancel", """{"reason":"changed my mind"}""")).Status);
        JsonElement run = await _server.EndAsync(id);
        Assert.Equal("cancelled", Text(run, "status"));
        Assert.Equal(("RUN_CANCELLED", "changed my mind"), (Text(run.GetProperty("error"), "code"), Text(run.GetProperty("error"), "message")));
        Assert.Equal("cancelled", Text(run.GetProperty("steps")[0], "status"));
    }

    [Fact]
    public async Task Cancel_StepInFlight_StopsIt()
    {
        string id = await _server.StartAsync("gated", """{"gate":"never"}""");
        await _server.RunAsync(id, _ => _server.Agents.Calls > 0);
        await _server.PostAsync($"/api/v1/runs/{id}/cancel", null);
        Assert.Equal("cancelled", Text(await _server.EndAsync(id), "status"));
    }

    [Fact]
    public async Task Cancel_Twice_IsAcceptedOnce()
    {
        string id = await _server.StartAsync("gated", """{"gate":"x"}""");
        Answer[] answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _server.PostAsync($"/api/v1/runs/{id}/cancel", null)));
        Assert.All(answers, a => Assert.True(a.Status is HttpStatusCode.Accepted or HttpStatusCode.Conflict, a.Text));
        await _server.EndAsync(id);
        JsonElement events = (await _server.GetAsync($"/api/v1/runs/{id}/events")).Json.GetProperty("items");
        Assert.Single(events.EnumerateArray(), e => Text(e, "type") == "cancel_requested");
    }

    [Fact]
    public async Task Pause_ThenResume_HoldsTheNextStepBack()
    {
        string id = await _server.StartAsync("gated", """{"gate":"p"}""");
        await _server.RunAsync(id, _ => _server.Agents.Calls > 0);
        Assert.Equal(HttpStatusCode.Accepted, (await _server.PostAsync($"/api/v1/runs/{id}/pause", null)).Status);
        await _server.InStatusAsync(id, "paused");
        _server.Agents.Open("p");
        JsonElement held = await _server.RunAsync(id, r => r.GetProperty("path").GetArrayLength() == 2);
        Assert.Equal(("paused", "scheduled"), (Text(held, "status"), Text(held.GetProperty("steps")[1], "status")));
        Assert.Equal(HttpStatusCode.Accepted, (await _server.PostAsync($"/api/v1/runs/{id}/resume", "{}")).Status);
        Assert.Equal("completed", Text(await _server.EndAsync(id), "status"));
    }

    [Fact]
    public async Task Command_SentAgainUnderItsKey_IsCarriedOutOnce()
    {
        string id = await _server.StartAsync("gated", """{"gate":"k"}""");
        await _server.RunAsync(id, _ => _server.Agents.Calls > 0);
        foreach (string verb in new[] { "pause", "resume", "pause", "migrate", "resume" })
        {
            Assert.Equal(HttpStatusCode.Accepted, (await _server.PostAsync($"/api/v1/runs/{id}/{verb}", null, ("Idempotency-Key", "k1"))).Status);
        }

        _server.Agents.Open("k");
        Assert.Equal("completed", Text(await _server.EndAsync(id), "status"));
        JsonElement events = (await _server.GetAsync($"/api/v1/runs/{id}/events")).Json.GetProperty("items");
        Assert.Equal(["pause_requested", "resume_requested"], events.EnumerateArray().Select(e => Text(e, "type")).Where(t => t is "pause_requested" or "resume_requested"));
        (await _server.PostAsync($"/api/v1/runs/{id}/pause", null, ("Idempotency-Key", ""))).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
    }

    [Theory]
    [InlineData("cancel", null)]
    [InlineData("signal", """{"name":"go"}""")]
    [InlineData("pause", null)]
    [InlineData("resume", null)]
    [InlineData("steps/1/resolve", """{"resolution":"fail"}""")]
    public async Task Command_EndedOrUnknownRun_Is409Or404(string verb, string? body)
    {
        string id = await _server.StartAsync("wait");
        await _server.PostAsync($"/api/v1/runs/{id}/cancel", null);
        await _server.EndAsync(id);
        (await _server.PostAsync($"/api/v1/runs/{id}/{verb}", body)).Problem(HttpStatusCode.Conflict, "RUN_ALREADY_ENDED");
        (await _server.PostAsync($"/api/v1/runs/01M7XQPN3AV30BYVJPYJ337QFY/{verb}", body)).Problem(HttpStatusCode.NotFound, "RUN_NOT_FOUND");
    }

    [Theory]
    [InlineData("""{"resolution":"succeed","output":{"ok":true}}""", "completed", "succeeded", false)]
    [InlineData("""{"resolution":"fail"}""", "failed", "failed", true)]
    [InlineData("""{"resolution":"retry"}""", "completed", "succeeded", true)]
    public async Task Resolve_StepOfUnknownOutcome_DoesAsTold(string body, string status, string step, bool byName)
    {
        await _server.SaveAsync(Flows.Ask);
        string id = await _server.StartAsync("ask", """{"gate":"q"}""");
        await _server.RunAsync(id, _ => _server.Agents.Calls > 0);
        (await _server.PostAsync($"/api/v1/runs/{id}/steps/1/resolve", body)).Problem(HttpStatusCode.Conflict, "STEP_NOT_WAITING");

        // The process goes away in the middle of the call: nobody knows whether it took effect.
        await using RunningServer next = await _server.RestartAsync();
        JsonElement asked = await next.RunAsync(id, r => Text(r.GetProperty("steps")[0], "status") == "asked");
        string visit = Text(asked.GetProperty("steps")[0], "id");
        string key = Text(asked.GetProperty("steps")[0], "idempotency_key");
        (await next.PostAsync($"/api/v1/runs/{id}/steps/77/resolve", body)).Problem(HttpStatusCode.NotFound, "STEP_NOT_FOUND");
        Assert.Contains("'frist'", (await next.PostAsync($"/api/v1/runs/{id}/steps/frist/resolve", body)).Problem(HttpStatusCode.NotFound, "STEP_NOT_FOUND").GetProperty("detail").GetString(), StringComparison.Ordinal);
        (await next.PostAsync($"/api/v1/runs/{id}/steps/{visit}/resolve", """{"resolution":"maybe"}""")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        (await next.PostAsync($"/api/v1/runs/{id}/steps/{visit}/resolve", """{"resolution":"fail","output":1}""")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");

        next.Agents.Open("q");
        Assert.Equal(HttpStatusCode.Accepted, (await next.PostAsync($"/api/v1/runs/{id}/steps/{(byName ? Text(asked.GetProperty("steps")[0], "node") : visit)}/resolve", body)).Status);
        JsonElement run = await next.EndAsync(id);
        Assert.Equal((status, step), (Text(run, "status"), Text(run.GetProperty("steps")[0], "status")));
        Assert.Equal(key, Text(run.GetProperty("steps")[0], "idempotency_key"));
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;
}
