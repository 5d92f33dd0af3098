using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Bridge;

/// <summary>What agents report, however they report it: in order or not, once or often, late, and as somebody else.</summary>
public sealed class CallbackTests
{
    [Fact]
    public async Task Callback_EachKind_HasItsAnswer()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        using AgentDouble agent = AgentDouble.Start();
        await bridge.RegisterAsync("a1", agent.Url);
        await bridge.RegisterAsync("a2", "https://x.example.com", "other");
        string id = (await bridge.DispatchAsync(new { action = "doc.read", payload = new { } })).GetProperty("task_id").GetString()!;
        await agent.TaskAsync();
        BridgeServer.Error(await bridge.CallbackAsync("a2", id, "accepted"), HttpStatusCode.Forbidden, "AGENT_MISMATCH");
        BridgeServer.Error(await bridge.CallbackAsync("a1", Guid.NewGuid().ToString(), "accepted"), HttpStatusCode.NotFound, "TASK_NOT_FOUND");
        BridgeServer.Error(await bridge.CallbackAsync("a1", "test-task-1", "succeeded"), HttpStatusCode.NotFound, "TASK_NOT_FOUND");
        BridgeServer.Error(await bridge.CallbackAsync("a1", id, "done"), HttpStatusCode.BadRequest, "INVALID_PAYLOAD");
        BridgeServer.Error(await bridge.CallbackAsync("a1", id, "failed", error: "no"), HttpStatusCode.BadRequest, "INVALID_PAYLOAD");
        BridgeServer.Error(await bridge.SendAsync($"tasks/{id}/callback", "a1", new { task_id = Guid.NewGuid().ToString(), status = "accepted", trace_id = "t" }), HttpStatusCode.BadRequest, "INVALID_PAYLOAD");
        BridgeServer.Error(await bridge.SendAsync($"tasks/{id}/callback", "a1", new { status = "accepted" }), HttpStatusCode.BadRequest, "INVALID_PAYLOAD");
        foreach (string status in new[] { "in_progress", "accepted", "in_progress", "failed", "failed", "accepted" })
        {
            Answer answer = await bridge.CallbackAsync("a1", id, status);
            Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
            Assert.Equal(id, answer.Json.GetProperty("task_id").GetString());
        }

        BridgeServer.Error(await bridge.CallbackAsync("a1", id, "succeeded", 1), HttpStatusCode.Conflict, "TASK_ALREADY_FINISHED");
        JsonElement task = await bridge.TaskAsync(id, "failed");
        Assert.Equal("TASK_FAILED", task.GetProperty("error").GetProperty("code").GetString());
        JsonElement run = await bridge.Server.EndAsync(task.GetProperty("run_id").GetString()!);
        Assert.Equal("TASK_FAILED", run.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Ends_ThatNoRunWasTold_AreBroughtAfterARestart()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        using AgentDouble agent = AgentDouble.Start();
        await bridge.RegisterAsync("a1", agent.Url);
        JsonElement taken = await bridge.DispatchAsync(new { action = "doc.read", payload = new { } });
        string id = taken.GetProperty("task_id").GetString()!;
        await agent.TaskAsync();
        await bridge.Server.InStatusAsync(taken.GetProperty("run_id").GetString()!, "waiting");
        await bridge.CallbackAsync("a1", id, "succeeded", new { x = 1 });
        await bridge.RestartAsync();
        JsonElement ended = await bridge.Server.EndAsync(taken.GetProperty("run_id").GetString()!);
        Assert.Equal(1, ended.GetProperty("output").GetProperty("x").GetInt32());
    }

    [Fact]
    public async Task Callbacks_TenThousandInAnyOrderFromAnybody_LeaveTheRightEnds()
    {
        const int Tasks = 100;
        int seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        using AgentDouble agent = AgentDouble.Start();
        await bridge.RegisterAsync("a1", agent.Url);
        await bridge.RegisterAsync("forger", "https://x.example.com", "other");
        var ids = new List<(string Task, string Run)>();
        for (int i = 0; i < Tasks; i++)
        {
            JsonElement taken = await bridge.DispatchAsync(new { action = "doc.read", payload = new { i } });
            ids.Add((taken.GetProperty("task_id").GetString()!, taken.GetProperty("run_id").GetString()!));
            await agent.TaskAsync();
        }

        // For each task one honest end, told often, and everything that must not change it.
        var random = new Random(seed);
        var calls = new List<(int Task, string Agent, string Status, object? Result, string Secret, bool IsHonestEnd)>();
        for (int call = 0; call < 10_000; call++)
        {
            int task = call % Tasks;
            calls.Add(random.Next(8) switch
            {
                0 or 1 => (task, "a1", "accepted", null, BridgeServer.Secret, false),
                2 or 3 => (task, "a1", "in_progress", null, BridgeServer.Secret, false),
                4 => (task, "forger", random.Next(2) == 0 ? "succeeded" : "failed", new { forged = true }, BridgeServer.Secret, false),
                5 => (task, "a1", "succeeded", new { forged = true }, "wrong-secret-0123456789abcdef0123456", false),
                _ => (task, "a1", "succeeded", new { task }, BridgeServer.Secret, true),
            });
        }

        var shuffled = calls.ToArray();
        random.Shuffle(shuffled);
        var wrong = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(shuffled, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (c, _) =>
        {
            Answer answer = await bridge.CallbackAsync(c.Agent, ids[c.Task].Task, c.Status, c.Result, secret: c.Secret);
            (HttpStatusCode, string?) expected = c.Agent == "forger" ? (HttpStatusCode.Forbidden, "AGENT_MISMATCH") : c.Secret != BridgeServer.Secret ? (HttpStatusCode.Unauthorized, "INVALID_TOKEN") : (HttpStatusCode.OK, null);
            string? code = answer.Status == HttpStatusCode.OK ? null : answer.Json.GetProperty("error").GetProperty("code").GetString();
            if ((answer.Status, code) != expected)
            {
                wrong.Enqueue($"{c}: {answer.Status} {answer.Text}");
            }
        });
        Assert.True(wrong.IsEmpty, $"seed {seed}: {string.Join('\n', wrong.Take(5))}");
        for (int i = 0; i < Tasks; i++)
        {
            JsonElement task = await bridge.TaskAsync(ids[i].Task, static t => t.GetProperty("status").GetString() == "succeeded");
            Assert.Equal(i, task.GetProperty("result").GetProperty("task").GetInt32());
            string[] states = [.. task.GetProperty("history").EnumerateArray().Select(h => h.GetProperty("status").GetString()!)];
            Assert.Equal(states.OrderBy(s => Array.IndexOf(["queued", "dispatched", "accepted", "in_progress", "succeeded"], s)), states);
            Assert.Single(states, "succeeded");
            JsonElement run = await bridge.Server.EndAsync(ids[i].Run);
            Assert.Equal(i, run.GetProperty("output").GetProperty("task").GetInt32());
        }
    }

