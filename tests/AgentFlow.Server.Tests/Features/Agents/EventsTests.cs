using System.Net;
using System.Text.Json;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Tests.Features.Agents;

public sealed class EventsTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task IngestAsync(string json, params (string, string)[] headers)
    {
        Answer answer = await _server.PostAsync("/api/v1/events/ingest", json, headers);
        Assert.True(answer.Status == HttpStatusCode.Created, answer.Text);
    }

    private async Task<string[]> OperationsAsync(string query) =>
        [.. (await _server.GetAsync($"/api/v1/events/audit{query}")).Json.GetProperty("items").EnumerateArray().Select(e => e.GetProperty("operation").GetString()!)];

    [Fact]
    public async Task Ingest_Event_IsARecordOfTheChain()
    {
        await IngestAsync("""
            {"agent_id":"agent-7","role":"backend","operation":"file.write","decision":"requires_approval","targets":["a.cs","b.cs"],
             "timestamp":"2026-01-05T10:00:00Z","reason":"protected path","data":{"z":1,"a":[true]}}
            """);
        JsonElement entry = Assert.Single((await _server.GetAsync("/api/v1/events/audit")).Json.GetProperty("items").EnumerateArray());
        Assert.Equal(("agent-7", "backend", "file.write", "requires_approval", "2026-01-05T10:00:00Z", "protected path"), (
            entry.GetProperty("agent_id").GetString(), entry.GetProperty("role").GetString(), entry.GetProperty("operation").GetString(),
            entry.GetProperty("decision").GetString(), entry.GetProperty("timestamp").GetString(), entry.GetProperty("reason").GetString()));
        Assert.Equal("""["a.cs","b.cs"]""", entry.GetProperty("targets").GetRawText());
        Assert.Equal("""{"a":[true],"z":1}""", entry.GetProperty("data").GetRawText());
        JsonElement record = (await _server.GetAsync("/api/v1/audit?filter[decision]=requires_approval")).Json.GetProperty("items")[0];
        Assert.Equal(entry.GetProperty("hash").GetString(), record.GetProperty("hash").GetString());
        Assert.Equal(("agent:agent-7", "hook.file.write", "rbac:backend"), (record.GetProperty("actor").GetString(), record.GetProperty("action").GetString(), record.GetProperty("resource").GetString()));
        Assert.True((await _server.PostAsync("/api/v1/audit/verify", "{}")).Json.GetProperty("intact").GetBoolean());
    }

    [Fact]
    public async Task Audit_Filters_AreExact()
    {
        await IngestAsync("""
            {"events":[
              {"agent_id":"a","role":"tester","operation":"read","decision":"allowed","timestamp":"2026-01-05T10:00:00Z"},
              {"agent_id":"a","role":"tester","operation":"write","decision":"denied","timestamp":"2026-01-06T10:00:00Z"},
              {"agent_id":"ab","role":"admin","operation":"deploy","decision":"requires_approval","timestamp":"2026-01-07T10:00:00Z"}]}
            """);
        await IngestAsync("""{"agent_id":"a","role":"tester","operation":"other","decision":"denied"}""", ("X-Tenant-ID", "other"));
        Assert.Equal(3, (await OperationsAsync("")).Length);
        Assert.Equal(["read", "write"], (await OperationsAsync("?agent_id=a")).Order());
        Assert.Equal(["deploy"], await OperationsAsync("?role=admin"));
        Assert.Equal(["read"], await OperationsAsync("?operation=read&decision=allowed"));
        Assert.Equal(["write"], await OperationsAsync("?from=2026-01-06T00:00:00Z&to=2026-01-07T00:00:00Z"));
        Assert.Empty(await OperationsAsync("?decision=denied&role=admin"));
        JsonElement page = (await _server.GetAsync("/api/v1/events/audit?page[size]=2")).Json;
        Assert.Equal(3, page.GetProperty("total_count").GetInt32());
        Assert.Single((await _server.GetAsync($"/api/v1/events/audit?page[size]=2&page[cursor]={page.GetProperty("next_cursor").GetString()}")).Json.GetProperty("items").EnumerateArray());
        Assert.Equal(
            """{"total":3,"by_decision":{"allowed":1,"denied":1,"requires_approval":1},"by_role":{"tester":2,"admin":1},"by_operation":{"deploy":1,"read":1,"write":1},"by_agent":{"a":2,"ab":1}}""",
            (await _server.GetAsync("/api/v1/events/audit/stats")).Text);
        Assert.Equal(1, (await _server.GetAsync("/api/v1/events/audit/stats?decision=denied")).Json.GetProperty("total").GetInt32());
        (await _server.GetAsync("/api/v1/events/audit?decision=maybe")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
        (await _server.GetAsync("/api/v1/events/audit?role=boss")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
    }

    [Fact]
    public async Task Ingest_RoleOfARegisteredAgent_IsKnown()
    {
        string id = (await _server.PostAsync("/api/v1/agents", """{"name":"x","role":"security"}""")).Json.GetProperty("agent_id").GetString()!;
        await IngestAsync($$"""{"agent_id":"{{id}}","operation":"scan","decision":"allowed"}""");
        Assert.Equal(["scan"], await OperationsAsync("?role=security"));
        JsonElement problem = (await _server.PostAsync("/api/v1/events/ingest", """{"agent_id":"stranger","operation":"scan","decision":"allowed"}""")).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Equal("/role", problem.GetProperty("errors")[0].GetProperty("pointer").GetString());
    }

    [Theory]
    [InlineData("{}", "/agent_id", "/operation", "/decision", "/role")]
    [InlineData("""{"events":[{"agent_id":"a","role":"tester","operation":"x","decision":"allowed"},{"agent_id":"a","role":"tester","operation":"x","decision":"perhaps"}]}""", "/events/1/decision")]
    [InlineData("""{"agent_id":"a","role":"boss","operation":"x","decision":"allowed"}""", "/role")]
    [InlineData("""{"agent_id":"a\u0007","role":"tester","operation":"x","decision":"allowed"}""", "/agent_id")]
    [InlineData("""{"agent_id":"a","role":"tester","operation":"x","decision":"allowed","targets":[1]}""", "/targets/0")]
    [InlineData("""{"agent_id":"a","role":"tester","operation":"x","decision":"allowed","timestamp":"2999-01-01T00:00:00Z"}""", "/timestamp")]
    [InlineData("""{"agent_id":"a","role":"tester","operation":"x","decision":"allowed","data":1}""", "/data")]
    [InlineData("""{"agent_id":"a","role":"tester","operation":"x","decision":"allowed","decison":"denied"}""", "/decison")]
    public async Task Ingest_EventWithAFault_NamesThePlaceAndTakesNothing(string json, params string[] pointers)
    {
        JsonElement problem = (await _server.PostAsync("/api/v1/events/ingest", json)).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Equal(pointers, problem.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("pointer").GetString()!));
        Assert.Empty(await OperationsAsync(""));
    }

    [Fact]
    public async Task Ingest_WithoutAnAudit_IsRefused()
    {
        _server = await _server.RestartAsync(o => o with { Audit = new AuditSettings { IsOn = false } });
        (await _server.PostAsync("/api/v1/events/ingest", """{"agent_id":"a","role":"tester","operation":"x","decision":"allowed"}""")).Problem(HttpStatusCode.NotFound, "NOT_FOUND");
    }
}
