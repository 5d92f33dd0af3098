using System.Net;
using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Tests.Features.Access;

namespace AgentFlow.Server.Tests.Features.Monitoring;

public sealed class MonitoringTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync(o => o with { Alerts = o.Alerts with { Interval = TimeSpan.FromMilliseconds(50) } });

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private Task<Answer> PutAsync(string rule, string json, params (string, string)[] headers) =>
        _server.SendAsync(HttpMethod.Put, "/api/v1/alerts/rules/" + rule, RunningServer.Content(Encoding.UTF8.GetBytes(json), "application/json"), headers);

    private ValueTask<AgentWrite> AddAgentAsync(string id, TimeSpan seenAgo, string tenant = "default") => _server.Registry.UpsertRemoteAsync(
        tenant,
        new RegisteredAgent(id, id, AgentKinds.Remote) { BaseUrl = "http://127.0.0.1:1", Status = AgentStatus.Online, LastSeen = (DateTimeOffset.UtcNow - seenAgo).ToUnixTimeMilliseconds() },
        default);

    [Fact]
    public async Task Health_AgentsAndLatencies_AreInTheBridgesShape()
    {
        await AddAgentAsync("a1", TimeSpan.Zero);
        await AddAgentAsync("a2", TimeSpan.FromHours(1), "other");
        await _server.Registry.SweepOfflineAsync(DateTimeOffset.UtcNow.AddMinutes(-5).ToUnixTimeMilliseconds(), default);
        Answer health = await _server.GetAsync("/health");
        Assert.Equal(HttpStatusCode.OK, health.Status);
        Assert.Equal(["status", "timestamp", "uptime", "agents", "orchestrator"], health.Json.EnumerateObject().Select(p => p.Name));
        Assert.Equal("healthy", health.Json.GetProperty("status").GetString());
        Assert.Equal("""{"total":2,"online":1,"offline":1}""", health.Json.GetProperty("agents").GetRawText());
        Assert.Equal("""{"p95_latency_register":0,"p95_latency_heartbeat":0,"error_rate_register":0,"error_rate_heartbeat":0}""", health.Json.GetProperty("orchestrator").GetRawText());
    }

    [Fact]
    public async Task Latencies_Requests_AreCountedByEndpoint()
    {
        await _server.SaveAsync(Flows.Loop(1));
        for (int i = 0; i < 3; i++)
        {
            await _server.GetAsync("/api/v1/workflows/loop");
        }

        await _server.GetAsync("/api/v1/workflows/none");
        await _server.GetAsync("/no/such/address");
        JsonElement page = (await _server.GetAsync("/api/v1/monitoring/endpoints")).Json;
        JsonElement[] items = [.. page.GetProperty("items").EnumerateArray()];
        Assert.Equal(["GET /api/v1/workflows/{id}", "POST /api/v1/workflows"], items.Select(i => i.GetProperty("endpoint").GetString()));
        Assert.Equal((4, 0, 1), (items[0].GetProperty("requests").GetInt32(), items[0].GetProperty("errors").GetInt32(), items[0].GetProperty("refused").GetInt32()));
        Assert.InRange(items[0].GetProperty("p50_ms").GetDouble(), 0.001, items[0].GetProperty("p99_ms").GetDouble());
    }

    [Fact]
    public async Task Alert_SilentAgent_IsRaisedSilencedAndResolved()
    {
        await AddAgentAsync("worker", TimeSpan.FromMinutes(20));
        JsonElement alert = (await _server.UntilAsync("/api/v1/alerts", a => a.GetProperty("total_count").GetInt32() == 1)).GetProperty("items")[0];
        Assert.Equal(("agent-offline", "worker", "critical", false), (alert.GetProperty("rule").GetString(), alert.GetProperty("resource").GetString(), alert.GetProperty("level").GetString(), alert.GetProperty("silenced").GetBoolean()));
        Assert.InRange(alert.GetProperty("value").GetDouble(), 1200, 1300);
        Assert.Equal(0, (await _server.GetAsync("/api/v1/alerts", ("X-Tenant-ID", "other"))).Json.GetProperty("total_count").GetInt32());

        Answer silence = await _server.PostAsync("/api/v1/alerts/silences", """{"rule":"agent-*","resource":"worker","seconds":600,"reason":"moving it"}""");
        Assert.Equal(HttpStatusCode.Created, silence.Status);
        Assert.True((await _server.GetAsync("/api/v1/alerts")).Json.GetProperty("items")[0].GetProperty("silenced").GetBoolean());
        string id = silence.Json.GetProperty("id").GetString()!;
        Assert.Equal(id, (await _server.GetAsync("/api/v1/alerts/silences")).Json.GetProperty("items")[0].GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.NoContent, (await _server.SendAsync(HttpMethod.Delete, "/api/v1/alerts/silences/" + id, null)).Status);
        (await _server.SendAsync(HttpMethod.Delete, "/api/v1/alerts/silences/" + id, null)).Problem(HttpStatusCode.NotFound, "ALERT_SILENCE_NOT_FOUND");

        await AddAgentAsync("worker", TimeSpan.Zero);
        await _server.UntilAsync("/api/v1/alerts", a => a.GetProperty("total_count").GetInt32() == 0);
        JsonElement events = (await _server.GetAsync("/api/v1/alerts/events?page[size]=1")).Json;
        Assert.Equal(("ok", "critical", 2), (events.GetProperty("items")[0].GetProperty("level").GetString(), events.GetProperty("items")[0].GetProperty("previous").GetString(), events.GetProperty("total_count").GetInt32()));
        JsonElement older = (await _server.GetAsync("/api/v1/alerts/events?page[cursor]=" + events.GetProperty("next_cursor").GetString())).Json;
        Assert.Equal("critical", Assert.Single(older.GetProperty("items").EnumerateArray()).GetProperty("level").GetString());
    }

    [Fact]
    public async Task Rule_OwnThreshold_HoldsFromTheNextLookOn()
    {
        await AddAgentAsync("worker", TimeSpan.FromSeconds(30));
        Answer saved = await PutAsync("quick", """{"signal":"agent_silence_seconds","target":"work*","warn":10,"critical":1000}""");
        Assert.Equal(HttpStatusCode.Created, saved.Status);
        await _server.UntilAsync("/api/v1/alerts", a => a.GetProperty("total_count").GetInt32() == 1);
        JsonElement rules = (await _server.GetAsync("/api/v1/alerts/rules")).Json;
        Assert.Equal(["agent-offline", "bridge-errors", "bridge-latency", "quick"], rules.GetProperty("items").EnumerateArray().Select(r => r.GetProperty("name").GetString()));
        Assert.False((await _server.GetAsync("/api/v1/alerts/rules/quick")).Json.GetProperty("built_in").GetBoolean());
        Assert.True((await _server.GetAsync("/api/v1/alerts/rules/agent-offline")).Json.GetProperty("built_in").GetBoolean());
        Assert.Equal(HttpStatusCode.OK, (await PutAsync("quick", """{"signal":"agent_silence_seconds","warn":100000}""")).Status);
        await _server.UntilAsync("/api/v1/alerts", a => a.GetProperty("total_count").GetInt32() == 0);
        Assert.Equal(HttpStatusCode.NoContent, (await _server.SendAsync(HttpMethod.Delete, "/api/v1/alerts/rules/quick", null)).Status);
        (await _server.GetAsync("/api/v1/alerts/rules/quick")).Problem(HttpStatusCode.NotFound, "ALERT_RULE_NOT_FOUND");
        (await _server.SendAsync(HttpMethod.Delete, "/api/v1/alerts/rules/agent-offline", null)).Problem(HttpStatusCode.NotFound, "ALERT_RULE_NOT_FOUND");
        // What was changed is in the audit.
        JsonElement audit = await _server.UntilAsync("/api/v1/audit?filter[resource]=alert_rule:quick", a => a.GetProperty("total_count").GetInt32() == 4);
        Assert.Equal(["alert_rule.remove", "alert_rule.save", "alert_rule.save"], audit.GetProperty("items").EnumerateArray().Select(a => a.GetProperty("action").GetString()).Where(a => a != "alert_rule.read"));
    }

    [Theory]
    [InlineData("""{"signal":"latency","warn":1}""", "signal")]
    [InlineData("""{"warn":1}""", "signal")]
    [InlineData("""{"signal":"error_rate"}""", "warn")]
    [InlineData("""{"signal":"error_rate","warn":2,"critical":1}""", "critical")]
    [InlineData("""{"signal":"error_rate","warn":-1}""", "warn")]
    [InlineData("""{"signal":"error_rate","warn":1,"target":"a*b"}""", "target")]
    [InlineData("""{"signal":"error_rate","warn":1,"notify":["nobody"]}""", "notify/0")]
    [InlineData("""{"signal":"error_rate","warn":1,"for_seconds":1e300}""", "for_seconds")]
    [InlineData("""{"signal":"error_rate","warn":1,"fore":1}""", "fore")]
    public async Task Rule_Impossible_IsRefusedWithItsPlace(string json, string pointer) =>
        Assert.Contains((await PutAsync("bad", json)).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED").GetProperty("errors").EnumerateArray(), e => e.GetProperty("pointer").GetString() == "/" + pointer);

    [Fact]
    public async Task Rule_OnTheDeployment_BelongsToTheFirstTenant()
    {
        (await PutAsync("slow", """{"signal":"latency_p95_ms","warn":1}""", ("X-Tenant-ID", "other"))).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Equal(HttpStatusCode.Created, (await PutAsync("slow", """{"signal":"latency_p95_ms","warn":1}""")).Status);
        (await PutAsync("Slow", """{"signal":"latency_p95_ms","warn":1}""")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
    }

    [Fact]
    public async Task Metrics_Scrape_HasRequestsAndGauges()
    {
        await _server.GetAsync("/api/v1/workflows");
        await AddAgentAsync("worker", TimeSpan.FromMinutes(20));
        await _server.UntilAsync("/api/v1/alerts", a => a.GetProperty("total_count").GetInt32() == 1);
        Answer scraped = await _server.GetAsync("/metrics");
        Assert.Equal("text/plain", scraped.Type);
        string text = scraped.Text;
        Assert.Contains("# TYPE http_server_request_duration_seconds histogram\n", text);
        Assert.Matches("""http_server_request_duration_seconds_bucket\{http_request_method="GET",http_response_status_code="200",http_route="/api/v1/workflows",le="0.12"\} \d""", text);
        Assert.Contains("""http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/api/v1/workflows"} 1""", text);
        Assert.Contains("\nagentflow_resident_runs 0\n", text);
        Assert.Contains("\nagentflow_alerts{level=\"critical\"} 1\n", text);
        Assert.Contains("\nagentflow_agents{status=\"online\"} 1\n", text);
        Assert.Contains("# TYPE dotnet_gc_collections_total counter\n", text);
    }

    [Fact]
    public async Task Monitoring_WithoutThePermission_IsRefused()
    {
        await using GuardedServer guarded = await GuardedServer.StartAsync();
        (string, string) viewer = await guarded.AddUserAsync(guarded.Admin, "viewer", "viewer");
        (string, string) operators = await guarded.AddUserAsync(guarded.Admin, "operator", "operator");
        RunningServer server = guarded.Server;
        Assert.Equal(HttpStatusCode.OK, (await server.GetAsync("/health")).Status);
        (await server.GetAsync("/metrics")).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        (await server.GetAsync("/metrics", viewer)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        (await server.GetAsync("/api/v1/monitoring/endpoints", operators)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        Assert.Equal(HttpStatusCode.OK, (await server.GetAsync("/metrics", guarded.Admin)).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.GetAsync("/api/v1/alerts", viewer)).Status);
        (await server.PostAsync("/api/v1/alerts/silences", """{"seconds":5}""", viewer)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        Assert.Equal(HttpStatusCode.Created, (await server.PostAsync("/api/v1/alerts/silences", """{"seconds":5}""", operators)).Status);
    }
}
