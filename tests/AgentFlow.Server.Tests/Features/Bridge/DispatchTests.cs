using System.Net;
using System.Text.Json;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Tests.Features.Bridge;

/// <summary>Tasks from the dispatch to their end, over HTTP in both directions.</summary>
public sealed class DispatchTests
{
    private static readonly object Wish = new { action = "doc.read", payload = new { url = "a.pdf" }, requested_by = "somebody" };

    [Fact]
    public async Task Dispatch_ToAnAgent_SendsExactlyTheTask()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync(s => s with { Url = new Uri("https://center.example.com/") });
        using AgentDouble agent = AgentDouble.Start();
        await bridge.RegisterAsync("a1", agent.Url);
        JsonElement taken = await bridge.DispatchAsync(new { action = "doc.read", payload = new { n = 1.50 }, requested_by = "somebody", resources = new { priority = 3, timeout_ms = 60000, retry = 1 } });
        Assert.Equal(("a1", "queued", true), (taken.GetProperty("agent_id").GetString(), taken.GetProperty("status").GetString(), taken.GetProperty("success").GetBoolean()));
        string id = taken.GetProperty("task_id").GetString()!;
        await agent.TaskAsync();
        (string path, string authorization, string body, _) = Assert.Single(agent.Requests);
        Assert.Equal("/agent/task", path);
        Assert.Equal($$$"""{"task_id":"{{{id}}}","action":"doc.read","payload":{"n":1.5},"reply_to":"https://center.example.com/orchestrator/tasks/{{{id}}}/callback","trace_id":"{{{taken.GetProperty("trace_id").GetString()}}}","requested_by":"somebody","resources":{"priority":3,"timeout_ms":60000,"retry":1}}""", body);
        string[] token = authorization["Bearer ".Length..].Split('.');
        JsonElement claims = JsonElement.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(token[1]));
        Assert.Equal(("auto-com-center", "scholar-sync-agents", id), (claims.GetProperty("iss").GetString(), claims.GetProperty("aud").GetString(), claims.GetProperty("task_id").GetString()));
        Assert.InRange(claims.GetProperty("exp").GetInt64() - claims.GetProperty("iat").GetInt64(), 1, 300);

        string run = taken.GetProperty("run_id").GetString()!;
        await bridge.Server.InStatusAsync(run, "waiting");
        Assert.Equal(HttpStatusCode.OK, (await bridge.CallbackAsync("a1", id, "succeeded", new { pages = 3 })).Status);
        JsonElement ended = await bridge.Server.EndAsync(run);
        Assert.Equal((3, "bridge-dispatch"), (ended.GetProperty("output").GetProperty("pages").GetInt32(), ended.GetProperty("workflow").GetString()));
    }

    [Fact]
    public async Task Dispatch_ThatNobodyCanDo_Is404AndNoRun()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        BridgeServer.Error(await bridge.Server.PostAsync("/orchestrator/tasks/dispatch", JsonSerializer.Serialize(Wish)), HttpStatusCode.NotFound, "AGENT_NOT_FOUND");
        await bridge.RegisterAsync("a1");
        BridgeServer.Error(await bridge.Server.PostAsync("/orchestrator/tasks/dispatch", """{"action":"doc.write","payload":{}}"""), HttpStatusCode.NotFound, "AGENT_NOT_FOUND");
        BridgeServer.Error(await bridge.Server.PostAsync("/orchestrator/tasks/dispatch", """{"action":"doc.read","payload":{},"agent_id":"a2"}"""), HttpStatusCode.NotFound, "AGENT_NOT_FOUND");
        Assert.Equal(0, (await bridge.Server.GetAsync("/api/v1/runs")).Json.GetProperty("total_count").GetInt32());
    }

    [Theory]
    [InlineData("{}", "'action' is missing")]
    [InlineData("""{"action":"a"}""", "'payload' is missing")]
    [InlineData("""{"action":"a","payload":{},"resources":{"retry":-1}}""", "'retry' is no whole number")]
    [InlineData("""{"action":"a","payload":{},"resources":{"timeout":1}}""", "'timeout' is not a member")]
    [InlineData("""{"action":"a","payload":{},"resources":[]}""", "'resources' is no object")]
    [InlineData("""{"action":"a","payload":{},"agent":"x"}""", "'agent' is not a member")]
    [InlineData("""{"action":1,"payload":{}}""", "'action' is a number")]
    [InlineData("[]", "not an object")]
    [InlineData("{", "Line 1")]
    public async Task Dispatch_WrongBody_NamesThePlace(string body, string text)
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        Answer answer = await bridge.Server.PostAsync("/orchestrator/tasks/dispatch", body);
        BridgeServer.Error(answer, HttpStatusCode.BadRequest, "INVALID_PAYLOAD");
        Assert.Contains(text, answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dispatch_SameKey_IsTheSameTask()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        using AgentDouble agent = AgentDouble.Start();
        await bridge.RegisterAsync("a1", agent.Url);
        JsonElement one = await bridge.DispatchAsync(Wish, ("Idempotency-Key", "k1"));
        JsonElement two = await bridge.DispatchAsync(Wish, ("Idempotency-Key", "k1"));
        Assert.Equal(one.GetProperty("task_id").GetString(), two.GetProperty("task_id").GetString());
        Assert.Equal(one.GetProperty("run_id").GetString(), two.GetProperty("run_id").GetString());
        Answer other = await bridge.Server.PostAsync("/orchestrator/tasks/dispatch", """{"action":"doc.read","payload":{"other":1}}""", ("Idempotency-Key", "k1"));
        BridgeServer.Error(other, HttpStatusCode.UnprocessableEntity, "IDEMPOTENCY_KEY_REUSED");
    }

    [Fact]
    public async Task Dispatch_AgentsOfDifferentHealthAndLoad_TakesTheBest()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        using AgentDouble one = AgentDouble.Start();
        using AgentDouble two = AgentDouble.Start();
        using AgentDouble three = AgentDouble.Start();
        await bridge.RegisterAsync("a1", one.Url);
        await bridge.RegisterAsync("a2", two.Url);
        await bridge.RegisterAsync("a3", three.Url);
        await bridge.SendAsync("heartbeat", "a1", new { agent_id = "a1", status = "degraded" });
        var got = new List<string>();
        for (int i = 0; i < 4; i++)
        {
            string id = (await bridge.DispatchAsync(Wish)).GetProperty("task_id").GetString()!;
            got.Add((await bridge.TaskAsync(id, "dispatched")).GetProperty("agent_id").GetString()!);
        }

        Assert.Equal(["a2", "a3", "a2", "a3"], got);
        Assert.Empty(one.Requests);
    }

    [Fact]
    public async Task Agent_AnswersTooMany_IsLeftAloneForItsTime()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        using AgentDouble agent = AgentDouble.Start();
        agent.Answers.Enqueue((429, "2"));
        await bridge.RegisterAsync("a1", agent.Url);
        long start = TimeProvider.System.GetTimestamp();
        string id = (await bridge.DispatchAsync(new { action = "doc.read", payload = new { }, resources = new { retry = 0 } })).GetProperty("task_id").GetString()!;
        await agent.TaskAsync();
        Assert.True(TimeProvider.System.GetElapsedTime(start) > TimeSpan.FromSeconds(1.8), "the agent's wish was not honoured");
        Assert.Equal(2, agent.Requests.Count);
        // Nobody had it the first time: with retry 0 it still gets its one try.
        JsonElement task = await bridge.TaskAsync(id, "dispatched");
        Assert.Equal(1, task.GetProperty("attempts").GetInt32());
        Assert.Contains("429", task.GetProperty("history").ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Agent_ThatFailsThreeTimes_IsDegradedAndTheTaskDead()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        using AgentDouble agent = AgentDouble.Start();
        for (int i = 0; i < 3; i++)
        {
            agent.Answers.Enqueue((500, null));
        }

        await bridge.RegisterAsync("a1", agent.Url);
        JsonElement taken = await bridge.DispatchAsync(Wish);
        string id = taken.GetProperty("task_id").GetString()!;
        JsonElement dead = await bridge.TaskAsync(id, "dead");
        Assert.Equal(3, dead.GetProperty("attempts").GetInt32());
        Assert.Equal("AGENT_UNAVAILABLE", dead.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal(3, agent.Requests.Select(r => JsonElement.Parse(r.Body).GetProperty("task_id").GetString()).Count(t => t == id));
        JsonElement run = await bridge.Server.EndAsync(taken.GetProperty("run_id").GetString()!);
        Assert.Equal(("failed", "AGENT_UNAVAILABLE"), (run.GetProperty("status").GetString(), run.GetProperty("error").GetProperty("code").GetString()));
        JsonElement agents = (await bridge.Server.GetAsync("/orchestrator/agents")).Json;
        Assert.Equal(("degraded", 1), (agents.GetProperty("agents")[0].GetProperty("status").GetString(), agents.GetProperty("agents")[0].GetProperty("capabilities_count").GetInt32()));

        // Listed, inspected and replayed; once, however often.
        JsonElement letters = (await bridge.Server.GetAsync("/orchestrator/dead-letters")).Json;
        Assert.Equal(id, Assert.Single(letters.GetProperty("items").EnumerateArray()).GetProperty("task_id").GetString());
        Answer replay = await bridge.Server.PostAsync($"/orchestrator/dead-letters/{id}/replay", null);
        Assert.True(replay.Status == HttpStatusCode.Accepted, replay.Text);
        string again = replay.Json.GetProperty("task_id").GetString()!;
        Assert.NotEqual(id, again);
        Assert.Equal(again, (await bridge.Server.PostAsync($"/orchestrator/dead-letters/{id}/replay", "{}")).Json.GetProperty("task_id").GetString());
        JsonElement sent = await agent.TaskAsync();
        Assert.Equal((again, "a.pdf"), (sent.GetProperty("task_id").GetString(), sent.GetProperty("payload").GetProperty("url").GetString()));
        Assert.Equal(id, (await bridge.TaskAsync(again, "dispatched")).GetProperty("replay_of").GetString());
        Assert.Equal(again, (await bridge.TaskAsync(id, "dead")).GetProperty("replayed_as").GetString());
        BridgeServer.Error(await bridge.Server.PostAsync($"/orchestrator/dead-letters/{again}/replay", null), HttpStatusCode.Conflict, "TASK_ALREADY_FINISHED");
    }

    [Fact]
    public async Task Task_WithoutCallback_IsSentAgainAndThenTimesOut()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        using AgentDouble agent = AgentDouble.Start();
        await bridge.RegisterAsync("a1", agent.Url);
        JsonElement taken = await bridge.DispatchAsync(new { action = "doc.read", payload = new { }, resources = new { timeout_ms = 300, retry = 1 } });
        string id = taken.GetProperty("task_id").GetString()!;
        Assert.Equal(id, (await agent.TaskAsync()).GetProperty("task_id").GetString());
        Assert.Equal(id, (await agent.TaskAsync()).GetProperty("task_id").GetString());
        JsonElement task = await bridge.TaskAsync(id, "timed_out");
        Assert.Equal((2, "TASK_TIMED_OUT"), (task.GetProperty("attempts").GetInt32(), task.GetProperty("error").GetProperty("code").GetString()));
        JsonElement run = await bridge.Server.EndAsync(taken.GetProperty("run_id").GetString()!);
        Assert.Equal("TASK_TIMED_OUT", run.GetProperty("error").GetProperty("code").GetString());
        BridgeServer.Error(await bridge.CallbackAsync("a1", id, "succeeded", 1), HttpStatusCode.Conflict, "TASK_ALREADY_FINISHED");
        Assert.Equal(HttpStatusCode.OK, (await bridge.CallbackAsync("a1", id, "in_progress")).Status);
    }

    [Fact]
    public async Task Task_WhoseAgentIsAway_WaitsAndIsThenDead()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync(s => s with { QueueTime = TimeSpan.FromSeconds(1) });
        await bridge.RegisterAsync("a1", "http://127.0.0.1:9");
        JsonElement taken = await bridge.DispatchAsync(Wish);
        JsonElement task = await bridge.TaskAsync(taken.GetProperty("task_id").GetString()!, "dead");
        Assert.Equal((0, "AGENT_UNAVAILABLE"), (task.GetProperty("attempts").GetInt32(), task.GetProperty("error").GetProperty("code").GetString()));
        Assert.Contains("nothing was sent", task.GetProperty("history").ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Task_ThatTheAgentRefuses_IsDeadAtOnce()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        using AgentDouble agent = AgentDouble.Start();
        agent.Answers.Enqueue((400, null));
        await bridge.RegisterAsync("a1", agent.Url);
        JsonElement task = await bridge.TaskAsync((await bridge.DispatchAsync(Wish)).GetProperty("task_id").GetString()!, "dead");
        Assert.Single(agent.Requests);
        Assert.Equal("TASK_FAILED", task.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Run_Cancelled_EndsItsTask()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        using AgentDouble agent = AgentDouble.Start();
        await bridge.RegisterAsync("a1", agent.Url);
        JsonElement taken = await bridge.DispatchAsync(Wish);
        await agent.TaskAsync();
        string run = taken.GetProperty("run_id").GetString()!;
        await bridge.Server.InStatusAsync(run, "waiting");
        Assert.Equal(HttpStatusCode.Accepted, (await bridge.Server.PostAsync($"/api/v1/runs/{run}/cancel", "{}")).Status);
        Assert.Equal("cancelled", (await bridge.Server.EndAsync(run)).GetProperty("status").GetString());
        JsonElement task = await bridge.TaskAsync(taken.GetProperty("task_id").GetString()!, "dead");
        Assert.Contains(run, task.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Agents_SilentForTooLong_AreOfflineAndTasksWaitForThem()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync(s => s with { OfflineAfter = TimeSpan.FromSeconds(1), Sweep = TimeSpan.FromMilliseconds(100) });
        using AgentDouble agent = AgentDouble.Start();
        await bridge.RegisterAsync("a1", agent.Url);
        await bridge.Server.UntilAsync("/orchestrator/agents", a => a.GetProperty("agents")[0].GetProperty("status").GetString() == "offline");
        string id = (await bridge.DispatchAsync(Wish)).GetProperty("task_id").GetString()!;
        Assert.Empty(agent.Requests);
        Assert.Equal(HttpStatusCode.OK, (await bridge.SendAsync("heartbeat", "a1", new { agent_id = "a1" })).Status);
        Assert.Equal(id, (await agent.TaskAsync()).GetProperty("task_id").GetString());
    }

    [Fact]
    public async Task Agents_ThatTheDeploymentNames_AreAskedWhatTheyCanDo()
    {
        using AgentDouble agent = AgentDouble.Start();
        await using BridgeServer bridge = await BridgeServer.StartAsync(s => s with { Agents = [new KnownAgent("known", "Known", new Uri(agent.Url), [], 1)] });
        JsonElement listed = await bridge.Server.UntilAsync("/orchestrator/agents", a => a.GetProperty("count").GetInt32() == 1);
        Assert.Equal(("known", "online", 1), (listed.GetProperty("agents")[0].GetProperty("agent_id").GetString(), listed.GetProperty("agents")[0].GetProperty("status").GetString(), listed.GetProperty("agents")[0].GetProperty("capabilities_count").GetInt32()));
        await bridge.DispatchAsync(Wish);
        await agent.TaskAsync();
        // Its known rate is one a minute: the second one waits.
        string second = (await bridge.DispatchAsync(Wish)).GetProperty("task_id").GetString()!;
        JsonElement waits = await bridge.TaskAsync(second, "queued");
        Assert.Equal(0, waits.GetProperty("attempts").GetInt32());
    }

    [Fact]
    public async Task Register_LeadingElsewhereThanItMay_IsRefused()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync(s => s with { Allowed = new Dictionary<string, Uri?> { ["pinned"] = new Uri("http://10.1.2.3:8080"), ["free"] = null } });
        (string Agent, string Url, string Code)[] cases =
        [
            ("stranger", "https://x.example.com", "AGENT_NOT_ALLOWED"),
            ("pinned", "https://x.example.com", "AGENT_NOT_ALLOWED"),
            ("pinned", "http://10.1.2.3:8081", "AGENT_NOT_ALLOWED"),
            ("free", "http://169.254.169.254/latest", "AGENT_NOT_ALLOWED"),
            ("free", "http://[::ffff:169.254.169.254]/", "AGENT_NOT_ALLOWED"),
            ("free", "http://10.1.2.4:8080", "AGENT_NOT_ALLOWED"),
            ("free", "http://0.0.0.0:1", "AGENT_NOT_ALLOWED"),
            ("free", "http://2852039166/", "AGENT_NOT_ALLOWED"),
            ("free", "ftp://x.example.com", "INVALID_PAYLOAD"),
            ("free", "https://user:pw@x.example.com", "INVALID_PAYLOAD"),
            ("free", "https://x.example.com?x=1", "INVALID_PAYLOAD"),
            ("free", "x.example.com", "INVALID_PAYLOAD"),
        ];
        foreach ((string agent, string url, string code) in cases)
        {
            Answer answer = await bridge.SendAsync("register", agent, new { agent_id = agent, name = "x", base_url = url, capabilities = Array.Empty<string>() });
            BridgeServer.Error(answer, code == "INVALID_PAYLOAD" ? HttpStatusCode.BadRequest : HttpStatusCode.Forbidden, code);
        }

        await bridge.RegisterAsync("pinned", "http://10.1.2.3:8080/base");
        await bridge.RegisterAsync("free", "https://x.example.com");
    }

    [Fact]
    public async Task Task_SentToAPrivatePlaceBehindAName_IsNotSent()
    {
        // Whoever asks who calls trusts no loopback address: a name that leads there is found out when it is connected to.
        await using var guarded = await Access.GuardedServer.StartAsync(o => o with { Bridge = new BridgeSettings { Secrets = [BridgeServer.Secret], QueueTime = TimeSpan.FromSeconds(1) } });
        object body = new { agent_id = "a1", name = "x", base_url = "http://localhost:9/", capabilities = new[] { "doc.read" } };
        Answer refused = await guarded.Server.PostAsync("/orchestrator/register", JsonSerializer.Serialize(body), ("Authorization", "Bearer " + BridgeServer.Sign(BridgeServer.Claims(body, "a1"))));
        BridgeServer.Error(refused, HttpStatusCode.Forbidden, "AGENT_NOT_ALLOWED");
    }
}
