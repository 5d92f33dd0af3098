using System.Globalization;
using System.Net;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Agents;

public sealed class MetricsTests : IAsyncLifetime
{
    private RunningServer _server = null!;
    private string _a = "";
    private string _b = "";

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        _a = (await _server.PostAsync("/api/v1/agents", """{"name":"a","role":"tester","budget":{"limits":{"tokens":100}}}""")).Json.GetProperty("agent_id").GetString()!;
        _b = (await _server.PostAsync("/api/v1/agents", """{"name":"b","role":"tester"}""")).Json.GetProperty("agent_id").GetString()!;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private Task<Answer> RecordAsync(string agent, string type, double value, string more = "", params (string, string)[] headers) =>
        _server.PostAsync("/api/v1/metrics/", $$"""{"agent_id":"{{agent}}","metric_type":"{{type}}","value":{{value.ToString(CultureInfo.InvariantCulture)}}{{more}}}""", headers);

    [Fact]
    public async Task Record_Metric_IsListedAndSurvivesARestart()
    {
        Answer recorded = await RecordAsync(_a, "execution_time", 12.5, ""","timestamp":"2026-01-05T10:00:00Z" """);
        Assert.Equal(HttpStatusCode.Created, recorded.Status);
        Assert.Equal((12.5, "2026-01-05T10:00:00Z"), (recorded.Json.GetProperty("value").GetDouble(), recorded.Json.GetProperty("timestamp").GetString()));
        _server = await _server.RestartAsync();
        JsonElement list = (await _server.GetAsync($"/api/v1/metrics/?agent_id={_a}")).Json;
        Assert.Equal(recorded.Text, Assert.Single(list.GetProperty("items").EnumerateArray()).GetRawText());
        Assert.Equal(1, list.GetProperty("total_count").GetInt32());
    }

    [Fact]
    public async Task Record_SeveralOrOneWithAFault_TakesAllOrNone()
    {
        string Items(string last) => $$"""{"metrics":[{"agent_id":"{{_a}}","metric_type":"execution_time","value":1},{{last}}]}""";
        JsonElement problem = (await _server.PostAsync("/api/v1/metrics", Items($$"""{"agent_id":"{{_a}}","metric_type":"cost","value":1}"""))).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Equal("/metrics/1/dimension", problem.GetProperty("errors")[0].GetProperty("pointer").GetString());
        (await _server.PostAsync("/api/v1/metrics", Items($$"""{"agent_id":"{{Guid.NewGuid()}}","metric_type":"execution_time","value":1}"""))).Problem(HttpStatusCode.NotFound, "AGENT_NOT_FOUND");
        Assert.Equal(0, (await _server.GetAsync("/api/v1/metrics")).Json.GetProperty("total_count").GetInt32());
        Answer both = await _server.PostAsync("/api/v1/metrics", Items($$"""{"agent_id":"{{_b}}","metric_type":"execution_time","value":2}"""));
        Assert.Equal((HttpStatusCode.Created, """{"recorded":2}"""), (both.Status, both.Text));
    }

