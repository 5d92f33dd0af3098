using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Farm.Generation;

namespace AgentFlow.Server.Tests.Features.StressTests;

/// <summary>The protocol as its clients speak it, foreign ones with habits of their own.</summary>
public sealed class StressTestEndpointsTests : IAsyncLifetime
{
    private const string Workflow = """{"workflow_id":"w1","tasks":[{"task_id":"a"},{"task_id":"b","dependencies":["a"]}]}""";

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task SmokeTest_OfTheProtocol_Passes()
    {
        JsonObject scenario = StressServer.Scenario(Scale.Small, 3, 0.2, 42);
        JsonElement queued = (await _server.PostAsync("/api/v1/stress-test/scenario", scenario.ToJsonString(), StressServer.TestTenant)).Json;
        Assert.Equal(("queued", "stress-42-small", 3), (queued.Text("status"), queued.Text("scenario_id"), queued.GetProperty("workflows_queued").GetInt32()));
        // Real clients ask without the header.
        JsonElement result = await _server.ResultAsync("stress-42-small");
        Assert.Equal("PASS", result.Verdict());
        foreach (string check in new[] { "completion_rate", "chaos_recovery", "task_completion" })
        {
            Assert.True(result.GetProperty("validation").GetProperty(check).GetProperty("passed").GetBoolean());
        }

        JsonElement dashboard = (await _server.GetAsync("/api/v1/aoa/dashboard", StressServer.TestTenant)).Json;
        Assert.Equal((10, 3, 1.0), (dashboard.GetProperty("agents").GetProperty("total").GetInt32(), dashboard.GetProperty("workflows").GetProperty("completed").GetInt32(), dashboard.GetProperty("chaos").GetProperty("recovery_rate").GetDouble()));
        Assert.Equal(result.GetProperty("total_cost_usd").GetDecimal(), dashboard.GetProperty("costs").GetProperty("today_usd").GetDecimal());
        Assert.Equal("ok", dashboard.GetProperty("vitals").GetProperty("recovery_rate").Text("status"));
        Assert.Equal(5, dashboard.GetProperty("agents").GetProperty("by_type").GetProperty("worker").GetInt32());
    }

    [Fact]
    public async Task Scenario_OfAForeignClient_IsTakenAsItIs()
    {
        JsonElement queued = (await _server.PostAsync("/api/v1/stress-test/scenario", """
            {
              "scenario_id": "foreign 1", "extra": { "deep": [1] }, "agents": [{ "agent_id": "a-1", "nickname": "x" }],
              "workflows": [
                { "workflow_id": "w", "tasks": [
                  { "task_id": "one", "estimated_duration_ms": 40, "retry_policy": { "max_attempts": 3, "backoff_multiplier": 2 } },
                  { "task_id": "two", "dependencies": ["one"], "unknown": null, "chaos_injection": { "type": "tool_failure" } }
                ] }
              ]
            }
            """)).Json;
        Assert.Equal("foreign 1", queued.Text("scenario_id"));
        JsonElement result = await _server.UntilAsync("/api/v1/stress-test/scenario/foreign%201", r => r.GetProperty("status").GetString() != "running");
        Assert.Equal(1, result.GetProperty("tasks_failed").GetInt32());
        // Without the header a write is the protocol's own tenant's.
        Assert.Equal(HttpStatusCode.OK, (await _server.GetAsync("/api/v1/stress-test/scenario/foreign%201", ("X-Tenant-ID", "stress-test-tenant"))).Status);
        (await _server.GetAsync("/api/v1/stress-test/scenario/foreign%201", StressServer.TestTenant)).Problem(HttpStatusCode.NotFound, "STRESS_TEST_NOT_FOUND");
    }

