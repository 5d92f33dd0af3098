using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Tests.Features.Bridge;
using Microsoft.AspNetCore.Routing;

namespace AgentFlow.Server.Tests.Features.Access;

/// <summary>
/// A tenant with another one's ids, names, cursors, idempotency keys, filters and streams, over every route: byte for byte the
/// answer for what does not exist. Only what names the request itself, and what an answer makes up anew, is set equal first,
/// and each such thing is named.
/// </summary>
public sealed class IsolationTests : IAsyncLifetime
{
    private const string Ulids = "[0-9A-HJKMNP-TV-Z]{26}";
    private const string TraceIds = "(?<=\"trace_id\":\")[0-9a-f]{32}";
    private const string Times = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z";
    private const string Uuids = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
    private const string TheirAgent = "3f2b8c1e-5d47-4a6f-9b0e-2c7d1a8e6f50";
    private const string Durations = "(?<=\"duration_ms\":)[0-9]+";

    private static readonly (string Pattern, string Instead)[] NewRun = [(Ulids, "ULID"), (Times, "TIME"), (Durations, "MS")];

    /// <summary>Routes without anything of a tenant's in the address, query, body or headers, and why.</summary>
    private static readonly Dictionary<string, string> WithoutNames = new(StringComparer.Ordinal)
    {
        ["GET /api/v1/openapi.json"] = "the same for everybody",
        ["GET /docs"] = "the same for everybody",
        ["GET /docs/{file}"] = "the same for everybody",
        ["GET /docs/errors/{code}"] = "the same for everybody",
        ["GET /healthz"] = "the same for everybody",
        ["GET /readyz"] = "numbers of the process",
        ["GET /health"] = "numbers of the deployment",
        ["GET /metrics"] = "numbers of the deployment, for its operator",
        ["GET /api/v1/monitoring/endpoints"] = "numbers of the deployment, for its operator",
        ["GET /api/v1/semaphores"] = "the caller's tenant alone",
        ["GET /api/v1/barriers"] = "the caller's tenant alone",
        ["GET /api/v1/alerts"] = "the caller's tenant alone",
        ["GET /api/v1/alerts/events"] = "the caller's tenant alone",
        ["GET /api/v1/agents/activity/stream"] = "a place names no tenant, and means nothing in another one (ActivityHubTests)",
        ["GET /api/v1/tools"] = "the server's tools, the same for every tenant",
        ["GET /api/v1/tools/{id}"] = "the server's tools, the same for every tenant",
        ["POST /api/v1/plans"] = "nothing is stored, nothing is looked up",
        ["GET /api/v1/auth/whoami"] = "the caller alone",
        ["PUT /api/v1/auth/password"] = "the caller alone",
        ["GET /.well-known/jwks.json"] = "the same for everybody",
        ["POST /api/v1/auth/token"] = "who has no credentials learns nothing of tenants and users (TokenEndpointsTests)",
        ["POST /api/v1/auth/revoke"] = "the holder of a token alone; the answer is always the same",
        ["GET /api/v1/access/quotas"] = "numbers of the caller's own tenant",
        ["GET /api/v1/access/signing-keys"] = "keys of the deployment, for whoever operates it",
        ["POST /api/v1/access/signing-keys/rotate"] = "keys of the deployment, for whoever operates it",
        ["GET /api/v1/audit/checkpoints"] = "numbers of the caller's own tenant",
        ["GET /api/v1/audit/export"] = "numbers of the caller's own tenant",
        ["POST /api/v1/audit/verify"] = "the caller's tenant alone",
        ["GET /api/v1/config/history"] = "numbers of the caller's own tenant",
        ["GET /api/v1/config/version"] = "numbers of the caller's own tenant",
        ["GET /api/v1/agents/stats/summary"] = "numbers of the caller's own tenant",
        ["POST /api/v1/config/rollback"] = "numbers of the caller's own tenant",
        ["GET /api/v1/schedules"] = "the caller's tenant alone; its cursor is a probe",
        ["POST /api/v1/hooks/{tenant}/{workflow}/{name}"] = "one answer to all that is not signed, whatever there is",
        ["GET /orchestrator/agents"] = "the caller's tenant alone",
        ["POST /api/v1/stress-test/fleet"] = "the caller's tenant alone",
        ["POST /api/v1/stress-test/scenario"] = "the caller's tenant alone",
        ["GET /api/v1/aoa/dashboard"] = "numbers of the caller's own tenant",
        ["GET /api/v1/aoa/metrics/timeseries"] = "numbers of the caller's own tenant",
        ["GET /api/v1/aoa/agents/summary"] = "the caller's tenant alone",
        ["GET /api/v1/aoa/workflows/active"] = "the caller's tenant alone",
        ["GET /api/v1/aoa/approvals/pending"] = "the caller's tenant alone",
        ["GET /api/v1/aoa/events"] = "a place names no tenant; events are the caller's tenant's alone (StressTestEndpointsTests)",
        ["GET /orchestrator/events/stream"] = "numbers of the caller's own tenant",
        ["POST /orchestrator/register"] = "agents have no tenant: what they send is the bridge's own, whose tenant the deployment names",
        ["POST /orchestrator/heartbeat"] = "the same",
        ["POST /orchestrator/events"] = "the same",
        ["POST /orchestrator/tasks/{id}/callback"] = "the same",
    };