    [Theory]
    [InlineData("""{"metric_type":"execution_time","value":1}""", "/agent_id")]
    [InlineData("""{"agent_id":"A","value":1}""", "/metric_type")]
    [InlineData("""{"agent_id":"A","metric_type":"execution-time","value":1}""", "/metric_type")]
    [InlineData("""{"agent_id":"A","metric_type":"execution_time"}""", "/value")]
    [InlineData("""{"agent_id":"A","metric_type":"execution_time","value":"1"}""", "/value")]
    [InlineData("""{"agent_id":"A","metric_type":"execution_time","value":-1}""", "/value")]
    [InlineData("""{"agent_id":"A","metric_type":"execution_time","value":1e300}""", "/value")]
    [InlineData("""{"agent_id":"A","metric_type":"success_rate","value":1.01}""", "/value")]
    [InlineData("""{"agent_id":"A","metric_type":"task_completion","value":0.5}""", "/value")]
    [InlineData("""{"agent_id":"A","metric_type":"cost","dimension":"tokens","value":0.5}""", "/value")]
    [InlineData("""{"agent_id":"A","metric_type":"cost","dimension":"eur","value":1}""", "/dimension")]
    [InlineData("""{"agent_id":"A","metric_type":"quality","value":1}""", "/dimension")]
    [InlineData("""{"agent_id":"A","metric_type":"execution_time","dimension":"x","value":1}""", "/dimension")]
    [InlineData("""{"agent_id":"A","metric_type":"execution_time","value":1,"timestamp":"yesterday"}""", "/timestamp")]
    [InlineData("""{"agent_id":"A","metric_type":"execution_time","value":1,"timestamp":"2999-01-01T00:00:00Z"}""", "/timestamp")]
    [InlineData("""{"agent_id":"A","metric_type":"execution_time","value":1,"timestamp":"1969-01-01T00:00:00Z"}""", "/timestamp")]
    [InlineData("""{"metrics":[1]}""", "/metrics/0")]
    [InlineData("""{"metrics":{}}""", "/metrics")]
    public async Task Record_BodyWithAFault_NamesThePlace(string json, string pointer)
    {
        JsonElement problem = (await _server.PostAsync("/api/v1/metrics", json.Replace("\"A\"", $"\"{_a}\"", StringComparison.Ordinal))).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Contains(pointer, problem.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("pointer").GetString()));
    }

    [Fact]
    public async Task Record_SameKeyAgain_CountsOnce()
    {
        Answer first = await RecordAsync(_a, "cost", 10, ""","dimension":"tokens" """, ("Idempotency-Key", "m1"));
        Answer again = await RecordAsync(_a, "cost", 10, ""","dimension":"tokens" """, ("Idempotency-Key", "m1"));
        Assert.Equal((first.Status, first.Text), (again.Status, again.Text));
        Assert.Equal("true", again.Headers.GetValues("Idempotency-Replayed").Single());
        (await RecordAsync(_a, "cost", 11, ""","dimension":"tokens" """, ("Idempotency-Key", "m1"))).Problem(HttpStatusCode.UnprocessableEntity, "IDEMPOTENCY_KEY_REUSED");
        Assert.Equal(10, (await _server.GetAsync($"/api/v1/agents/{_a}")).Json.GetProperty("budget").GetProperty("use").GetProperty("tokens").GetInt32());
        Assert.Equal(1, (await _server.GetAsync("/api/v1/metrics")).Json.GetProperty("total_count").GetInt32());
    }

    [Fact]
    public async Task Aggregate_ByDayAndAgent_AddsUp()
    {
        for (int i = 1; i <= 10; i++)
        {
            await RecordAsync(i <= 4 ? _a : _b, "execution_time", i * 10, $$""","timestamp":"2026-01-0{{(i % 2) + 5}}T10:00:00Z" """);
        }

        JsonElement days = (await _server.GetAsync("/api/v1/metrics/aggregate?window=day&group_by=agent&metric_type=execution_time")).Json;
        Assert.Equal(("day", "agent", 4), (days.GetProperty("window").GetString(), days.GetProperty("group_by").GetString(), days.GetProperty("total_count").GetInt32()));
        JsonElement first = days.GetProperty("items").EnumerateArray().Single(g => g.GetProperty("window_start").GetString() == "2026-01-05T00:00:00Z" && g.GetProperty("agent_id").GetString() == _a);
        Assert.Equal(
            (2, 60, 30, 20, 40, 20, 40),
            (first.GetProperty("count").GetInt32(), first.GetProperty("sum").GetInt32(), first.GetProperty("mean").GetInt32(), first.GetProperty("min").GetInt32(), first.GetProperty("max").GetInt32(), first.GetProperty("p50").GetInt32(), first.GetProperty("p99").GetInt32()));

        JsonElement role = Assert.Single((await _server.GetAsync("/api/v1/metrics/aggregate?group_by=role&from=2026-01-06T00:00:00Z&to=2026-01-07T00:00:00Z")).Json.GetProperty("items").EnumerateArray());
        Assert.Equal(("tester", 5, 250), (role.GetProperty("role").GetString(), role.GetProperty("count").GetInt32(), role.GetProperty("sum").GetInt32()));
        (await _server.GetAsync("/api/v1/metrics/aggregate?window=month")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
        (await _server.GetAsync("/api/v1/metrics/aggregate?from=now")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
        (await _server.GetAsync("/api/v1/metrics?metric_type=speed")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
    }

    [Fact]
    public async Task Summary_OfAnAgent_HasWhatTheContractNames()
    {
        await RecordAsync(_a, "execution_time", 100);
        await RecordAsync(_a, "execution_time", 300);
        await RecordAsync(_a, "success_rate", 0.5);
        await RecordAsync(_a, "task_completion", 1);
        await RecordAsync(_a, "quality", 8, ""","dimension":"coupling" """);
        await RecordAsync(_a, "cost", 150, ""","dimension":"tokens" """);
        await RecordAsync(_a, "cost", 0.0125, ""","dimension":"usd" """);
        await RecordAsync(_b, "execution_time", 9);
        JsonElement summary = (await _server.GetAsync($"/api/v1/metrics/agent/{_a}/summary")).Json;
        Assert.Equal(
            """{"executions":2,"mean_execution_ms":200,"p95_execution_ms":300,"success_rate":0.5,"tasks_completed":1,"quality":{"coupling":8},"cost":{"tokens":150,"api_calls":0,"usd":0.0125}}""",
            summary.GetProperty("performance").GetRawText());
        Assert.Equal("""{"limits":{"tokens":100},"use":{"tokens":150,"api_calls":0,"usd":0.0125},"exceeded":true}""", summary.GetProperty("budget").GetRawText());
        Assert.Equal(6, summary.GetProperty("metrics").GetArrayLength());
        Assert.Equal(summary.GetProperty("performance").GetRawText(), (await _server.GetAsync($"/api/v1/agents/{_a}")).Json.GetProperty("performance").GetRawText());
        Assert.Equal(0, (await _server.GetAsync($"/api/v1/metrics/agent/{_a}/summary?to=2020-01-01T00:00:00Z")).Json.GetProperty("metrics").GetArrayLength());
        (await _server.GetAsync($"/api/v1/metrics/agent/{Guid.NewGuid()}/summary")).Problem(HttpStatusCode.NotFound, "AGENT_NOT_FOUND");
    }

    [Fact]
    public async Task List_Pages_FollowEachOther()
    {
        for (int i = 0; i < 5; i++)
        {
            await RecordAsync(_a, "execution_time", i, $$""","timestamp":"2026-01-05T10:00:0{{i}}Z" """);
        }

        var values = new List<int>();
        string? cursor = "";
        while (cursor is not null)
        {
            JsonElement page = (await _server.GetAsync($"/api/v1/metrics?page[size]=2{(cursor.Length == 0 ? "" : $"&page[cursor]={cursor}")}")).Json;
            values.AddRange(page.GetProperty("items").EnumerateArray().Select(m => m.GetProperty("value").GetInt32()));
            cursor = page.GetProperty("next_cursor").GetString();
        }

        Assert.Equal([4, 3, 2, 1, 0], values);
        (await _server.GetAsync("/api/v1/metrics?page[cursor]=1")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
    }
}