    [Theory]
    [InlineData("""{"distribution":{"worker":1},"agents":[{"agent_id":"x","type":"worker"}]}""")]
    [InlineData("""{"distribution":{"by_type":{"worker":1}},"agents":[{"agent_id":"x","type":"worker"}],"seed":1}""")]
    public async Task Fleet_WithAnyDistribution_IsRegistered(string fleet)
    {
        JsonElement taken = (await _server.PostAsync("/api/v1/stress-test/fleet", fleet, StressServer.TestTenant)).Json;
        Assert.Equal(("success", 1, 1), (taken.Text("status"), taken.GetProperty("agents_ingested").GetInt32(), taken.GetProperty("agents_by_type").GetProperty("worker").GetInt32()));
        await _server.PostAsync("/api/v1/stress-test/fleet", fleet, StressServer.TestTenant);
        JsonElement agent = (await _server.GetAsync("/api/v1/agents/x", StressServer.TestTenant)).Json;
        Assert.Equal(("custom", "worker", "simulated"), (agent.Text("kind"), agent.Text("category"), agent.Text("specialist")));
        Assert.Equal(1, (await _server.GetAsync("/api/v1/aoa/agents/summary", StressServer.TestTenant)).Json.GetProperty("total").GetInt32());
    }

    [Theory]
    [InlineData("fleet", """{"agents":[{"name":"x"}]}""", "agents/0")]
    [InlineData("fleet", """{"agents":[{"agent_id":"x"},{"agent_id":"x"}]}""", "agents/1/agent_id")]
    [InlineData("fleet", """{"agents":[{"agent_id":"x","reliability":{"success_rate":2}}]}""", "agents/0/reliability/success_rate")]
    [InlineData("fleet", "[]", "")]
    [InlineData("scenario", "[]", "scenario_id")]
    [InlineData("scenario", """{"workflows":[]}""", "scenario_id")]
    [InlineData("scenario", """{"scenario_id":"s","__expected__":{"expected_completion_rate":7},"workflows":[{"workflow_id":"w","tasks":[{"task_id":"a"}]}]}""", "__expected__/expected_completion_rate")]
    [InlineData("scenario", """{"scenario_id":"s","workflows":7}""", "workflows")]
    [InlineData("scenario", """{"scenario_id":"s","workflows":[{"workflow_id":"w","tasks":[{"task_id":"a","depends_on":["b"]}]}]}""", "workflows/0/tasks/0/depends_on")]
    [InlineData("scenario", """{"scenario_id":"s","simulation":{"without":["sleep"]},"workflows":[{"workflow_id":"w","tasks":[{"task_id":"a"}]}]}""", "simulation/without")]
    [InlineData("scenario", """{"scenario_id":"s","agents":[{"agent_id":"x"}],"agent_assignments":{"w":{"a":"ghost"}},"workflows":[{"workflow_id":"w","tasks":[{"task_id":"a"}]}]}""", "agent_assignments/w/a")]
    [InlineData("workflow", """{"workflow_id":"w","tasks":[{"task_id":"a"}],"chaos_injections":[{"type":"rate_limit"}]}""", "chaos_injections/0")]
    [InlineData("workflow", """{"workflow_id":"w","tasks":[{"task_id":"a"}],"chaos_injections":[{"task_id":"b","type":"rate_limit"}]}""", "chaos_injections/0")]
    [InlineData("workflow", """{"workflow_id":"w","tasks":[{"task_id":"a"}],"chaos_injections":[{"task_id":"a","type":"earthquake"}]}""", "chaos_injections/0")]
    [InlineData("workflow", """{"workflow_id":"w","tasks":[{"task_id":"a"},{"task_id":"a"}]}""", "tasks/1/task_id")]
    [InlineData("workflow", """{"workflow_id":"w","tasks":[{"task_id":"a","chaos_injection":{"type":"earthquake"}}]}""", "tasks/0/chaos_injection")]
    [InlineData("workflow", """{"workflow_id":"w","tasks":[{"task_id":"a","chaos_injection":{"type":"rate_limit","trigger_probability":7}}]}""", "tasks/0/chaos_injection/trigger_probability")]
    [InlineData("workflow", """{"workflow_id":"w","tasks":[{"task_id":"a","expected_duration_ms":-1}]}""", "tasks/0/expected_duration_ms")]
    [InlineData("workflow", """{"workflow_id":"w","tasks":[{"task_id":"a","depends_on":["b"]},{"task_id":"b","depends_on":["a"]},{"task_id":"c","depends_on":["d"]},{"task_id":"d","depends_on":["c"]}]}""", "tasks")]
    public async Task Submission_ThatCannotBeRun_IsRefusedWithItsPlace(string what, string body, string place)
    {
        JsonElement problem = (await _server.PostAsync($"/api/v1/stress-test/{what}", body)).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Contains(place, problem.GetProperty("errors").EnumerateArray().Select(e => e.Text("pointer")));
    }

