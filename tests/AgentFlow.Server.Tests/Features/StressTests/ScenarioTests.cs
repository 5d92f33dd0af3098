using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Farm.Generation;

namespace AgentFlow.Server.Tests.Features.StressTests;

/// <summary>Whole scenarios of FARM: what can be recovered from is, what cannot is said, and the same seed comes to the same.</summary>
public sealed class ScenarioTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("small", 5, 0.2, 3)]
    [InlineData("small", 5, 0.5, 42)]
    [InlineData("medium", 20, 0.5, 7)]
    // A harsh one: most of its workflows cannot complete.
    [InlineData("large", 20, 0.5, 1)]
    public Task Scenario_OfASeed_IsJudgedAsItDeserves(string scale, int workflows, double chaosRate, long seed) => JudgeAsync(scale, workflows, chaosRate, seed);

    [Theory]
    [Trait("Suite", "slow")]
    [InlineData("small", 5)]
    [InlineData("medium", 20)]
    [InlineData("large", 50)]
    public async Task Scenario_OfTwentySeeds_IsJudgedAsItDeserves(string scale, int workflows)
    {
        int recoverable = 0;
        foreach (double chaosRate in new[] { 0.2, 0.5 })
        {
            for (int seed = 100; seed < 120; seed++)
            {
                recoverable += await JudgeAsync(scale, workflows, chaosRate, seed) ? 1 : 0;
            }
        }

        Assert.InRange(recoverable, 36, 40);
    }

    [Fact]
    public async Task RealTime_OfAScenario_ComesToTheSame()
    {
        JsonObject quick = Short(StressServer.Scenario(Scale.Small, 2, 0.5, 11));
        JsonElement accelerated = await _server.RunAsync(quick);
        quick["simulation"] = JsonNode.Parse("""{"time":"real"}""");
        JsonElement real = await _server.RunAsync(quick);
        Assert.Equal(Outcomes(accelerated), Outcomes(real));
        Assert.Equal(accelerated.Text("outcome_hash"), real.Text("outcome_hash"));
        // In real time it is another workflow file, and with it another journal: the same as that of real time once more.
        Assert.Equal(real.Text("journal_hash"), (await _server.RunAsync(quick)).Text("journal_hash"));
        Assert.True(real.GetProperty("total_duration_ms").GetInt64() > accelerated.GetProperty("simulated_duration_ms").GetInt64() / 4, "Real time did not pass.");
    }

    [Fact]
    public async Task Policies_OfAgents_HoldAndChangeNoOutcome()
    {
        JsonObject Fleet(string policy) => JsonNode.Parse($$"""
            {
              "scenario_id": "paced", "seed": 7,
              "agents": [{ "agent_id": "agent-a", "type": "worker", "cost": { "per_invocation": 0.01 }, "policy": {{policy}} }],
              "workflows": [
                {{string.Join(',', Enumerable.Range(0, 4).Select(w => $$"""{ "workflow_id": "w{{w}}", "tasks": [{ "task_id": "w{{w}}-a", "tools_required": ["deployer"] }, { "task_id": "w{{w}}-b", "depends_on": ["w{{w}}-a"], "tools_required": ["linter"] }] }"""))}}
              ]
            }
            """)!.AsObject();

        JsonElement free = await _server.RunAsync(Fleet("{}"));
        // Eight tasks at two a minute are three minutes of waiting, of which nobody sees one.
        JsonElement held = await _server.RunAsync(Fleet("""{"rate_limits":{"requests_per_minute":2},"max_concurrent_tasks":1,"requires_approval":["deployer"],"requires_approval_above":100}"""));
        Assert.Equal(("PASS", "PASS"), (free.Verdict(), held.Verdict()));
        Assert.Equal(Outcomes(free), Outcomes(held));
        Assert.Equal(180_000, held.TaskResults().Sum(t => t.TryGetProperty("waited_ms", out JsonElement waited) ? waited.GetInt64() : 0));
        Assert.Equal(0, held.GetProperty("chaos_events_total").GetInt32());
        JsonElement[] journals = await Task.WhenAll(held.Workflows().Select(async w => (await _server.GetAsync($"/api/v1/runs/{w.Text("run_id")}/events?limit=1000", StressServer.TestTenant)).Json));
        JsonElement[] events = [.. journals.SelectMany(j => j.GetProperty("items").EnumerateArray())];
        Assert.Equal((4, 4, 8, 8), (events.Count(e => e.Text("type") == "approval_requested"), events.Count(e => e.Text("type") == "approval_decided"), events.Count(e => e.Text("type") == "place_granted"), events.Count(e => e.Text("type") == "step_started")));

        JsonElement dear = await _server.RunAsync(Fleet("""{"requires_approval_above":0.005}"""));
        Assert.Equal((4, 4), (dear.GetProperty("workflows_completed").GetInt32(), free.GetProperty("workflows_completed").GetInt32()));
        Assert.Equal(12, (await _server.GetAsync("/api/v1/aoa/dashboard", StressServer.TestTenant)).Json.GetProperty("approvals").GetProperty("approved_today").GetInt32());
    }

    [Fact]
    public async Task MonthlyCap_OfAnAgent_HoldsForAllWorkflowsAndAcrossARestart()
    {
        JsonNode Scenario(string id, string cap) => JsonNode.Parse($$"""
            {
              "scenario_id": "{{id}}", "seed": 7,
              "agents": [{ "agent_id": "agent-a", "type": "worker", "cost": { "per_invocation": 0.01, "monthly_cap": {{cap}} } }],
              "workflows": [
                {{string.Join(',', Enumerable.Range(0, 4).Select(w => $$"""{ "workflow_id": "w{{w}}", "tasks": [{ "task_id": "w{{w}}-a" }, { "task_id": "w{{w}}-b" }] }"""))}}
              ]
            }
            """)!;

        // Eight tasks of a cent each, and five cents to spend.
        JsonElement capped = await _server.RunAsync(Scenario("capped", "0.05"));
        Assert.Equal((5, 3), (capped.GetProperty("tasks_completed").GetInt32(), capped.GetProperty("tasks_failed").GetInt32()));
        Assert.Equal(0.05m, capped.GetProperty("total_cost_usd").GetDecimal());
        Assert.All(capped.TaskResults().Where(t => t.Text("status") != "completed"), t => Assert.StartsWith("BUDGET_EXCEEDED: The registered agent 'agent-a' may spend $0.05 a month, ", t.Text("error_message")));
        JsonElement refused = (await _server.GetAsync($"/api/v1/runs/{capped.Workflows().First(w => w.Text("status") != "completed").Text("run_id")}/events?limit=1000", StressServer.TestTenant)).Json;
        Assert.Contains(refused.GetProperty("items").EnumerateArray(), e => e.Text("type") == "step_denied");

        _server = await _server.RestartAsync();
        JsonElement later = await _server.RunAsync(Scenario("later", "0.05"));
        Assert.Equal((0, 8), (later.GetProperty("tasks_completed").GetInt32(), later.GetProperty("tasks_failed").GetInt32()));
        // What was spent stays spent when there is more to spend.
        JsonElement raised = await _server.RunAsync(Scenario("raised", "0.08"));
        Assert.Equal(3, raised.GetProperty("tasks_completed").GetInt32());
        Assert.Equal("PASS", (await _server.RunAsync(Scenario("free", "null"))).Verdict());
    }

    [Fact]
    public async Task Cap_ThatCannotBeRead_IsRefusedWithTheFleet()
    {
        JsonElement problem = (await _server.PostAsync("/api/v1/stress-test/fleet", """{"agents":[{"agent_id":"a","cost":{"monthly_cap":-1}}]}""", StressServer.TestTenant)).Problem(System.Net.HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Equal("agents/0/cost/monthly_cap", problem.GetProperty("errors")[0].GetProperty("pointer").GetString());
    }

    [Fact]
    public async Task Policy_ThatCannotBeRead_IsRefusedWithTheFleet()
    {
        JsonElement problem = (await _server.PostAsync("/api/v1/stress-test/fleet", """{"agents":[{"agent_id":"a","policy":{"rate_limits":{"requests_per_minute":-1}}}]}""", StressServer.TestTenant)).Problem(System.Net.HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");
        Assert.Equal("agents/0/policy", problem.GetProperty("errors")[0].GetProperty("pointer").GetString());
    }

    /// <returns>Whether all of it could be recovered from.</returns>
    private async Task<bool> JudgeAsync(string scale, int workflows, double chaosRate, long seed)
    {
        JsonObject scenario = StressServer.Scenario(Scale.Named(scale), workflows, chaosRate, seed);
        JsonNode expected = scenario["__expected__"]!;
        bool isRecoverable = expected["chaos_recovery_possible"]!.GetValue<bool>();
        string which = string.Create(CultureInfo.InvariantCulture, $"{scale}, {workflows} workflows, chaos {chaosRate}, seed {seed}");
        JsonElement result = await _server.RunAsync(scenario);
        Assert.True(!isRecoverable || (result.Verdict() == "PASS" && result.Rate("chaos_recovery_rate") >= 0.95), $"{which}: {result.Verdict()} {result.Findings()}");
        Assert.True(isRecoverable || expected["expected_verdict"]!.GetValue<string>() == "PASS" || result.Verdict() != "PASS", $"{which}: beyond recovery, and it passed.");

        // Every workflow and every task is accounted for, once.
        JsonArray sent = scenario["workflows"]!["workflows"]!.AsArray();
        Assert.Equal(sent.Select(w => w!["workflow_id"]!.GetValue<string>()), result.Workflows().Select(w => w.Text("workflow_id")!));
        Assert.Equal(workflows, result.GetProperty("workflows_completed").GetInt32() + result.GetProperty("workflows_failed").GetInt32());
        Assert.Equal(result.GetProperty("total_tasks").GetInt32(), result.GetProperty("tasks_completed").GetInt32() + result.GetProperty("tasks_failed").GetInt32() + result.GetProperty("tasks_skipped").GetInt32());
        Assert.Equal(result.TaskResults().Count(), result.TaskResults().Select(t => t.Text("task_id")).Distinct().Count());
        foreach ((JsonNode? workflow, JsonElement outcome) in sent.Zip(result.Workflows()))
        {
            string wanted = workflow!["__expected__"]!["expected_status"]!.GetValue<string>();
            Assert.True(wanted == outcome.Text("status") || (wanted != "completed" && outcome.Text("status") is "partial" or "failed"), $"{which}: {outcome.Text("workflow_id")} is {outcome.Text("status")} instead of {wanted}: {outcome.Text("error_message")}");
        }

        JsonElement again = await _server.RunAsync(scenario);
        Assert.True(result.Text("outcome_hash") == again.Text("outcome_hash"), $"{which}: another outcome of the same seed");
        Assert.All(result.Workflows().Zip(again.Workflows()), w => Assert.True(w.First.Text("journal_hash")!.Length == 64 && w.First.Text("journal_hash") == w.Second.Text("journal_hash"), $"{which}: {w.First.Text("workflow_id")} has another journal of the same seed"));
        Assert.Equal(result.Text("journal_hash"), again.Text("journal_hash"));
        return isRecoverable;
    }

    private static string Outcomes(JsonElement result) => string.Join('\n', result.TaskResults().Select(t => $"{t.Text("task_id")} {t.Text("status")} {t.GetProperty("retry_count")} {t.Text("chaos_type")} {t.Text("recovery")}"));

    /// <summary>The same with durations that a test can wait for.</summary>
    private static JsonObject Short(JsonObject scenario)
    {
        foreach (JsonObject task in StressServer.Tasks(scenario))
        {
            task["expected_duration_ms"] = 20;
        }

        return scenario;
    }
}
