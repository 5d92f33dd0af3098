using System.Net;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Agents;

/// <summary>Registered agents whose policy holds for the steps of workflows that name them.</summary>
public sealed class AgentPolicyTests : IAsyncLifetime
{
    private const string Gates = """
        language: 1
        name: NAME
        version: 1.0.0
        agents: { worker: { kind: custom, type: gate, registered: writer } }
        planner: dag
        steps: [{ id: a, agent: worker, input: { gate: "${input.gate}" } }]
        """;

    private readonly ManualTime _clock = new();
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync(o => o with { Clock = _clock, ShutdownTimeout = TimeSpan.FromMilliseconds(200) });

    public async ValueTask DisposeAsync()
    {
        // Stopping takes time, and there is none unless somebody lets it pass.
        Task stopping = _server.DisposeAsync().AsTask();
        while (!stopping.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(5);
        }

        await stopping;
    }

    private async Task<string> RegisterAsync(string policy, string name = "writer")
    {
        Answer created = await _server.PostAsync("/api/v1/agents", $$$"""{"name":"{{{name}}}","definition":{"policy":{{{policy}}}}}""");
        Assert.True(created.Status == HttpStatusCode.Created, created.Text);
        return created.Json.GetProperty("agent_id").GetString()!;
    }

    private static int Count(JsonElement run, string status) => run.GetProperty("steps").EnumerateArray().Count(s => s.GetProperty("status").GetString() == status);

    private async Task<JsonElement[]> EventsAsync(string run, string type) =>
        [.. (await _server.GetAsync($"/api/v1/runs/{run}/events?limit=1000")).Json.GetProperty("items").EnumerateArray().Where(e => e.GetProperty("type").GetString() == type)];

    private async Task SaveAsync(string name, string agents, string steps) => await _server.SaveAsync($$"""
        language: 1
        name: {{name}}
        version: 1.0.0
        agents: {{agents}}
        planner: dag
        steps: {{steps}}
        """);

    [Fact]
    public async Task Rate_OfTwoAMinute_SpreadsFiveStepsOverThreeWindows()
    {
        await RegisterAsync("""{"rate_limits":{"requests_per_minute":2}}""");
        await SaveAsync("five", "{ w: { kind: tool, tool: skill.echo, registered: writer } }", "[{ id: a, agent: w }, { id: b, agent: w }, { id: c, agent: w }, { id: d, agent: w }, { id: e, agent: w }]");
        string run = await _server.StartAsync("five");
        DateTimeOffset begin = _clock.GetUtcNow();
        await _server.RunAsync(run, r => (Count(r, "succeeded"), Count(r, "held")) == (2, 3));
        _clock.Advance(TimeSpan.FromSeconds(59));
        JsonElement waiting = await _server.InStatusAsync(run, "waiting");
        Assert.Equal((2, 3), (Count(waiting, "succeeded"), Count(waiting, "held")));
        _clock.Advance(TimeSpan.FromSeconds(1));
        await _server.RunAsync(run, r => (Count(r, "succeeded"), Count(r, "held")) == (4, 1));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("completed", (await _server.EndAsync(run)).GetProperty("status").GetString());
        Assert.Equal([0, 0, 60, 60, 120], (await EventsAsync(run, "step_started")).Select(e => (int)(e.GetProperty("at").GetDateTimeOffset() - begin).TotalSeconds));
        Assert.Equal(3, (await EventsAsync(run, "step_held")).Length);
    }

