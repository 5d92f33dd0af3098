using System.Net;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Runs;

public sealed class PlanModifierTests : IAsyncLifetime
{
    private const string Workflow = """
        language: 1
        name: changing
        version: 1.0.0
        planner: dag
        steps:
          - { id: first, tool: skill.echo }
          - { id: wait, wait: { signal: go }, depends_on: [first] }
          - { id: last, tool: skill.echo, depends_on: [wait], input: { by: file } }
        """;

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        await _server.SaveAsync(Workflow);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Modify_WaitingRun_GoesOnWithTheChangedPlan()
    {
        string id = await WaitingAsync();
        const string changes = """{"changes":[{"insert":{"id":"check","tool":"skill.echo","depends_on":["wait"]},"before":"last"},{"replace":"last","with":{"tool":"skill.echo","input":{"by":"change"}}}],"reason":"second look"}""";
        Answer modified = await _server.PostAsync($"/api/v1/runs/{id}/plan", changes, ("Idempotency-Key", "once"));
        Assert.Equal(HttpStatusCode.OK, modified.Status);
        Assert.True(modified.Json.GetProperty("applied").GetBoolean());
        Assert.Equal(HttpStatusCode.OK, (await _server.PostAsync($"/api/v1/runs/{id}/plan", changes, ("Idempotency-Key", "once"))).Status);
        JsonElement plan = (await _server.GetAsync($"/api/v1/runs/{id}/plan")).Json;
        Assert.Equal(1, plan.GetProperty("revision").GetInt32());
        Assert.Equal(["first", "wait", "check", "last"], plan.GetProperty("root").GetProperty("children").EnumerateArray().Select(c => c.GetProperty("id").GetString()));
        await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go"}""");
        JsonElement run = await _server.EndAsync(id);
        Assert.Equal("""{"by":"change"}""", run.GetProperty("output").GetRawText().Replace(" ", "", StringComparison.Ordinal));
        Assert.Equal(["first", "wait", "check", "last"], run.GetProperty("path").EnumerateArray().Select(p => p.GetString()));
    }

    [Fact]
    public async Task Modify_WithAMistake_NamesItsPlace()
    {
        string id = await WaitingAsync();
        Answer answer = await _server.PostAsync($"/api/v1/runs/{id}/plan", """{"changes":"changes:\n  - insert: { id: check, tool: skill.ehco }\n"}""");
        JsonElement problem = answer.Problem(HttpStatusCode.UnprocessableEntity, "PLAN_CHANGE_INVALID");
        JsonElement error = Assert.Single(problem.GetProperty("errors").EnumerateArray());
        Assert.Equal(("changes.yaml", 2), (error.GetProperty("file").GetString(), error.GetProperty("line").GetInt32()));
        Assert.Equal(0, (await _server.GetAsync($"/api/v1/runs/{id}/plan")).Json.GetProperty("revision").GetInt32());
    }

    [Theory]
    [InlineData("""{"changes":[{"replace":"first","with":{"tool":"skill.echo"}}]}""", "STEP_BEGUN", HttpStatusCode.Conflict)]
    [InlineData("""{"changes":[{"remove":"last"}],"revision":3}""", "PLAN_CHANGED", HttpStatusCode.Conflict)]
    [InlineData("""{"changes":[]}""", "PLAN_CHANGE_INVALID", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"reason":"none"}""", "VALIDATION_FAILED", HttpStatusCode.UnprocessableEntity)]
    public async Task Modify_ThatCannotBe_IsRefused(string body, string code, HttpStatusCode status)
    {
        string id = await WaitingAsync();
        (await _server.PostAsync($"/api/v1/runs/{id}/plan", body)).Problem(status, code);
    }

    [Fact]
    public async Task Modify_EndedRun_IsRefused()
    {
        string id = await WaitingAsync();
        await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go"}""");
        await _server.EndAsync(id);
        (await _server.PostAsync($"/api/v1/runs/{id}/plan", """{"changes":[{"insert":{"id":"x"}}]}""")).Problem(HttpStatusCode.Conflict, "RUN_ALREADY_ENDED");
    }

    private async Task<string> WaitingAsync()
    {
        string id = await _server.StartAsync("changing");
        await _server.InStatusAsync(id, "waiting");
        return id;
    }
}
