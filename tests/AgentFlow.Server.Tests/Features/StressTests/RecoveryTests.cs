using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentFlow.Server.Tests.Features.StressTests;

/// <summary>Each fault, what recovers from it, and what becomes of it when that is switched off.</summary>
public sealed class RecoveryTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    /// <summary>Type, task type, parameters, the mechanism that recovers.</summary>
    public static TheoryData<string, string, string, string> Faults => new()
    {
        { "tool_timeout", "api_call", """{"attempts_affected":2}""", "retry" },
        { "tool_failure", "compute", """{"attempts_affected":2,"recoverable":true}""", "retry" },
        { "agent_conflict", "decision", """{"conflicting_agents":3}""", "adjudicate" },
        { "policy_violation", "io_write", "{}", "approve" },
        { "checkpoint_crash", "checkpoint", "{}", "rebuild" },
        { "memory_pressure", "aggregation", """{"excess_tokens":4000}""", "summarize" },
        { "rate_limit", "api_call", """{"attempts_affected":2}""", "backoff" },
        { "data_corruption", "io_read", """{"repairable":true}""", "repair" },
        { "network_partition", "notification", """{"attempts_affected":3}""", "queue" },
    };

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Fault_WithItsMechanism_IsRecoveredFromAndWithoutItIsNot(string type, string task, string parameters, string mechanism)
    {
        JsonElement result = await _server.RunAsync(StressServer.OneFault(type, task, parameters));
        JsonElement struck = result.Struck();
        Assert.Equal(("PASS", "completed", type, true), (result.Verdict(), struck.Text("status"), struck.Text("chaos_type"), struck.GetProperty("chaos_recovered").GetBoolean()));
        Assert.Contains(mechanism, struck.Text("recovery")!.Split(", "));

        JsonElement without = await _server.RunAsync(StressServer.OneFault(type, task, parameters, simulation: $$"""{"without":["{{mechanism}}"]}"""));
        Assert.Equal("FAIL", without.Verdict());
        Assert.False(without.Struck().GetProperty("chaos_recovered").GetBoolean());
        Assert.DoesNotContain(mechanism, without.Struck().Text("recovery") ?? "");
        Assert.Equal(0, without.Rate("chaos_recovery_rate"));
        Assert.Contains(type, without.Findings());
        Assert.Contains($"Switched off by the submitter: {mechanism}", without.Findings());
        // What depends on it was not begun, and what came before it stands.
        Assert.Equal((1, 1, 1), (without.GetProperty("tasks_completed").GetInt32(), without.GetProperty("tasks_failed").GetInt32(), without.GetProperty("tasks_skipped").GetInt32()));
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Fault_TakenOutOfItsTask_IsGoneAndNothingElseIs(string type, string task, string parameters, string mechanism)
    {
        JsonElement with = await _server.RunAsync(StressServer.OneFault(type, task, parameters));
        JsonObject scenario = StressServer.OneFault(type, task, parameters);
        scenario["workflows"]![0]!["tasks"]![1]!.AsObject().Remove("chaos_injection");
        JsonElement result = await _server.RunAsync(scenario);
        Assert.Equal((0, false, 0), (result.GetProperty("chaos_events_total").GetInt32(), result.Struck().GetProperty("chaos_occurred").GetBoolean(), result.Struck().GetProperty("retry_count").GetInt32()));
        Assert.Null(result.Struck().Text("recovery"));
        Assert.NotEmpty(mechanism);
        // The same workflow file ran: what was planted is no part of it.
        Assert.Equal(await WorkflowAsync(with), await WorkflowAsync(result));
        Assert.Equal(with.TaskResults().First().ToString().Split("\"started_at\"")[0], result.TaskResults().First().ToString().Split("\"started_at\"")[0]);
    }

    [Theory]
    [InlineData("tool_timeout", "api_call", """{"attempts_affected":4}""", "timeout")]
    [InlineData("tool_failure", "compute", """{"recoverable":false}""", "failed")]
    [InlineData("rate_limit", "api_call", """{"attempts_affected":3}""", "failed")]
    [InlineData("network_partition", "notification", """{"attempts_affected":4}""", "failed")]
    [InlineData("data_corruption", "io_read", """{"repairable":false}""", "failed")]
    [InlineData("policy_violation", "io_write", """{"auto_approve":false}""", "failed")]
    public async Task Fault_BeyondRecovery_FailsHonestly(string type, string task, string parameters, string status)
    {
        JsonElement result = await _server.RunAsync(StressServer.OneFault(type, task, parameters));
        Assert.Equal(("FAIL", status, false), (result.Verdict(), result.Struck().Text("status"), result.Struck().GetProperty("chaos_recovered").GetBoolean()));
        Assert.Equal("failed", result.Workflows().Single().Text("status"));
    }

    [Fact]
    public async Task Failure_OfATaskWithACompensation_UndoesWhatWasDoneAndIsPartial()
    {
        JsonObject scenario = StressServer.OneFault("tool_failure", "api_call", """{"recoverable":false}""", ", \"compensation\": \"Undo it\"");
        scenario["workflows"]![0]!["tasks"]![0]!["compensation"] = "Undo the first";
        JsonElement result = await _server.RunAsync(scenario);
        Assert.Equal(("partial", "compensate", 1.0), (result.Workflows().Single().Text("status"), result.Struck().Text("recovery"), result.Rate("chaos_recovery_rate")));
        string run = result.Workflows().Single().Text("run_id")!;
        JsonElement saga = (await _server.GetAsync($"/api/v1/runs/{run}/saga", StressServer.TestTenant)).Json;
        Assert.Contains("compensated", saga.ToString());

        scenario["simulation"] = JsonNode.Parse("""{"without":["compensate"]}""");
        JsonElement without = await _server.RunAsync(scenario);
        Assert.Equal(("failed", 0.0), (without.Workflows().Single().Text("status"), without.Rate("chaos_recovery_rate")));
    }

    [Fact]
    public async Task Crash_LosesTheRunsMemoryAndRepeatsNothingThatWasDone()
    {
        JsonElement result = await _server.RunAsync(StressServer.OneFault("checkpoint_crash", "checkpoint"));
        string run = result.Workflows().Single().Text("run_id")!;
        string[] events = [.. (await _server.GetAsync($"/api/v1/runs/{run}/events", StressServer.TestTenant)).Json.GetProperty("items").EnumerateArray().Select(e => e.Text("type")!)];
        Assert.Equal((1, 1), (events.Count(e => e == "run_recovered"), events.Count(e => e == "step_unknown")));
        Assert.Equal(3, events.Count(e => e == "step_succeeded"));
    }

    [Fact]
    public async Task Decision_OfTheArbitrator_StandsInTheJournal()
    {
        JsonElement result = await _server.RunAsync(StressServer.OneFault("agent_conflict", "decision", """{"conflicting_agents":3}"""));
        string run = result.Workflows().Single().Text("run_id")!;
        string journal = (await _server.GetAsync($"/api/v1/runs/{run}/events", StressServer.TestTenant)).Text;
        Assert.Contains("\"decided_by\":\"arbitrator\"", journal);
        Assert.Contains("\"type\":\"remedy_started\"", journal);
        Assert.Contains("\"type\":\"step_rejected\"", journal);
    }

    [Fact]
    public async Task Probability_OfAFault_IsDrawnBySeed()
    {
        int[] struck = new int[2];
        for (int seed = 0; seed < 12; seed++)
        {
            JsonObject scenario = StressServer.OneFault("tool_failure", "compute");
            scenario["seed"] = seed;
            scenario["workflows"]![0]!["tasks"]![1]!["chaos_injection"]!["trigger_probability"] = 0.5;
            int first = (await _server.RunAsync(scenario)).GetProperty("chaos_events_total").GetInt32();
            Assert.Equal(first, (await _server.RunAsync(scenario)).GetProperty("chaos_events_total").GetInt32());
            struck[first]++;
        }

        Assert.All(struck, n => Assert.InRange(n, 1, 11));
    }

    private async Task<string> WorkflowAsync(JsonElement result) =>
        (await _server.GetAsync($"/api/v1/runs/{result.Workflows().Single().Text("run_id")}", StressServer.TestTenant)).Json.Text("workflow")!;
}
