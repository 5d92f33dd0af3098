using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentFlow.Cli.Tests.Durability;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Bridge;

/// <summary>An agent that was written from the wire contract alone, against the real program.</summary>
public sealed class BridgeAgentTests
{
    private const string Secret = "0123456789abcdef0123456789abcdef";

    private static readonly string[] Kills = ["register", "heartbeat", "dispatch", "accepted", "in_progress", "succeeded", "event"];

    [Fact]
    public async Task Agent_WholeLifeOfATask_IsARun()
    {
        using Af af = Start();
        using ServedAf server = await ServedAf.StartAsync(af);
        using NodeAgent agent = await NodeAgent.StartAsync("scholar-1", Secret, server.Port);
        await LiveAsync(agent, () => server, _ => Task.CompletedTask);
    }

    [Fact]
    [Trait("Suite", "slow")]
    public async Task Agent_ServerKilledBetweenEachTwoCalls_LosesNothing()
    {
        using Af af = Start();
        ServedAf server = await ServedAf.StartAsync(af);
        int port = server.Port;
        try
        {
            using NodeAgent agent = await NodeAgent.StartAsync("scholar-1", Secret, port);
            var killed = new List<string>();
            await LiveAsync(agent, () => server, async after =>
            {
                killed.Add(after);
                await server.KillAsync();
                server.Dispose();
                server = await ServedAf.StartAsync(af, port: port);
            });
            Assert.Equal(Kills, killed);
        }
        finally
        {
            server.Dispose();
        }
    }

    [Fact]
    public async Task Step_WithCapability_EndsWithTheCallback()
    {
        using Af af = Start();
        using ServedAf server = await ServedAf.StartAsync(af);
        using NodeAgent agent = await NodeAgent.StartAsync("scholar-1", Secret, server.Port);
        await agent.CallAsync("register");
        await server.SaveAsync("""
            language: 1
            name: reading
            version: 1.0.0
            planner: dag
            steps:
              - { id: read, capability: document.read, input: { url: "${input.url}" } }
              - { id: fail, agent: reader, depends_on: [read], on_error: continue }
            agents:
              reader: { kind: remote, capability: document.read, agent_id: scholar-1, resources: { timeout_ms: 60000, retry: 0 } }
            output: { read: "${steps.read.output.pages}", failed: "${steps.fail.error.code}" }
            """);
        string run = await server.ExecuteAsync("reading", isAsync: true, new { url = "a.pdf" });
        JsonElement first = await agent.TaskAsync();
        Assert.Equal("a.pdf", first.GetProperty("payload").GetProperty("url").GetString());
        await server.BecomesAsync(run, "waiting");
        await agent.CallAsync("succeeded", first.GetProperty("task_id").GetString());
        JsonElement second = await agent.TaskAsync();
        Assert.NotEqual(first.GetProperty("task_id").GetString(), second.GetProperty("task_id").GetString());
        Assert.Equal(60000, second.GetProperty("resources").GetProperty("timeout_ms").GetInt32());
        await agent.CallAsync("failed", second.GetProperty("task_id").GetString());
        await server.BecomesAsync(run, "completed");
        JsonElement ended = await server.Http.GetFromJsonAsync<JsonElement>($"/api/v1/runs/{run}");
        Assert.Equal(3, ended.GetProperty("output").GetProperty("read").GetInt32());
        Assert.Equal("DOCUMENT_UNREADABLE", ended.GetProperty("output").GetProperty("failed").GetString());
    }

    private static Af Start()
    {
        var af = new Af();
        af.Environment["SHARED_SECRET"] = Secret;
        return af;
    }

    private static async Task LiveAsync(NodeAgent agent, Func<ServedAf> server, Func<string, Task> between)
    {
        JsonElement registered = await agent.CallAsync("register");
        Assert.Equal((true, agent.Id), (registered.GetProperty("success").GetBoolean(), registered.GetProperty("agent_id").GetString()));
        await between("register");
        Assert.True((await agent.CallAsync("heartbeat")).TryGetProperty("timestamp", out _));
        await between("heartbeat");

        using HttpResponseMessage dispatched = await server().Http.PostAsJsonAsync("/orchestrator/tasks/dispatch", new { action = "document.read", payload = new { url = "a.pdf" }, requested_by = "somebody" });
        JsonElement dispatch = await dispatched.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(dispatched.StatusCode == HttpStatusCode.Accepted, dispatch.ToString());
        string id = dispatch.GetProperty("task_id").GetString()!;
        JsonElement task = await agent.TaskAsync();
        Assert.Equal((id, "document.read", "somebody"), (task.GetProperty("task_id").GetString(), task.GetProperty("action").GetString(), task.GetProperty("requested_by").GetString()));
        Assert.Equal(dispatch.GetProperty("trace_id").GetString(), task.GetProperty("trace_id").GetString());
        Assert.EndsWith($"/orchestrator/tasks/{id}/callback", task.GetProperty("reply_to").GetString(), StringComparison.Ordinal);
        await between("dispatch");

        await ReportAsync(agent, "accepted", id);
        await between("accepted");
        await ReportAsync(agent, "in_progress", id);
        await between("in_progress");
        await ReportAsync(agent, "succeeded", id);
        await between("succeeded");
        Assert.True((await agent.CallAsync("event", "e-1")).GetProperty("success").GetBoolean());
        await between("event");
        Assert.True((await agent.CallAsync("event", "e-1")).GetProperty("success").GetBoolean());

        string run = dispatch.GetProperty("run_id").GetString()!;
        await server().BecomesAsync(run, "completed");
        JsonElement ended = await server().Http.GetFromJsonAsync<JsonElement>($"/api/v1/runs/{run}");
        Assert.Equal("a.pdf", ended.GetProperty("output").GetProperty("echo").GetProperty("url").GetString());
        JsonElement shown = await server().Http.GetFromJsonAsync<JsonElement>($"/orchestrator/tasks/{id}");
        Assert.Equal(("succeeded", agent.Id, 1), (shown.GetProperty("status").GetString(), shown.GetProperty("agent_id").GetString(), shown.GetProperty("attempts").GetInt32()));
        Assert.Equal(["queued", "dispatched", "accepted", "in_progress", "succeeded"], shown.GetProperty("history").EnumerateArray().Select(h => h.GetProperty("status").GetString()).Distinct());
        Assert.Equal(3, shown.GetProperty("result").GetProperty("pages").GetInt32());
    }

    private static async Task ReportAsync(NodeAgent agent, string status, string task)
    {
        // After a kill the task may have come a second time, with the same id: an agent that knows it says nothing new.
        JsonElement answer = await agent.CallAsync(status, task);
        Assert.Equal(task, answer.GetProperty("task_id").GetString());
    }
}
