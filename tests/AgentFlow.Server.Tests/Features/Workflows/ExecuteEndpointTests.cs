using System.Net;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Workflows;

public sealed class ExecuteEndpointTests : IAsyncLifetime
{
    private const string Hello = """{"input":{"message":"hello"}}""";

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        await _server.SaveAsync(Flows.Echo);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Execute_Sync_AnswersTheWholeRun()
    {
        Answer answer = await _server.PostAsync("/api/v1/workflows/echo/execute", Hello);
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        JsonElement run = answer.Json;
        Assert.Equal(("completed", "said"), (run.GetProperty("status").GetString(), run.GetProperty("outcome").GetString()));
        Assert.Equal("""{"text":"hello"}""", run.GetProperty("output").GetRawText());
        Assert.Equal("""{"message":"hello"}""", run.GetProperty("input").GetRawText());
        Assert.Equal(["say", "done"], run.GetProperty("path").EnumerateArray().Select(p => p.GetString()!));
        JsonElement step = run.GetProperty("steps")[0];
        Assert.Equal(("say#1", "say", "tool", "skill.echo", "succeeded"), (Text(step, "path"), Text(step, "node"), Text(step, "kind"), Text(step, "target"), Text(step, "status")));
        Assert.Equal(1, step.GetProperty("attempts").GetInt32());
        Assert.Equal(JsonValueKind.Null, run.GetProperty("error").ValueKind);
        Assert.Equal(answer.Text, (await _server.GetAsync($"/api/v1/runs/{Text(run, "id")}")).Text);
    }

    [Fact]
    public async Task Execute_FailingRun_IsAnAnswer()
    {
        await _server.SaveAsync(Flows.Failing);
        Answer answer = await _server.PostAsync("/api/v1/workflows/failing/execute", null);
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("failed", Text(answer.Json, "status"));
        Assert.Equal("NO_LUCK", Text(answer.Json.GetProperty("error"), "code"));
        JsonElement broken = answer.Json.GetProperty("steps").EnumerateArray().Single(s => Text(s, "node") == "broken");
        Assert.Equal(("failed", "agent", "fail", "NO_LUCK"), (Text(broken, "status"), Text(broken, "kind"), Text(broken, "target"), Text(broken.GetProperty("error"), "code")));
        Assert.Matches("^[0-9a-f]{32}$", Text(broken, "idempotency_key"));
    }

    [Theory]
    [InlineData("?async=true", Hello)]
    [InlineData("", """{"async":true,"input":{"message":"hello"}}""")]
    public async Task Execute_Async_AnswersTheJobAtOnce(string query, string body)
    {
        Answer answer = await _server.PostAsync("/api/v1/workflows/echo/execute" + query, body);
        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        string id = Text(answer.Json, "run_id");
        Assert.Equal(id, Text(answer.Json, "job_id"));
        Assert.Equal($"/api/v1/runs/{id}", answer.Headers.Location!.ToString());
        JsonElement run = await _server.EndAsync(id);
        Assert.Equal(Text(answer.Json, "trace_id"), Text(run, "trace_id"));
    }

    [Fact]
    public async Task Execute_LimitedWait_AnswersTheJobAndTheRunGoesOn()
    {
        await _server.SaveAsync(Flows.Gated);
        Answer answer = await _server.PostAsync("/api/v1/workflows/gated/execute?timeout=50ms", """{"input":{"gate":"a"}}""");
        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        _server.Agents.Open("a");
        Assert.Equal("completed", Text(await _server.EndAsync(Text(answer.Json, "run_id")), "status"));
    }

    [Theory]
    [InlineData("soon")]
    [InlineData("-1s")]
    [InlineData("0s")]
    [InlineData("2h")]
    [InlineData("61m")]
    [InlineData("1e300m")]
    public async Task Execute_ImpossibleTimeout_Is400(string timeout) =>
        (await _server.PostAsync($"/api/v1/workflows/echo/execute?timeout={timeout}", Hello)).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");