    [Theory]
    [InlineData("", "INVALID_PAYLOAD")]
    [InlineData("null", "INVALID_PAYLOAD")]
    [InlineData("[]", "INVALID_PAYLOAD")]
    [InlineData("{\"agent_id\":\"a1\",\"agent_id\":\"a1\"}", "INVALID_PAYLOAD")]
    [InlineData("{\"agent_id\":\"\\ud800\"}", "INVALID_PAYLOAD")]
    [InlineData("{\"agent_id\":", "INVALID_PAYLOAD")]
    [InlineData("{}", "INVALID_TOKEN")]
    public async Task Heartbeat_HostileBody_IsRefused(string body, string code)
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        Answer answer = await bridge.SendAsync("heartbeat", BridgeServer.Sign(BridgeServer.Claims(new { agent_id = "a1" }, "a1")), body);
        BridgeServer.Error(answer, code == "INVALID_TOKEN" ? HttpStatusCode.Unauthorized : HttpStatusCode.BadRequest, code);
    }

    [Fact]
    public async Task Bodies_DeepOrHuge_CostLittle()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        string token = BridgeServer.Sign(BridgeServer.Claims(new { agent_id = "a1" }, "a1"));
        BridgeServer.Error(await bridge.SendAsync("events", token, string.Concat(Enumerable.Repeat("{\"a\":", 5000))), HttpStatusCode.BadRequest, "INVALID_PAYLOAD");
        Answer huge = await bridge.SendAsync("events", token, "{\"data\":\"" + new string('x', 100_000) + "\"}");
        BridgeServer.Error(huge, HttpStatusCode.RequestEntityTooLarge, "INVALID_PAYLOAD");
        BridgeServer.Error(await bridge.Server.GetAsync("/orchestrator/nothing"), HttpStatusCode.NotFound, "NOT_FOUND");
        BridgeServer.Error(await bridge.Server.GetAsync("/orchestrator/register"), HttpStatusCode.MethodNotAllowed, "METHOD_NOT_ALLOWED");
        BridgeServer.Error(await bridge.Server.GetAsync($"/orchestrator/tasks/{new string('a', 300)}"), HttpStatusCode.NotFound, "TASK_NOT_FOUND");
    }

    [Fact]
    public async Task Heartbeat_OfNobody_IsNotFound()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        BridgeServer.Error(await bridge.SendAsync("heartbeat", "a1", new { agent_id = "a1" }), HttpStatusCode.NotFound, "AGENT_NOT_FOUND");
        BridgeServer.Error(await bridge.SendAsync("heartbeat", "a1", new { name = "x" }), HttpStatusCode.BadRequest, "MISSING_AGENT_ID");
        BridgeServer.Error(await bridge.SendAsync("heartbeat", "a1", new { agent_id = "a1", status = "fine" }), HttpStatusCode.BadRequest, "INVALID_PAYLOAD");
        BridgeServer.Error(await bridge.SendAsync("register", "a1", new { agent_id = "a1", name = "x", base_url = "https://x.example.com" }), HttpStatusCode.BadRequest, "INVALID_PAYLOAD");
    }

    [Fact]
    public async Task Store_Broken_IsTheEndpointsOwnFailure()
    {
        await using BridgeServer bridge = await BridgeServer.StartAsync();
        await bridge.RegisterAsync("a1");
        bridge.Server.BreakStore();
        BridgeServer.Error(await bridge.SendAsync("register", "a1", new { agent_id = "a1", name = "x", base_url = "https://x.example.com", capabilities = Array.Empty<string>() }), HttpStatusCode.InternalServerError, "REGISTRATION_FAILED");
        BridgeServer.Error(await bridge.SendAsync("heartbeat", "a1", new { agent_id = "a1" }), HttpStatusCode.InternalServerError, "HEARTBEAT_FAILED");
        BridgeServer.Error(await bridge.CallbackAsync("a1", Guid.NewGuid().ToString("D", CultureInfo.InvariantCulture), "accepted"), HttpStatusCode.InternalServerError, "CALLBACK_FAILED");
        BridgeServer.Error(await bridge.SendAsync("events", "a1", new { event_id = "e", type = "t", source = "s", data = 1, time = "", trace_id = "" }), HttpStatusCode.InternalServerError, "EVENT_FAILED");
        BridgeServer.Error(await bridge.Server.GetAsync("/orchestrator/agents"), HttpStatusCode.InternalServerError, "LIST_FAILED");
    }
}
