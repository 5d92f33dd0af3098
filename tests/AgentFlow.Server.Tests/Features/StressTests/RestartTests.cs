using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Farm.Generation;

namespace AgentFlow.Server.Tests.Features.StressTests;

/// <summary>A server that stops in the middle of a scenario: the next one goes on with it.</summary>
public sealed class RestartTests
{
    [Fact]
    public async Task Scenario_OfAServerThatStops_IsFinishedByTheNext()
    {
        JsonObject scenario = StressServer.Scenario(Scale.Small, 6, 0.5, 5);
        string accelerated;
        await using (RunningServer other = await RunningServer.StartAsync())
        {
            accelerated = Statuses(await other.RunAsync(scenario));
        }

        scenario["simulation"] = JsonNode.Parse("""{"time":"real"}""");
        foreach (JsonObject task in StressServer.Tasks(scenario))
        {
            task["expected_duration_ms"] = 60;
        }

        await using RunningServer first = await RunningServer.StartAsync();
        await first.PostAsync("/api/v1/stress-test/scenario", scenario.ToJsonString(), StressServer.TestTenant);
        await first.UntilAsync($"/api/v1/stress-test/scenario/{scenario["scenario_id"]}", r => r.GetProperty("workflows_completed").GetInt32() > 0);
        await using RunningServer second = await first.RestartAsync();
        JsonElement result = await second.ResultAsync(scenario["scenario_id"]!.GetValue<string>());
        Assert.Equal(accelerated, Statuses(result));
        Assert.Equal("PASS", result.Verdict());
    }

    private static string Statuses(JsonElement result) => string.Join('\n', result.TaskResults().Select(t => $"{t.Text("task_id")} {t.Text("status")} {t.GetProperty("retry_count")} {t.Text("chaos_type")}"));
}