    [Fact]
    public async Task Rate_AcrossRunsAndARestart_IsWaitedForAndNothingFails()
    {
        await RegisterAsync("""{"rate_limits":{"requests_per_minute":1}}""");
        await SaveAsync("one", "{ w: { kind: tool, tool: skill.echo, registered: writer } }", "[{ id: a, agent: w }]");
        await _server.EndAsync(await _server.StartAsync("one"));
        string second = await _server.StartAsync("one");
        await _server.InStatusAsync(second, "waiting");
        Task<RunningServer> restarting = _server.RestartAsync(o => o with { Clock = _clock, ShutdownTimeout = TimeSpan.FromMilliseconds(200) });
        while (!restarting.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(5);
        }

        _server = await restarting;
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("completed", (await _server.EndAsync(second)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Concurrency_OfOne_NeverHasTwoUnderWay()
    {
        string agent = await RegisterAsync("""{"max_concurrent_tasks":1}""");
        await _server.SaveAsync(Gates.Replace("NAME", "gates"));
        // Another workflow, the same agent, by its id.
        await _server.SaveAsync(Gates.Replace("NAME", "others").Replace("registered: writer", $"registered: {agent}"));
        string[] runs = new string[4];
        for (int i = 0; i < runs.Length; i++)
        {
            runs[i] = await _server.StartAsync(i % 2 == 0 ? "gates" : "others", $$"""{"gate":"g{{i}}"}""");
            await _server.RunAsync(runs[i], r => Count(r, i == 0 ? "running" : "queued") == 1 && (i > 0 || _server.Agents.Calls == 1));
        }

        for (int i = 0; i < runs.Length; i++)
        {
            Assert.Equal(i + 1, _server.Agents.Calls);
            Assert.Equal(1, (await _server.GetAsync("/api/v1/semaphores")).Json.GetProperty("items").EnumerateArray().Single().GetProperty("holders").GetArrayLength());
            _server.Agents.Open($"g{i}");
            Assert.Equal("completed", (await _server.EndAsync(runs[i])).GetProperty("status").GetString());
            if (i + 1 < runs.Length)
            {
                await _server.RunAsync(runs[i + 1], r => Count(r, "running") == 1 && _server.Agents.Calls > i + 1);
            }
        }

        Assert.Empty((await _server.GetAsync("/api/v1/semaphores")).Json.GetProperty("items").EnumerateArray());
    }

    [Theory]
    [InlineData("""{"requires_approval":["skill.ec*"]}""", true)]
    [InlineData("""{"requires_approval":["deployer"],"requires_approval_above":0}""", false)]
    public async Task Approval_ThatThePolicyWants_IsATaskForSomebody(string policy, bool isAsked)
    {
        await RegisterAsync(policy);
        await SaveAsync("pay", "{ w: { kind: tool, tool: skill.echo, registered: writer } }", "[{ id: a, agent: w, input: { amount: 7 } }]");
        string run = await _server.StartAsync("pay");
        if (isAsked)
        {
            string? asked = (await _server.UntilAsync($"/api/v1/approvals?filter[status]=pending&filter[run_id]={run}", p => p.GetProperty("items").GetArrayLength() == 1)).GetProperty("items")[0].GetProperty("id").GetString();
            JsonElement task = (await _server.GetAsync($"/api/v1/human-tasks/{asked}")).Json;
            Assert.Equal(7, task.GetProperty("data").GetProperty("amount").GetInt32());
            Assert.Contains("skill.echo", task.GetProperty("description").GetString());
            Assert.Empty(await EventsAsync(run, "step_started"));
            JsonElement shown = (await _server.GetAsync("/api/v1/aoa/approvals/pending", ("X-Tenant-ID", "default"))).Json;
            Assert.Equal((1, asked, run), (shown.GetProperty("total").GetInt32(), shown.GetProperty("approvals")[0].GetProperty("approval_id").GetString(), shown.GetProperty("approvals")[0].GetProperty("run_id").GetString()));
            Assert.Equal(1, (await _server.GetAsync("/api/v1/aoa/dashboard", ("X-Tenant-ID", "default"))).Json.GetProperty("approvals").GetProperty("pending").GetInt32());
            Answer approved = await _server.PostAsync($"/api/v1/approvals/{asked}/approve", "{}");
            Assert.True(approved.Status == HttpStatusCode.OK, approved.Text);
        }

        Assert.Equal("completed", (await _server.EndAsync(run)).GetProperty("status").GetString());
        Assert.Equal(isAsked ? 1 : 0, (await EventsAsync(run, "approval_requested")).Length);
    }

    [Theory]
    [InlineData("nobody", "AGENT_NOT_FOUND")]
    [InlineData("odd", "AGENT_POLICY_INVALID")]
    public async Task Policy_ThatCannotBeFollowed_RefusesTheStep(string agent, string code)
    {
        await RegisterAsync("""{"rate_limits":{"requests_per_minute":"many"}}""", "odd");
        await SaveAsync("refused", $"{{ w: {{ kind: tool, tool: skill.echo, registered: {agent} }} }}", "[{ id: a, agent: w }]");
        JsonElement run = await _server.EndAsync(await _server.StartAsync("refused"));
        Assert.Equal(("failed", code), (run.GetProperty("status").GetString(), run.GetProperty("error").GetProperty("code").GetString()));
        Assert.Equal(0, run.GetProperty("steps")[0].GetProperty("attempts").GetInt32());
    }

    [Fact]
    public async Task Policy_ThatIsChanged_HoldsSoon()
    {
        string agent = await RegisterAsync("""{"rate_limits":{"requests_per_minute":1}}""");
        await SaveAsync("two", "{ w: { kind: tool, tool: skill.echo, registered: writer } }", "[{ id: a, agent: w }, { id: b, agent: w, depends_on: [a] }]");
        Answer changed = await _server.SendAsync(HttpMethod.Put, $"/api/v1/agents/{agent}", RunningServer.Content("""{"definition":{"policy":{"requires_approval":["*"]}}}"""u8.ToArray(), "application/json"));
        Assert.True(changed.Status == HttpStatusCode.OK, changed.Text);
        string run = await _server.StartAsync("two");
        await _server.RunAsync(run, r => Count(r, "awaiting_approval") == 1);
        Assert.Empty(await EventsAsync(run, "step_held"));
    }
}