    [Fact]
    public async Task Execute_ClientGone_TheRunGoesOn()
    {
        await _server.SaveAsync(Flows.Gated);
        using var gone = new CancellationTokenSource();
        Task<HttpResponseMessage> asking = _server.Http.PostAsync("/api/v1/workflows/gated/execute", RunningServer.Content("""{"input":{"gate":"b"}}"""u8.ToArray(), "application/json"), gone.Token);
        string id = await FirstRunAsync("gated");
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        _server.Agents.Open("b");
        Assert.Equal("completed", Text(await _server.EndAsync(id), "status"));
    }

    [Theory]
    [InlineData("""{"input":{}}""", "")]
    [InlineData("""{"input":{"message":3}}""", "/message")]
    [InlineData("""{"input":{"message":"a","times":0}}""", "/times")]
    [InlineData("""{"input":"text"}""", "")]
    [InlineData("""{"input":null}""", "")]
    [InlineData("", "")]
    public async Task Execute_InputThatDoesNotFit_Is422ByPointer(string body, string pointer)
    {
        JsonElement problem = (await _server.PostAsync("/api/v1/workflows/echo/execute", body.Length == 0 ? null : body)).Problem(HttpStatusCode.UnprocessableEntity, "INPUT_INVALID");
        Assert.Equal(pointer, problem.GetProperty("errors")[0].GetProperty("pointer").GetString());
        Assert.Equal(0, (await _server.GetAsync("/api/v1/runs")).Json.GetProperty("total_count").GetInt32());
    }

    [Fact]
    public async Task Execute_Version_ChoosesIt()
    {
        await _server.SaveAsync(Flows.Echo.Replace("version: 1.0.0", "version: 1.1.0").Replace("outcome: said", "outcome: shouted"));
        Assert.Equal("shouted", Text((await _server.PostAsync("/api/v1/workflows/echo/execute", Hello)).Json, "outcome"));
        Assert.Equal("said", Text((await _server.PostAsync("/api/v1/workflows/echo/execute", """{"version":"1.0.0","input":{"message":"x"}}""")).Json, "outcome"));
        (await _server.PostAsync("/api/v1/workflows/echo/execute", """{"version":"9.9.9","input":{"message":"x"}}""")).Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");
        (await _server.PostAsync("/api/v1/workflows/nobody/execute", Hello)).Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");
    }

    [Fact]
    public async Task Execute_SavesWhileRunning_NeverServeAnOldVersionAfterwards()
    {
        for (int i = 1; i <= 20; i++)
        {
            Task<Answer>[] racing = [.. Enumerable.Range(0, 4).Select(_ => _server.PostAsync("/api/v1/workflows/echo/execute", Hello))];
            await _server.SaveAsync(Flows.Echo.Replace("version: 1.0.0", $"version: 1.{i}.0"));
            Answer next = await _server.PostAsync("/api/v1/workflows/echo/execute", Hello);
            Assert.Equal($"1.{i}.0", Text(next.Json, "version"));
            await Task.WhenAll(racing);
        }
    }