    [Fact]
    public async Task Workflow_WithItsFaultsBesideItsTasks_IsStruckByThem()
    {
        Answer sent = await _server.PostAsync("/api/v1/stress-test/workflow", """{"workflow_id":"w","tasks":[{"task_id":"a","max_retries":2},{"task_id":"b","depends_on":["a"]}],"chaos_injections":[{"task_id":"a","type":"rate_limit"}]}""");
        JsonElement result = await _server.UntilAsync($"/api/v1/stress-test/execution/{sent.Json.Text("execution_id")}", r => r.Text("status") is "completed" or "failed");
        Assert.Equal("completed", result.Text("status"));
        Assert.Equal(["rate_limit", null], result.GetProperty("task_results").EnumerateArray().Select(t => t.Text("chaos_type")));
    }

    [Fact]
    public async Task Workflow_ByItself_IsRunOnceForItsKey()
    {
        Answer first = await _server.PostAsync("/api/v1/stress-test/workflow", Workflow, ("Idempotency-Key", "k1"));
        Answer second = await _server.PostAsync("/api/v1/stress-test/workflow", Workflow, ("Idempotency-Key", "k1"));
        string execution = first.Json.Text("execution_id")!;
        Assert.Equal(execution, second.Json.Text("execution_id"));
        (await _server.PostAsync("/api/v1/stress-test/workflow", Workflow.Replace("w1", "w2", StringComparison.Ordinal), ("Idempotency-Key", "k1"))).Problem(HttpStatusCode.UnprocessableEntity, "IDEMPOTENCY_KEY_REUSED");
        JsonElement result = await _server.UntilAsync($"/api/v1/stress-test/execution/{execution}", r => r.Text("status") is "completed" or "failed");
        Assert.Equal(("w1", "completed", 2), (result.Text("workflow_id"), result.Text("status"), result.GetProperty("tasks_completed").GetInt32()));
        (await _server.GetAsync("/api/v1/stress-test/execution/01ARZ3NDEKTSV4RRFFQ69G5FAV")).Problem(HttpStatusCode.NotFound, "STRESS_TEST_NOT_FOUND");
    }

    [Fact]
    public async Task Scenario_SubmittedAgainWhileUnderWay_IsTheSameAndAnotherOfItsNameIsRefused()
    {
        JsonObject scenario = JsonNode.Parse("""{"scenario_id":"s","simulation":{"time":"real"},"workflows":[{"workflow_id":"w","tasks":[{"task_id":"a","expected_duration_ms":1500}]}]}""")!.AsObject();
        await _server.PostAsync("/api/v1/stress-test/scenario", scenario.ToJsonString());
        Assert.Equal(HttpStatusCode.OK, (await _server.PostAsync("/api/v1/stress-test/scenario", scenario.ToJsonString())).Status);
        JsonElement active = await _server.UntilAsync("/api/v1/aoa/workflows/active", r => r.GetProperty("total").GetInt32() == 1);
        Assert.Equal("w", active.GetProperty("workflows")[0].Text("workflow_id"));
        scenario["seed"] = 5;
        (await _server.PostAsync("/api/v1/stress-test/scenario", scenario.ToJsonString())).Problem(HttpStatusCode.Conflict, "SCENARIO_UNDER_WAY");
        JsonElement running = (await _server.GetAsync("/api/v1/stress-test/scenario/s")).Json;
        Assert.Equal(("running", "PENDING"), (running.Text("status"), running.Verdict()));
        Assert.Equal(1, (await _server.ResultAsync("s")).GetProperty("workflows_completed").GetInt32());
    }

