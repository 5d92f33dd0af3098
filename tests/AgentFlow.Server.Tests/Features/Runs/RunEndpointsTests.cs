using System.Net;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Runs;

public sealed class RunEndpointsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        await _server.SaveAsync(Flows.Echo);
        await _server.SaveAsync(Flows.Wait);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task List_Pages_HaveEveryRunOnceNewestFirst()
    {
        List<string> started = [];
        for (int i = 0; i < 11; i++)
        {
            started.Add(await _server.StartAsync(i % 2 == 0 ? "echo" : "wait", """{"message":"x"}"""));
        }

        foreach (string id in started)
        {
            await _server.RunAsync(id, r => Text(r, "status") is "completed" or "waiting");
        }

        started.Reverse();
        Assert.Equal(started, await IdsAsync("?page[size]=4", 11));
        Assert.Equal(started, await IdsAsync("?page[size]=500", 11));
        Assert.Equal(started.Where((_, i) => i % 2 == 1), await IdsAsync("?page[size]=2&filter[workflow]=wait", 5));
        Assert.Equal(started.Where((_, i) => i % 2 == 0), await IdsAsync("?page[size]=2&filter[status]=completed", 6));
        Assert.Empty(await IdsAsync("?filter[workflow]=nobody", 0));
    }

    [Fact]
    public async Task List_Items_AreShort()
    {
        await _server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""");
        JsonElement item = (await _server.GetAsync("/api/v1/runs")).Json.GetProperty("items")[0];
        Assert.Equal(("echo", "completed", "said"), (Text(item, "workflow"), Text(item, "status"), Text(item, "outcome")));
        Assert.All(new[] { "input", "output", "steps", "path" }, name => Assert.False(item.TryGetProperty(name, out _)));
        Assert.True(item.GetProperty("duration_ms").GetInt64() >= 0);
    }

    [Fact]
    public async Task List_FailedRun_SaysItsCode()
    {
        await _server.SaveAsync(Flows.Failing);
        await _server.PostAsync("/api/v1/workflows/failing/execute", null);
        JsonElement item = (await _server.GetAsync("/api/v1/runs?filter[status]=failed")).Json.GetProperty("items")[0];
        Assert.Equal("NO_LUCK", Text(item.GetProperty("error"), "code"));
    }

    [Fact]
    public async Task Saga_OfARunThatFailed_ShowsWhatWasUndone()
    {
        await _server.SaveAsync("""
            language: 1
            name: trip
            version: 1.0.0
            agents:
              fail: { kind: custom, type: fail }
            planner: dag
            steps:
              - { id: flight, tool: skill.echo, input: { seat: 4 }, compensate: { tool: skill.echo, input: { free: "${output.seat}" } } }
              - { id: hotel, tool: skill.echo, depends_on: [flight], input: { room: 7 }, compensate: { tool: skill.echo } }
              - { id: pay, agent: fail, depends_on: [hotel] }
            """);
        Assert.Equal("failed", Text((await _server.PostAsync("/api/v1/workflows/trip/execute", null)).Json, "status"));
        JsonElement run = (await _server.GetAsync("/api/v1/runs?filter[workflow]=trip")).Json.GetProperty("items")[0];
        JsonElement saga = (await _server.GetAsync($"/api/v1/runs/{Text(run, "id")}/saga")).Json;
        Assert.Equal("compensated", Text(saga, "status"));
        Assert.Equal(
            [("flight#1", "compensated", """{"free":4}"""), ("hotel#1", "compensated", """{"room":7}""")],
            saga.GetProperty("steps").EnumerateArray().Select(s => (Text(s, "path"), Text(s, "status"), s.GetProperty("input").GetRawText())));
        string id = await _server.StartAsync("echo", """{"message":"x"}""");
        Assert.Equal("none", Text((await _server.GetAsync($"/api/v1/runs/{id}/saga")).Json, "status"));
    }

    [Theory]
    [InlineData("01M7XQPN3AV30BYVJPYJ337QFY")]
    [InlineData("not-a-ulid")]
    [InlineData("a%2Fb")]
    public async Task Get_UnknownRun_Is404(string id)
    {
        foreach (string path in new[] { "", "/plan", "/events", "/stream" })
        {
            (await _server.GetAsync($"/api/v1/runs/{id}{path}")).Problem(HttpStatusCode.NotFound, "RUN_NOT_FOUND");
        }
    }

    [Fact]
    public async Task Get_WaitingRun_ShowsWhatItWaitsFor()
    {
        string id = await _server.StartAsync("wait");
        JsonElement run = await _server.InStatusAsync(id, "waiting");
        JsonElement step = run.GetProperty("steps")[0];
        Assert.Equal(("wait", "go", "waiting"), (Text(step, "kind"), Text(step, "target"), Text(step, "status")));
        Assert.Equal(JsonValueKind.Null, run.GetProperty("ended_at").ValueKind);
    }

    [Fact]
    public async Task Get_LargeValues_AreWhole()
    {
        string text = new('é', 50_000);
        Answer answer = await _server.PostAsync("/api/v1/workflows/echo/execute", "{\"input\":{\"message\":\"" + text + "\"}}");
        JsonElement run = (await _server.GetAsync($"/api/v1/runs/{Text(answer.Json, "id")}")).Json;
        Assert.Equal(text, run.GetProperty("input").GetProperty("message").GetString());
        Assert.Equal(text, run.GetProperty("output").GetProperty("text").GetString());
    }

    [Fact]
    public async Task Get_ETag_ChangesWithTheRun()
    {
        string id = await _server.StartAsync("wait");
        await _server.InStatusAsync(id, "waiting");
        Answer first = await _server.GetAsync($"/api/v1/runs/{id}");
        Assert.Equal(HttpStatusCode.NotModified, (await _server.GetAsync($"/api/v1/runs/{id}", ("If-None-Match", first.Tag!))).Status);
        await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go"}""");
        await _server.EndAsync(id);
        Assert.Equal(HttpStatusCode.OK, (await _server.GetAsync($"/api/v1/runs/{id}", ("If-None-Match", first.Tag!))).Status);
    }

    [Fact]
    public async Task Events_Pages_AreTheWholeJournal()
    {
        await _server.SaveAsync(Flows.Loop(20));
        string id = await _server.StartAsync("loop", """{"n":1}""");
        await _server.EndAsync(id);
        JsonElement[] all = [.. (await _server.GetAsync($"/api/v1/runs/{id}/events?limit=1000")).Json.GetProperty("items").EnumerateArray()];
        Assert.Equal(Enumerable.Range(0, all.Length), all.Select(e => e.GetProperty("seq").GetInt32()));
        Assert.Equal("run_started", Text(all[0], "type"));
        Assert.Equal("run_completed", Text(all[^1], "type"));

        List<string> paged = [];
        string? from = "0";
        while (from is not null)
        {
            JsonElement page = (await _server.GetAsync($"/api/v1/runs/{id}/events?from={from}&limit=7")).Json;
            paged.AddRange(page.GetProperty("items").EnumerateArray().Select(e => e.GetRawText()));
            from = page.GetProperty("next_cursor").GetString();
        }

        Assert.Equal(all.Select(e => e.GetRawText()), paged);
        Answer beyond = await _server.GetAsync($"/api/v1/runs/{id}/events?from=999999999999999999");
        Assert.Equal(0, beyond.Json.GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task Events_LargeValues_EndAPageEarly()
    {
        await _server.SaveAsync(Flows.Loop(12));
        string id = await _server.StartAsync("loop", "{\"text\":\"" + new string('x', 400_000) + "\"}");
        await _server.EndAsync(id);
        Answer page = await _server.GetAsync($"/api/v1/runs/{id}/events?limit=1000");
        Assert.InRange(page.Body.Length, 4_000_000, 5_500_000);
        string from = page.Json.GetProperty("next_cursor").GetString()!;
        Answer next = await _server.GetAsync($"/api/v1/runs/{id}/events?limit=1000&from={from}");
        Assert.Equal(from, next.Json.GetProperty("items")[0].GetProperty("seq").ToString());
    }

    [Fact]
    public async Task Plan_OfAWaitingRun_ShowsHowFarItIs()
    {
        string id = await _server.StartAsync("wait");
        await _server.InStatusAsync(id, "waiting");
        Answer answer = await _server.GetAsync($"/api/v1/runs/{id}/plan");
        JsonElement root = answer.Json.GetProperty("root");
        Assert.Equal(("state_machine", "hold"), (Text(root, "kind"), Text(root, "initial")));
        JsonElement[] states = [.. root.GetProperty("children").EnumerateArray()];
        Assert.Equal(["hold:waiting", "done:pending"], states.Select(s => $"{Text(s, "path")}:{Text(s, "status")}"));
        Assert.Equal("done", Text(states[0], "on_success"));
        Assert.True(states[1].GetProperty("final").GetBoolean());
        Assert.Equal(answer.Text, (await _server.GetAsync($"/api/v1/workflows/wait/plans/{id}")).Text);
        (await _server.GetAsync($"/api/v1/workflows/echo/plans/{id}")).Problem(HttpStatusCode.NotFound, "RUN_NOT_FOUND");
    }

    [Fact]
    public async Task Plan_OfConditions_TellsThem()
    {
        await _server.SaveAsync(Flows.Loop(2));
        string id = await _server.StartAsync("loop");
        await _server.EndAsync(id);
        JsonElement again = (await _server.GetAsync($"/api/v1/runs/{id}/plan")).Json.GetProperty("root").GetProperty("children")[0];
        Assert.Equal(2, again.GetProperty("visits").GetInt32());
        Assert.Equal(("steps.again.visits < 2", "again"), (Text(again.GetProperty("transitions")[0], "condition"), Text(again.GetProperty("transitions")[0], "target")));
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private async Task<List<string>> IdsAsync(string query, int total)
    {
        List<string> ids = [];
        string? cursor = null;
        do
        {
            JsonElement page = (await _server.GetAsync("/api/v1/runs" + query + (cursor is null ? "" : $"&page[cursor]={cursor}"))).Json;
            Assert.Equal(total, page.GetProperty("total_count").GetInt32());
            ids.AddRange(page.GetProperty("items").EnumerateArray().Select(r => Text(r, "id")));
            cursor = page.GetProperty("next_cursor").GetString();
        }
        while (cursor is not null);
        return ids;
    }
}
