using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Farm;
using AgentFlow.Farm.Generation;

namespace AgentFlow.Server.Tests.Features.StressTests;

/// <summary>Scenarios of the real FARM, and the real server that they are sent to.</summary>
internal static class StressServer
{
    public static readonly (string, string) TestTenant = ("X-Tenant-ID", "test-tenant");

    public static JsonObject Scenario(Scale scale, int workflows, double chaosRate, long seed, Action<JsonObject>? change = null)
    {
        JsonObject scenario = JsonNode.Parse(FarmJson.Canonical(ScenarioGenerator.Generate(scale, workflows, chaosRate, seed)))!.AsObject();
        change?.Invoke(scenario);
        return scenario;
    }

    public static IEnumerable<JsonObject> Tasks(JsonObject scenario) =>
        scenario["workflows"]!["workflows"]!.AsArray().SelectMany(w => w!["tasks"]!.AsArray()).Select(t => t!.AsObject());

    /// <summary>Submits a scenario and waits for its result.</summary>
    public static async Task<JsonElement> RunAsync(this RunningServer server, JsonNode scenario)
    {
        Answer queued = await server.PostAsync("/api/v1/stress-test/scenario", scenario.ToJsonString(), TestTenant);
        Assert.True(queued.Status == HttpStatusCode.OK, queued.Text);
        return await server.ResultAsync(queued.Json.GetProperty("scenario_id").GetString()!);
    }

    public static Task<JsonElement> ResultAsync(this RunningServer server, string id) =>
        server.UntilAsync($"/api/v1/stress-test/scenario/{id}", r => r.GetProperty("status").GetString() != "running");

    public static string Verdict(this JsonElement result) => result.GetProperty("verdict").GetString()!;

    public static double Rate(this JsonElement result, string name) => result.GetProperty(name).GetDouble();

    public static IEnumerable<JsonElement> Workflows(this JsonElement result) => result.GetProperty("workflow_results").EnumerateArray();

    public static IEnumerable<JsonElement> TaskResults(this JsonElement result) => result.Workflows().SelectMany(w => w.GetProperty("task_results").EnumerateArray());

    public static string Findings(this JsonElement result) => result.GetProperty("analysis").GetProperty("sections").ToString() + result.GetProperty("analysis").GetProperty("recommendations");

    /// <summary>One task of one workflow with a fault, in a scenario of its own.</summary>
    public static JsonObject OneFault(string type, string taskType = "api_call", string parameters = "{}", string more = "", string simulation = "{}") => JsonNode.Parse($$"""
        {
          "scenario_id": "one-{{type}}", "seed": 7, "simulation": {{simulation}},
          "agents": { "agents": [{ "agent_id": "agent-a", "type": "worker" }] },
          "workflows": [{ "workflow_id": "w", "type": "linear", "tasks": [
            { "task_id": "before", "type": "compute" },
            { "task_id": "struck", "type": "{{taskType}}", "depends_on": ["before"], "retryable": true, "max_retries": 3 {{more}},
              "chaos_injection": { "type": "{{type}}", "parameters": {{parameters}} } },
            { "task_id": "after", "type": "compute", "depends_on": ["struck"] }
          ] }]
        }
        """)!.AsObject();

    public static JsonElement Struck(this JsonElement result) => result.TaskResults().Single(t => t.GetProperty("task_id").GetString() == "struck");

    public static string? Text(this JsonElement element, string name) => element.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;

    public static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");
}