    [Fact]
    public async Task Cycle_OfAWorkflow_IsDoneSoOftenAndItsFaultStrikesOnce()
    {
        JsonElement result = await _server.RunAsync(JsonNode.Parse("""
            { "scenario_id": "cyclic", "workflows": [{ "workflow_id": "w", "type": "cyclic", "cycle": { "from": "c", "to": "b", "max_iterations": 3 }, "tasks": [
              { "task_id": "a" },
              { "task_id": "b", "depends_on": ["a", "c"], "max_retries": 2, "chaos_injection": { "type": "tool_failure" } },
              { "task_id": "c", "depends_on": ["b"] },
              { "task_id": "d", "depends_on": ["c"] } ] }] }
            """)!);
        Assert.Equal((4, 1, 1), (result.GetProperty("tasks_completed").GetInt32(), result.GetProperty("chaos_events_total").GetInt32(), result.GetProperty("chaos_events_recovered").GetInt32()));
        string run = result.Workflows().Single().Text("run_id")!;
        JsonElement view = (await _server.GetAsync($"/api/v1/runs/{run}", StressServer.TestTenant)).Json;
        Assert.Equal(["t1", "t2", "t3", "t2", "t3", "t2", "t3", "t4"], view.GetProperty("path").EnumerateArray().Select(p => p.GetString()));
    }

    [Fact]
    public async Task Scenario_WithNullForItsAgents_TakesTheRegisteredOnes()
    {
        await _server.PostAsync("/api/v1/stress-test/fleet", """{"agents":[{"agent_id":"mine","type":"worker"}]}""", StressServer.TestTenant);
        JsonElement result = await _server.RunAsync(JsonNode.Parse("""{"scenario_id":"s","agents":null,"workflows":[{"workflow_id":"w","tasks":[{"task_id":"a"}]}]}""")!);
        Assert.Equal("mine", result.TaskResults().Single().Text("assigned_agent_id"));
    }