    private GuardedServer _guarded = null!;
    private (string Name, string Value) _a;
    private (string Name, string Value) _b;
    private Probe[] _probes = [];
    private string _waiting = "";
    private string _bKey = "";

    private RunningServer Server => _guarded.Server;

    public async ValueTask InitializeAsync()
    {
        _guarded = await GuardedServer.StartAsync(o => o with { Bridge = new BridgeSettings { Secrets = [BridgeServer.Secret], Tenant = "tenant-b", QueueTime = TimeSpan.FromSeconds(1) } });
        _a = await _guarded.AddTenantAsync("tenant-a");
        _b = await _guarded.AddTenantAsync("tenant-b");
        await Server.SaveAsync(Flows.Echo, _a);
        await Server.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"mine"}}""", _a);

        await Server.SaveAsync(Flows.Echo.Replace("name: echo", "name: theirs", StringComparison.Ordinal), _b);
        await Server.SaveAsync(Flows.Wait, _b);
        await Server.SaveAsync(Flows.Ask, _b);
        await Server.PostAsync("/api/v1/workflows/theirs/execute", """{"input":{"message":"secret"}}""", _b, ("Idempotency-Key", "their-key"));
        _waiting = await Server.StartAsync("wait", "{}", _b);
        await Server.RunAsync(_waiting, r => r.GetProperty("status").GetString() == "waiting", _b);
        string ended = await Server.StartAsync("theirs", """{"message":"secret"}""", _b);
        await Server.EndAsync(ended, _b);
        await _guarded.AddUserAsync(_b, "berta", "viewer");
        await PutAsync("/api/v1/access/roles/their-role", """{"permissions":["runs.read"]}""", _b);
        string key = (await Server.GetAsync("/api/v1/access/keys", _b)).Json.GetProperty("items")[0].GetProperty("id").GetString()!;
        await PutAsync("/api/v1/secrets/their-secret", """{"value":"a-value-of-theirs"}""", _b);
        await PutAsync("/api/v1/config/accept_runs", """{"value":"off","workflow":"theirs"}""", _b);
        await PutAsync("/api/v1/alerts/rules/their-rule", """{"signal":"agent_silence_seconds","warn":5}""", _b);
        string silence = (await Server.PostAsync("/api/v1/alerts/silences", """{"rule":"their-rule","seconds":3600}""", _b)).Json.GetProperty("id").GetString()!;
        _bKey = key;
        await Server.PostAsync("/api/v1/agents", $$"""{"agent_id":"{{TheirAgent}}","name":"their-agent","role":"tester","category":"their-category","capabilities":["their.skill"]}""", _b);
        await Server.PostAsync("/api/v1/metrics", $$"""{"agent_id":"{{TheirAgent}}","metric_type":"execution_time","value":5}""", _b, ("Idempotency-Key", "their-metric"));
        await Server.PostAsync("/api/v1/events/ingest", $$"""{"agent_id":"{{TheirAgent}}","operation":"their-operation","decision":"denied"}""", _b);
        const string Work = """{"workflow_id":"their-work","tasks":[{"task_id":"t"}]}""";
        await Server.PostAsync("/api/v1/stress-test/scenario", $$"""{"scenario_id":"their-scenario","workflows":[{{Work}}]}""", _b);
        string execution = (await Server.PostAsync("/api/v1/stress-test/workflow", Work, _b, ("Idempotency-Key", "their-work"))).Json.GetProperty("execution_id").GetString()!;
        _probes = [.. StressTests(execution), .. Settings(), .. Agents(), .. Alerts(silence), .. await PeopleAsync(), .. Runs(_waiting), .. Runs(ended), .. Workflows(_waiting), .. await BridgeAsync(), .. Accounts(key)];
    }

    public ValueTask DisposeAsync() => _guarded.DisposeAsync();

    [Fact]
    public void EveryRoute_IsProbedOrHasNoNames()
    {
        string[] mapped = [.. Server.Endpoints.SelectMany(e => e.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(m => $"{m} {e.RoutePattern.RawText}")).Order(StringComparer.Ordinal)];
        string[] known = [.. _probes.Select(p => p.Route).Distinct().Concat(WithoutNames.Keys).Order(StringComparer.Ordinal)];
        Assert.Equal(mapped, known);
        // What is said to be without names has none: no parameter that is an id of a tenant's.
        Assert.All(WithoutNames.Keys.Where(k => k.Contains('{')), k => Assert.Contains(k, new[] { "GET /docs/{file}", "GET /docs/errors/{code}", "GET /api/v1/tools/{id}", "POST /orchestrator/tasks/{id}/callback", "POST /api/v1/hooks/{tenant}/{workflow}/{name}" }));
    }

    [Fact]
    public async Task EveryRoute_WithAnotherTenantsNames_AnswersAsForNothing()
    {
        string before = await StateAsync();
        var differences = new List<string>();
        foreach (Probe probe in _probes)
        {
            string foreign = await AskAsync(probe, probe.Foreign);
            string missing = await AskAsync(probe, probe.Missing);
            if (foreign != missing)
            {
                differences.Add($"{probe}\n  theirs:  {foreign}\n  nothing: {missing}");
            }
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences));
        Assert.Equal(before, await StateAsync());
    }

    /// <summary>Whoever asks for what is not theirs leaves a trace in their own audit, and none in that of the others.</summary>
    [Fact]
    public async Task EveryRefusal_OfAnotherTenantsNames_IsAudited()
    {
        var refused = new Dictionary<string, Probe>(StringComparer.Ordinal);
        foreach (Probe probe in _probes)
        {
            Answer answer = await SendAsync(probe, probe.Foreign);
            if ((int)answer.Status is 403 or 404)
            {
                refused.Add((answer.Json.TryGetProperty("error", out System.Text.Json.JsonElement error) ? error.GetProperty("details") : answer.Json).GetProperty("trace_id").GetString()!, probe);
            }
        }

        Assert.InRange(refused.Count, 30, _probes.Length);
        Dictionary<string, string> mine = [];
        for (int i = 0; i < 100 && refused.Keys.Except(mine.Keys).Any(); i++)
        {
            // Records are chained a moment after they are on disk.
            await Task.Delay(100);
            mine = await AuditAsync(_a);
        }

        string[] missing = [.. refused.Where(r => !mine.ContainsKey(r.Key)).Select(r => r.Value.ToString())];
        Assert.True(missing.Length == 0, "Nothing in the audit of: " + string.Join('\n', missing));
        Assert.All(refused.Keys, trace => Assert.Contains(mine[trace], new[] { "refused", "denied" }));
        Assert.Empty((await AuditAsync(_b)).Keys.Intersect(refused.Keys));
    }

    [Fact]
    public async Task WebSocket_OfAnotherTenantsRun_AnswersAsForNothing()
    {
        string missing = Beside(_waiting);
        Assert.Equal(await UpgradeAsync(missing, missing), await UpgradeAsync(_waiting, _waiting));
        Assert.StartsWith("HTTP/1.1 404", await UpgradeAsync(missing, missing));
    }

    [Fact]
    public async Task Credentials_WithAnotherTenantsKey_AreAsUnknownAsAny()
    {
        string theirs = (await Server.GetAsync("/api/v1/access/keys", _b)).Json.GetProperty("items")[0].GetProperty("id").GetString()!;
        string secret = new('A', 43);
        string[] answers =
        [
            await AskRawAsync($"Bearer afk_tenant-b.{theirs}.{secret}"),
            await AskRawAsync($"Bearer afk_tenant-b.{Beside(theirs)}.{secret}"),
            await AskRawAsync($"Bearer afk_tenant-a.{theirs}.{secret}"),
            await AskRawAsync($"Bearer afk_tenant-x.{theirs}.{secret}"),
        ];
        Assert.All(answers, a => Assert.Equal(answers[0], a));
        Assert.StartsWith("401", answers[0]);
        Assert.Equal(await AskAsync(new Probe("", "tenant-b", "", "/api/v1/runs") { Headers = [("X-Tenant-ID", "{0}")] }, "tenant-b"), await AskAsync(new Probe("", "tenant-x", "", "/api/v1/runs") { Headers = [("X-Tenant-ID", "{0}")] }, "tenant-x"));
    }

    [Fact]
    public async Task Lists_ShowTheirOwnTenantAlone()
    {
        foreach (string path in new[] { "runs", "workflows", "access/users", "access/keys", "agents", "metrics", "events/audit" })
        {
            string text = (await Server.GetAsync($"/api/v1/{path}?page[size]=500", _a)).Text;
            Assert.DoesNotContain("theirs", text);
            Assert.DoesNotContain("berta", text);
            Assert.DoesNotContain("secret", text);
        }

        Assert.DoesNotContain("their-role", (await Server.GetAsync("/api/v1/access/roles?page[size]=500", _a)).Text);
    }

    /// <summary>An id that nobody has, and that sorts where this one does.</summary>
    private static string Beside(string id) => id[..^1] + (id[^1] == '0' ? '1' : '0');

    private static IEnumerable<Probe> Runs(string run)
    {
        string none = Beside(run);
        yield return new Probe("GET /api/v1/runs", run, none, "/api/v1/runs?page[cursor]={0}");
        yield return new Probe("GET /api/v1/runs", "theirs", "nobody", "/api/v1/runs?filter[workflow]={0}");
        foreach (string part in new[] { "", "/plan", "/events", "/saga", "/explain", "/stream" })
        {
            yield return new Probe($"GET /api/v1/runs/{{id}}{part}", run, none, $"/api/v1/runs/{{0}}{part}");
        }

        yield return new Probe("GET /api/v1/runs/{id}/events", run, none, "/api/v1/runs/{0}/events?from=3");
        yield return new Probe("GET /api/v1/runs/{id}/stream", run, none, "/api/v1/runs/{0}/stream") { Headers = [("Last-Event-ID", "2"), ("Accept", "text/event-stream")] };
        foreach (string verb in new[] { "cancel", "pause", "resume", "migrate" })
        {
            yield return new Probe($"POST /api/v1/runs/{{id}}/{verb}", run, none, $"/api/v1/runs/{{0}}/{verb}", "{}");
        }

        yield return new Probe("POST /api/v1/runs/{id}/plan", run, none, "/api/v1/runs/{0}/plan", """{"changes":[]}""");
        yield return new Probe("POST /api/v1/runs/{id}/signal", run, none, "/api/v1/runs/{0}/signal", """{"name":"go"}""");
        yield return new Probe("POST /api/v1/runs/{id}/steps/{step}/resolve", run, none, "/api/v1/runs/{0}/steps/1/resolve", """{"resolution":"fail"}""");
    }

    private static IEnumerable<Probe> Workflows(string run)
    {
        foreach (string part in new[] { "", "/versions", "/source" })
        {
            yield return new Probe($"GET /api/v1/workflows/{{id}}{part}", "theirs", "nobody", $"/api/v1/workflows/{{0}}{part}");
        }

        yield return new Probe("GET /api/v1/workflows/{id}", "theirs", "nobody", "/api/v1/workflows/{0}?version=1.0.0");
        yield return new Probe("GET /api/v1/workflows/{id}/versions", "theirs", "nobody", "/api/v1/workflows/{0}/versions?page[cursor]=1.0.0");
        yield return new Probe("GET /api/v1/workflows/{id}/estimate", "theirs", "nobody", "/api/v1/workflows/{0}/estimate?version=1.0.0");
        yield return new Probe("GET /api/v1/plans/{id}/estimate", run, Beside(run), "/api/v1/plans/{0}/estimate");
        yield return new Probe("GET /api/v1/workflows", "theirs", "theirt", "/api/v1/workflows?page[cursor]={0}");
        yield return new Probe("GET /api/v1/workflows/{id}/plans/{plan}", run, Beside(run), "/api/v1/workflows/wait/plans/{0}");
        yield return new Probe("GET /api/v1/workflows/{id}/plans/{plan}", run, Beside(run), "/api/v1/workflows/echo/plans/{0}");
        yield return new Probe("POST /api/v1/workflows/{id}/execute", "theirs", "nobody", "/api/v1/workflows/{0}/execute", """{"input":{"message":"x"}}""");
        yield return new Probe("POST /api/v1/workflows/{id}/execute", "their-key", "other-key", "/api/v1/workflows/echo/execute", """{"input":{"message":"x"}}""") { Headers = [("Idempotency-Key", "{0}")], New = NewRun };
        // The same version with other content would be refused where the other tenant's counted.
        yield return new Probe("POST /api/v1/workflows", "theirs", "nobody", "/api/v1/workflows", Flows.Echo.Replace("name: echo", "name: {0}", StringComparison.Ordinal).Replace("Says what it is told", "Other content", StringComparison.Ordinal))
        {
            Type = "application/yaml",
            New = [(Times, "TIME"), ("(?<=\"hash\":\")[0-9a-f]{64}", "HASH")],
        };
    }

    private IEnumerable<Probe> Settings()
    {
        string actor = $"api_key:{_bKey}";
        yield return new Probe("GET /api/v1/audit", actor, Beside(actor), "/api/v1/audit?filter[actor]={0}");
        yield return new Probe("GET /api/v1/config", "theirs", "nobody", "/api/v1/config?workflow={0}");
        yield return new Probe("GET /api/v1/config/{id}", "theirs", "nobody", "/api/v1/config/accept_runs?workflow={0}");
        yield return new Probe("PUT /api/v1/config/{id}", "theirs", "nobody", "/api/v1/config/accept_runs", """{"value":"perhaps","workflow":"{0}"}""");
        yield return new Probe("GET /api/v1/secrets", "their-secret", "no-such-secr", "/api/v1/secrets?page[cursor]={0}");
        yield return new Probe("GET /api/v1/secrets/{id}", "their-secret", "no-such-secr", "/api/v1/secrets/{0}");
        yield return new Probe("POST /api/v1/secrets/{id}/rotate", "their-secret", "no-such-secr", "/api/v1/secrets/{0}/rotate", """{"value":"another-value"}""");
        yield return new Probe("DELETE /api/v1/secrets/{id}", "their-secret", "no-such-secr", "/api/v1/secrets/{0}");
        yield return new Probe("PUT /api/v1/secrets/{id}", "their-secret", "no-such-secr", "/api/v1/secrets/{0}", """{"value":"another-value"}""") { New = [(Times, "TIME")] };
    }

    private static IEnumerable<Probe> Agents()
    {
        string none = Beside(TheirAgent);
        (string, string)[] anew = [(Uuids, "UUID"), (Ulids, "ULID"), (Times, "TIME")];
        foreach (string filter in new[] { "category", "specialist", "capability" })
        {
            yield return new Probe("GET /api/v1/agents", filter == "capability" ? "their.skill" : "their-category", filter == "capability" ? "other.skill" : "other-category", $"/api/v1/agents?{filter}={{0}}");
        }

        yield return new Probe("GET /api/v1/agents/name/{name}", "their-agent", "other-agent", "/api/v1/agents/name/{0}");
        yield return new Probe("GET /api/v1/agents/{id}", TheirAgent, none, "/api/v1/agents/{0}");
        yield return new Probe("PUT /api/v1/agents/{id}", TheirAgent, none, "/api/v1/agents/{0}", """{"name":"mine"}""");
        yield return new Probe("DELETE /api/v1/agents/{id}", TheirAgent, none, "/api/v1/agents/{0}");
        yield return new Probe("POST /api/v1/agents/{id}/activate", TheirAgent, none, "/api/v1/agents/{0}/activate", "{}");
        yield return new Probe("GET /api/v1/metrics", TheirAgent, none, "/api/v1/metrics?agent_id={0}");
        yield return new Probe("GET /api/v1/metrics/aggregate", TheirAgent, none, "/api/v1/metrics/aggregate?agent_id={0}&group_by=agent");
        yield return new Probe("GET /api/v1/metrics/agent/{id}/summary", TheirAgent, none, "/api/v1/metrics/agent/{0}/summary");
        yield return new Probe("POST /api/v1/metrics", TheirAgent, none, "/api/v1/metrics", """{"agent_id":"{0}","metric_type":"execution_time","value":1}""");
        yield return new Probe("POST /api/v1/metrics", "their-metric", "other-metric", "/api/v1/metrics", $$"""{"agent_id":"{{none}}","metric_type":"execution_time","value":1}""") { Headers = [("Idempotency-Key", "{0}")] };
        yield return new Probe("GET /api/v1/events/audit", TheirAgent, none, "/api/v1/events/audit?agent_id={0}");
        yield return new Probe("GET /api/v1/events/audit", "their-operation", "other-operation", "/api/v1/events/audit?operation={0}");
        yield return new Probe("GET /api/v1/events/audit/stats", TheirAgent, none, "/api/v1/events/audit/stats?agent_id={0}");
        // Last, because they leave something of that name behind in the asking tenant.
        yield return new Probe("POST /api/v1/events/ingest", TheirAgent, none, "/api/v1/events/ingest", """{"agent_id":"{0}","operation":"x","decision":"denied"}""");
        yield return new Probe("POST /api/v1/agents/import", "their-agent", "other-agent", "/api/v1/agents/import", """{"agents":[{"name":"{0}","digest":"d"}]}""") { New = anew };
        yield return new Probe("POST /api/v1/agents", TheirAgent, none, "/api/v1/agents", """{"agent_id":"{0}","name":"agent {0}"}""") { New = anew };
    }

    private static IEnumerable<Probe> StressTests(string execution)
    {
        yield return new Probe("GET /api/v1/stress-test/scenario/{id}", "their-scenario", "other-scenario", "/api/v1/stress-test/scenario/{0}");
        yield return new Probe("GET /api/v1/stress-test/execution/{id}", execution, Beside(execution), "/api/v1/stress-test/execution/{0}");
        yield return new Probe("POST /api/v1/stress-test/workflow", "their-work", "other-work", "/api/v1/stress-test/workflow", """{"workflow_id":"mine","tasks":[{"task_id":"t"}]}""") { Headers = [("Idempotency-Key", "{0}")], New = [(Ulids, "ULID")] };
    }

    private static IEnumerable<Probe> Alerts(string silence)
    {
        yield return new Probe("GET /api/v1/alerts/rules", "their-rule", "no-such-ru", "/api/v1/alerts/rules?page[cursor]={0}");
        yield return new Probe("GET /api/v1/alerts/rules/{id}", "their-rule", "no-such-ru", "/api/v1/alerts/rules/{0}");
        yield return new Probe("DELETE /api/v1/alerts/rules/{id}", "their-rule", "no-such-ru", "/api/v1/alerts/rules/{0}");
        yield return new Probe("PUT /api/v1/alerts/rules/{id}", "their-rule", "no-such-ru", "/api/v1/alerts/rules/{0}", """{"signal":"agent_silence_seconds","warn":5}""");
        yield return new Probe("GET /api/v1/alerts/silences", silence, Beside(silence), "/api/v1/alerts/silences?page[cursor]={0}");
        yield return new Probe("DELETE /api/v1/alerts/silences/{id}", silence, Beside(silence), "/api/v1/alerts/silences/{0}");
        yield return new Probe("POST /api/v1/alerts/silences", "their-rule", "no-such-ru", "/api/v1/alerts/silences", """{"rule":"{0}","seconds":3600}""") { New = [(Ulids, "ULID"), (Times, "TIME")] };
    }

    /// <summary>A task and an approval that the other tenant's people have not answered.</summary>
    private async Task<Probe[]> PeopleAsync()
    {
        await Server.SaveAsync(Flows.People, _b);
        string run = await Server.StartAsync("people", "{}", _b);
        System.Text.Json.JsonElement waiting = await Server.UntilAsync("/api/v1/human-tasks?filter[status]=pending", p => p.GetProperty("items").GetArrayLength() == 2, _b);
        string approval = (await Server.GetAsync("/api/v1/approvals", _b)).Json.GetProperty("items")[0].GetProperty("id").GetString()!;
        string task = waiting.GetProperty("items").EnumerateArray().Select(t => t.GetProperty("id").GetString()!).Single(t => t != approval);
        string none = Beside(task);
        var probes = new List<Probe>
        {
            new("GET /api/v1/human-tasks", task, none, "/api/v1/human-tasks?page[cursor]={0}"),
            new("GET /api/v1/human-tasks", run, Beside(run), "/api/v1/human-tasks?filter[run_id]={0}"),
            new("GET /api/v1/human-tasks/{id}", task, none, "/api/v1/human-tasks/{0}"),
            new("POST /api/v1/human-tasks/{id}/complete", task, none, "/api/v1/human-tasks/{0}/complete", """{"answer":true}"""),
            new("POST /api/v1/human-tasks/{id}/reassign", task, none, "/api/v1/human-tasks/{0}/reassign", """{"user":"x"}"""),
            new("GET /api/v1/approvals", approval, Beside(approval), "/api/v1/approvals?page[cursor]={0}"),
            new("GET /api/v1/approvals/{id}", approval, Beside(approval), "/api/v1/approvals/{0}"),
        };
        probes.AddRange(new[] { "claim", "release" }.Select(verb => new Probe($"POST /api/v1/human-tasks/{{id}}/{verb}", task, none, $"/api/v1/human-tasks/{{0}}/{verb}", "{}")));
        probes.AddRange(new[] { "approve", "deny" }.Select(verb => new Probe($"POST /api/v1/approvals/{{id}}/{verb}", approval, Beside(approval), $"/api/v1/approvals/{{0}}/{verb}", "{}")));
        await Server.SaveAsync(Flows.Scheduled, _b);
        foreach ((string verb, string rest) in new[] { ("GET", ""), ("POST", "/pause"), ("POST", "/resume") })
        {
            probes.Add(new Probe($"{verb} /api/v1/schedules/{{id}}{rest}", "scheduled.nightly", "no-such.scheduled", $"/api/v1/schedules/{{0}}{rest}", verb == "POST" ? "{}" : null));
        }

        return [.. probes];
    }

    /// <summary>A dead letter, an agent and a subscription of the other tenant.</summary>
    private async Task<Probe[]> BridgeAsync()
    {
        object agent = new { agent_id = "their-agent", name = "x", base_url = "https://agents.invalid", capabilities = new[] { "their.action" } };
        Answer registered = await Server.PostAsync("/orchestrator/register", System.Text.Json.JsonSerializer.Serialize(agent), ("Authorization", "Bearer " + BridgeServer.Sign(BridgeServer.Claims(agent, "their-agent"))));
        Assert.True(registered.Status == System.Net.HttpStatusCode.OK, registered.Text);
        string task = (await Server.PostAsync("/orchestrator/tasks/dispatch", """{"action":"their.action","payload":{"secret":1}}""", _b)).Json.GetProperty("task_id").GetString()!;
        await Server.UntilAsync($"/orchestrator/tasks/{task}", t => t.GetProperty("status").GetString() == "dead", _b);
        string hook = (await Server.PostAsync("/orchestrator/subscriptions", """{"url":"https://example.com","secret":"secret://their-secret"}""", _b)).Json.GetProperty("id").GetString()!;
        string none = Beside(task);
        return
        [
            new Probe("GET /orchestrator/tasks", "their-agent", "no-such-age", "/orchestrator/tasks?filter[agent_id]={0}"),
            new Probe("GET /orchestrator/tasks", "their.action", "no.such.acti", "/orchestrator/tasks?filter[action]={0}"),
            new Probe("GET /orchestrator/dead-letters", "their-agent", "no-such-age", "/orchestrator/dead-letters?filter[agent_id]={0}"),
            new Probe("GET /orchestrator/tasks/{id}", task, none, "/orchestrator/tasks/{0}"),
            new Probe("POST /orchestrator/dead-letters/{id}/replay", task, none, "/orchestrator/dead-letters/{0}/replay", "{}"),
            new Probe("POST /orchestrator/tasks/dispatch", "their.action", "no.such.acti", "/orchestrator/tasks/dispatch", """{"action":"{0}","payload":{}}"""),
            new Probe("POST /orchestrator/tasks/dispatch", "their-agent", "no-such-age", "/orchestrator/tasks/dispatch", """{"action":"x","agent_id":"{0}","payload":{}}"""),
            new Probe("GET /orchestrator/subscriptions", hook, Beside(hook), "/orchestrator/subscriptions?page[cursor]={0}"),
            new Probe("GET /orchestrator/subscriptions/{id}", hook, Beside(hook), "/orchestrator/subscriptions/{0}"),
            new Probe("POST /orchestrator/subscriptions/{id}/resume", hook, Beside(hook), "/orchestrator/subscriptions/{0}/resume", "{}"),
            new Probe("DELETE /orchestrator/subscriptions/{id}", hook, Beside(hook), "/orchestrator/subscriptions/{0}"),
            new Probe("POST /orchestrator/subscriptions", "their-secret", "no-such-secr", "/orchestrator/subscriptions", """{"url":"https://example.com","secret":"secret://{0}"}""") { New = [(Ulids, "ULID"), (Times, "TIME")] },
        ];
    }

    private static IEnumerable<Probe> Accounts(string key)
    {
        yield return new Probe("GET /api/v1/access/users", "berta", "bertb", "/api/v1/access/users?page[cursor]={0}");
        yield return new Probe("GET /api/v1/access/users/{id}", "berta", "nobbb", "/api/v1/access/users/{0}");
        yield return new Probe("PUT /api/v1/access/users/{id}/roles", "berta", "nobbb", "/api/v1/access/users/{0}/roles", """{"roles":["viewer"]}""");
        yield return new Probe("PUT /api/v1/access/users/{id}/password", "berta", "nobbb", "/api/v1/access/users/{0}/password", """{"password":"a very long password"}""");
        yield return new Probe("POST /api/v1/access/users/{id}/disable", "berta", "nobbb", "/api/v1/access/users/{0}/disable", "{}");
        yield return new Probe("POST /api/v1/access/users/{id}/enable", "berta", "nobbb", "/api/v1/access/users/{0}/enable", "{}");
        yield return new Probe("POST /api/v1/access/users", "their-role", "no-such-ro", "/api/v1/access/users", """{"name":"x","roles":["{0}"]}""");
        yield return new Probe("GET /api/v1/access/roles", "their-role", "their-rolf", "/api/v1/access/roles?page[cursor]={0}");
        yield return new Probe("GET /api/v1/access/roles/{id}", "their-role", "no-such-ro", "/api/v1/access/roles/{0}");
        yield return new Probe("DELETE /api/v1/access/roles/{id}", "their-role", "no-such-ro", "/api/v1/access/roles/{0}");
        yield return new Probe("GET /api/v1/access/keys", key, Beside(key), "/api/v1/access/keys?page[cursor]={0}");
        yield return new Probe("GET /api/v1/access/keys/{id}", key, Beside(key), "/api/v1/access/keys/{0}");
        yield return new Probe("POST /api/v1/access/keys/{id}/disable", key, Beside(key), "/api/v1/access/keys/{0}/disable", "{}");
        yield return new Probe("POST /api/v1/access/keys", "berta", "nobbb", "/api/v1/access/keys", """{"name":"k","user":"{0}"}""");
        foreach ((string route, string method) in new[] { ("/api/v1/access/tenants/{id}", "GET"), ("/api/v1/access/tenants/{id}/disable", "POST"), ("/api/v1/access/tenants/{id}/enable", "POST") })
        {
            yield return new Probe($"{method} {route}", "tenant-b", "tenant-x", route.Replace("{id}", "{0}", StringComparison.Ordinal), method == "POST" ? "{}" : null);
        }

        yield return new Probe("GET /api/v1/access/tenants/{id}/quotas", "tenant-b", "tenant-x", "/api/v1/access/tenants/{0}/quotas");
        yield return new Probe("PUT /api/v1/access/tenants/{id}/quotas", "tenant-b", "tenant-x", "/api/v1/access/tenants/{0}/quotas", """{"runs":1,"storage":"unlimited"}""");
        yield return new Probe("POST /api/v1/access/signing-keys/{id}/retire", key, Beside(key), "/api/v1/access/signing-keys/{0}/retire", "{}");
        yield return new Probe("POST /api/v1/access/tenants", "tenant-b", "tenant-x", "/api/v1/access/tenants", """{"name":"{0}"}""");
        yield return new Probe("GET /api/v1/access/tenants", "tenant-b", "tenant-x", "/api/v1/access/tenants?page[cursor]={0}");
        // Last, because they leave something of that name behind in the asking tenant.
        yield return new Probe("POST /api/v1/access/users", "berta", "emily", "/api/v1/access/users", """{"name":"{0}"}""") { New = [(Ulids, "ULID"), (Times, "TIME")] };
        yield return new Probe("PUT /api/v1/access/roles/{id}", "their-role", "no-such-ro", "/api/v1/access/roles/{0}", """{"permissions":["tools.read"]}""");
    }

    private Task<Answer> SendAsync(Probe probe, string name)
    {
        string Fill(string text) => text.Replace("{0}", name, StringComparison.Ordinal);
        HttpContent? content = probe.Body is null ? null : RunningServer.Content(Encoding.UTF8.GetBytes(Fill(probe.Body)), probe.Type);
        var method = new HttpMethod(probe.Route.Length == 0 ? "GET" : probe.Route[..probe.Route.IndexOf(' ', StringComparison.Ordinal)]);
        return Server.SendAsync(method, Fill(probe.Path), content, [_a, .. probe.Headers.Select(h => (h.Name, Fill(h.Value)))]);
    }

    /// <summary>The decisions in a tenant's audit, by trace.</summary>
    private async Task<Dictionary<string, string>> AuditAsync((string Name, string Value) by)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        string? cursor = "";
        while (cursor is not null)
        {
            System.Text.Json.JsonElement page = (await Server.GetAsync($"/api/v1/audit?page[size]=500{(cursor.Length == 0 ? "" : $"&page[cursor]={cursor}")}", by)).Json;
            foreach (System.Text.Json.JsonElement record in page.GetProperty("items").EnumerateArray())
            {
                found.TryAdd(record.GetProperty("trace_id").GetString()!, record.GetProperty("decision").GetString()!);
            }

            cursor = page.GetProperty("next_cursor").GetString();
        }

        return found;
    }

    /// <summary>Status, headers and body, with the name that was asked for set to one word.</summary>
    private async Task<string> AskAsync(Probe probe, string name)
    {
        Answer answer = await SendAsync(probe, name);
        return Normalize(Text(answer), name, probe.New);
    }

    private static string Text(Answer answer)
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{(int)answer.Status}\n");
        foreach ((string header, IEnumerable<string> values) in answer.Headers.Concat(answer.ContentHeaders).Where(h => h.Key is not "Date").OrderBy(h => h.Key, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"{header}: {string.Join(", ", values)}\n");
        }

        return text.Append(answer.Text).ToString();
    }

    private static string Normalize(string text, string name, (string Pattern, string Instead)[] anew)
    {
        text = Regex.Replace(text.Replace(name, "NAME", StringComparison.Ordinal), TraceIds, "TRACE");
        foreach ((string pattern, string instead) in anew)
        {
            text = Regex.Replace(text, pattern, instead);
        }

        // A time is as long as its fraction, and so the body.
        return anew.Length == 0 ? text : Regex.Replace(text, "(?<=Content-Length: )[0-9]+", "LENGTH");
    }

    private async Task<string> AskRawAsync(string authorization) => Normalize(Text(await Server.GetAsync("/api/v1/runs", ("Authorization", authorization))), "\0", []);

    private async Task<string> UpgradeAsync(string run, string name)
    {
        string request = $"GET /api/v1/runs/{run}/stream HTTP/1.1\r\nHost: {Server.Address.Authority}\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{_a.Name}: {_a.Value}\r\n\r\n";
        return Regex.Replace(Normalize(await RawHttp.AskAsync(Server.Address, Encoding.ASCII.GetBytes(request)), name, []), "Date: [^\r]*", "Date");
    }

    /// <summary>Everything that the other tenant can see of its own.</summary>
    private async Task<string> StateAsync()
    {
        var state = new StringBuilder();
        foreach (string path in new[] { "runs", "workflows", "access/users", "access/roles", "access/keys", "agents", "metrics", "secrets", "config", "config/history", "alerts/rules", "alerts/silences", $"runs/{_waiting}", $"runs/{_waiting}/events", "workflows/theirs/source" })
        {
            state.AppendLine((await Server.GetAsync($"/api/v1/{path}", _b)).Text);
        }

        foreach (string path in new[] { "agents", "tasks", "subscriptions" })
        {
            state.AppendLine((await Server.GetAsync($"/orchestrator/{path}", _b)).Text);
        }

        return state.ToString();
    }

    private Task<Answer> PutAsync(string path, string json, params (string Name, string Value)[] headers) =>
        Server.SendAsync(HttpMethod.Put, path, RunningServer.Content(Encoding.UTF8.GetBytes(json), "application/json"), headers);
}