    [Fact]
    public async Task Execute_TraceParent_BecomesTheRunsTrace()
    {
        const string trace = "0af7651916cd43dd8448eb211c80319c";
        Answer answer = await _server.PostAsync("/api/v1/workflows/echo/execute", Hello, ("traceparent", $"00-{trace}-b7ad6b7169203331-01"));
        Assert.Equal(trace, Text(answer.Json, "trace_id"));
        Answer named = await _server.PostAsync("/api/v1/workflows/echo/execute", """{"trace_id":"order-17","input":{"message":"x"}}""");
        Assert.Equal("order-17", Text(named.Json, "trace_id"));
        (await _server.PostAsync("/api/v1/workflows/echo/execute", """{"trace_id":"a b","input":{"message":"x"}}""")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
    }

    [Fact]
    public async Task Execute_SameIdempotencyKey_IsTheSameRun()
    {
        Answer first = await _server.PostAsync("/api/v1/workflows/echo/execute", Hello, ("Idempotency-Key", "k1"));
        Answer second = await _server.PostAsync("/api/v1/workflows/echo/execute", Hello, ("Idempotency-Key", "k1"));
        Answer third = await _server.PostAsync("/api/v1/workflows/echo/execute?async=true", Hello, ("Idempotency-Key", "k1"));
        Assert.False(first.Headers.Contains("Idempotency-Replayed"));
        Assert.Equal("true", Assert.Single(second.Headers.GetValues("Idempotency-Replayed")));
        Assert.Equal(first.Text, second.Text);
        Assert.Equal((HttpStatusCode.Accepted, Text(first.Json, "id"), Text(first.Json, "trace_id")), (third.Status, Text(third.Json, "run_id"), Text(third.Json, "trace_id")));
        Assert.Equal("true", Assert.Single(third.Headers.GetValues("Idempotency-Replayed")));
        Assert.Equal(1, (await _server.GetAsync("/api/v1/runs")).Json.GetProperty("total_count").GetInt32());
    }

    [Fact]
    public async Task Execute_KeyOfAnotherRequest_Is422()
    {
        await _server.SaveAsync(Flows.Wait);
        await _server.PostAsync("/api/v1/workflows/echo/execute", Hello, ("Idempotency-Key", "k2"));
        (await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"other"}}""", ("Idempotency-Key", "k2"))).Problem(HttpStatusCode.UnprocessableEntity, "IDEMPOTENCY_KEY_REUSED");
        (await _server.PostAsync("/api/v1/workflows/wait/execute", """{"input":{"message":"hello"}}""", ("Idempotency-Key", "k2"))).Problem(HttpStatusCode.UnprocessableEntity, "IDEMPOTENCY_KEY_REUSED");
        Answer otherTenant = await _server.PostYamlAsync("/api/v1/workflows", Flows.Echo, ("X-Tenant-ID", "other"));
        Assert.Equal(HttpStatusCode.Created, otherTenant.Status);
        Answer own = await _server.PostAsync("/api/v1/workflows/echo/execute", Hello, ("Idempotency-Key", "k2"), ("X-Tenant-ID", "other"));
        Assert.Equal(HttpStatusCode.OK, own.Status);
        Assert.False(own.Headers.Contains("Idempotency-Replayed"));
    }

    [Fact]
    public async Task Execute_SameKeyAtOnce_StartsOneRun()
    {
        await _server.SaveAsync(Flows.Gated);
        Task<Answer>[] racing = [.. Enumerable.Range(0, 16).Select(_ => _server.PostAsync("/api/v1/workflows/gated/execute", """{"input":{"gate":"c"}}""", ("Idempotency-Key", "k3")))];
        await _server.RunAsync(await FirstRunAsync("gated"), _ => true);
        _server.Agents.Open("c");
        Answer[] answers = await Task.WhenAll(racing);
        Assert.All(answers, a => Assert.Equal(HttpStatusCode.OK, a.Status));
        Assert.Single(answers.Select(a => Text(a.Json, "id")).Distinct());
        Assert.Single(answers, a => !a.Headers.Contains("Idempotency-Replayed"));
        Assert.Equal(1, _server.Agents.Calls);
    }

    [Fact]
    public async Task Execute_WhileStopping_AnswersTheJob()
    {
        await _server.SaveAsync(Flows.Wait);
        Task<Answer> waiting = _server.PostAsync("/api/v1/workflows/wait/execute", """{"input":{}}""");
        string id = await FirstRunAsync("wait");
        await _server.StopAsync();
        Answer answer = await waiting;
        Assert.Equal((HttpStatusCode.Accepted, id), (answer.Status, Text(answer.Json, "run_id")));
    }

    [Fact]
    public async Task Execute_ManyAtOnce_AllEnd()
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, 500), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (i, _) =>
        {
            Answer answer = await _server.PostAsync("/api/v1/workflows/echo/execute", $$$"""{"input":{"message":"m{{{i}}}"}}""");
            Assert.Equal($"m{i}", answer.Json.GetProperty("output").GetProperty("text").GetString());
        });
        Assert.Equal(500, (await _server.GetAsync("/api/v1/runs?filter[status]=completed")).Json.GetProperty("total_count").GetInt32());
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private async Task<string> FirstRunAsync(string workflow)
    {
        JsonElement page = await _server.UntilAsync($"/api/v1/runs?filter[workflow]={workflow}", p => p.GetProperty("total_count").GetInt32() > 0);
        return Text(page.GetProperty("items")[0], "id");
    }
}