    [Fact]
    public async Task Events_OfACycle_TellOfItsRecoveryOnce()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var events = new List<(string Id, JsonElement Data)>();
        using HttpResponseMessage stream = await ListenAsync(null, stop.Token);
        _ = await _server.PostAsync("/api/v1/stress-test/scenario", """
            { "scenario_id": "cyclic", "workflows": [{ "workflow_id": "w", "type": "cyclic", "cycle": { "from": "b", "to": "a", "max_iterations": 3 }, "tasks": [
              { "task_id": "a", "depends_on": ["b"], "max_retries": 2, "chaos_injection": { "type": "tool_failure" } },
              { "task_id": "b", "depends_on": ["a"] } ] }] }
            """, StressServer.TestTenant);
        await ReadAsync(stream, events, e => e.Text("type") == "scenario.completed", stop.Token);
        string[] types = [.. events.Select(e => e.Data.Text("type")!)];
        Assert.Equal((1, 1, 6), (types.Count(t => t == "chaos.injected"), types.Count(t => t == "chaos.recovered"), types.Count(t => t == "agent.completed_task")));
    }

    [Fact]
    public async Task Timeseries_OfAMetric_HasWhatEnded()
    {
        await _server.RunAsync(StressServer.OneFault("rate_limit"));
        JsonElement series = (await _server.GetAsync("/api/v1/aoa/metrics/timeseries?metric=tasks&window=1h&step=1m", StressServer.TestTenant)).Json;
        Assert.Equal(3, series.GetProperty("points").EnumerateArray().Sum(p => p.GetProperty("value").GetDouble()));
        (await _server.GetAsync("/api/v1/aoa/metrics/timeseries?metric=weather")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
        (await _server.GetAsync("/api/v1/aoa/metrics/timeseries?window=120m&step=1s")).Problem(HttpStatusCode.BadRequest, "PARAMETER_INVALID");
    }

    [Fact]
    public async Task Events_OfAScenario_TellWhatHappensAndResume()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var events = new List<(string Id, JsonElement Data)>();
        using (HttpResponseMessage stream = await ListenAsync(null, stop.Token))
        {
            Assert.Equal("text/event-stream", stream.Content.Headers.ContentType!.MediaType);
            _ = await _server.PostAsync("/api/v1/stress-test/scenario", StressServer.OneFault("tool_failure").ToJsonString(), StressServer.TestTenant);
            await ReadAsync(stream, events, e => e.Text("type") == "scenario.completed", stop.Token);
        }

        string[] types = [.. events.Select(e => e.Data.Text("type")!)];
        foreach (string type in new[] { "agent.registered", "scenario.started", "workflow.started", "agent.started_task", "chaos.injected", "chaos.recovered", "agent.completed_task", "workflow.progress", "workflow.completed", "scenario.progress" })
        {
            Assert.Contains(type, types);
        }

        Assert.Equal((1, 1, 1, 3), (types.Count(t => t == "chaos.injected"), types.Count(t => t == "chaos.recovered"), types.Count(t => t == "workflow.completed"), types.Count(t => t == "agent.completed_task")));
        JsonElement chaos = events.First(e => e.Data.Text("type") == "chaos.injected").Data;
        Assert.Equal(("tool_failure", "compensate_or_fail", "struck", "w"), (chaos.Text("chaos_type"), chaos.Text("recovery_action"), chaos.Text("task_id"), chaos.Text("workflow_id")));

        // Whoever comes back after the third event gets the rest, each once.
        var rest = new List<(string Id, JsonElement Data)>();
        using HttpResponseMessage again = await ListenAsync(events[2].Id, stop.Token);
        await ReadAsync(again, rest, e => e.Text("type") == "scenario.completed", stop.Token);
        Assert.Equal(events.Skip(3).Select(e => e.Id), rest.Select(e => e.Id));
    }

    private async Task<HttpResponseMessage> ListenAsync(string? after, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/aoa/events");
        request.Headers.Add("X-Tenant-ID", "test-tenant");
        if (after is not null)
        {
            request.Headers.Add("Last-Event-ID", after);
        }

        return await _server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
    }

    private static async Task ReadAsync(HttpResponseMessage stream, List<(string, JsonElement)> events, Func<JsonElement, bool> isLast, CancellationToken stop)
    {
        using var reader = new StreamReader(await stream.Content.ReadAsStreamAsync(stop));
        string id = "";
        while (await reader.ReadLineAsync(stop) is { } line)
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                id = line[4..];
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                events.Add((id, JsonElement.Parse(line[6..])));
                if (isLast(events[^1].Item2))
                {
                    return;
                }
            }
        }
    }

    [Fact]
    public async Task Workflows_BeyondWhatMayWait_AreRefusedAndNothingTakenIsLost()
    {
        const int Most = 12;
        await using RunningServer small = await RunningServer.StartAsync(o => o with { MaxQueued = Most });
        // In real time, so that they are still under way when the next one comes.
        string Workflow(int i) => $$"""{"workflow_id":"w{{i}}","simulation":{"time":"real"},"tasks":[{"task_id":"t","expected_duration_ms":1500}]}""";
        var taken = new List<string>();
        int refused = 0;
        for (int i = 0; i < 3 * Most; i++)
        {
            Answer answer = await small.PostAsync("/api/v1/stress-test/workflow", Workflow(i), StressServer.TestTenant);
            if (answer.Status == HttpStatusCode.OK)
            {
                taken.Add(answer.Json.Text("execution_id")!);
                continue;
            }

            JsonElement problem = answer.Problem(HttpStatusCode.TooManyRequests, "RATE_LIMITED");
            Assert.True(problem.GetProperty("retryable").GetBoolean());
            Assert.True(answer.Headers.RetryAfter!.Delta > TimeSpan.Zero);
            refused++;
        }

        Assert.True(refused > 0, $"All {taken.Count} were taken.");
        Assert.InRange(taken.Count, Most, (3 * Most) - 1);
        (await small.PostAsync("/api/v1/stress-test/scenario", StressServer.Scenario(AgentFlow.Farm.Generation.Scale.Small, Most + 1, 0, 1).ToJsonString(), StressServer.TestTenant)).Problem(HttpStatusCode.TooManyRequests, "RATE_LIMITED");
        foreach (string execution in taken)
        {
            JsonElement result = await small.UntilAsync($"/api/v1/stress-test/execution/{execution}", r => r.Text("status") is "completed" or "failed" or "partial", StressServer.TestTenant);
            Assert.Equal("completed", result.Text("status"));
        }

        JsonElement counted = (await small.GetAsync("/api/v1/aoa/dashboard", StressServer.TestTenant)).Json.GetProperty("workflows");
        Assert.Equal((taken.Count, 0, 0), (counted.GetProperty("completed").GetInt32(), counted.GetProperty("failed").GetInt32(), counted.GetProperty("pending").GetInt32()));
        // There is room again.
        Assert.Equal(HttpStatusCode.OK, (await small.PostAsync("/api/v1/stress-test/workflow", Workflow(99), StressServer.TestTenant)).Status);
    }
}
