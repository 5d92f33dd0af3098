using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Cli.Tests.Support;
using AgentFlow.Farm;
using AgentFlow.Farm.Generation;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>
/// <c>af serve</c> is killed with signal 9 at random moments inside scenarios of FARM, and started again on the same database: every
/// scenario ends as one that nobody disturbed, and every task is counted once.
/// </summary>
public sealed class ScenarioKillTests
{
    [Fact]
    public Task Scenario_OfAPlatformThatIsKilled_EndsAsIfItWereNot() => RunAsync(kills: 3, seed: 31);

    [Fact]
    [Trait("Suite", "slow")]
    public Task Scenario_OfAPlatformThatIsKilledTwentyTimes_EndsAsIfItWereNot() => RunAsync(kills: 20, seed: 32);

    private static async Task RunAsync(int kills, int seed)
    {
        using var af = new Af();
        var random = new Random(seed);
        int submitted = 0;
        ServedAf server = await ServedAf.StartAsync(af);
        try
        {
            for (int kill = 0; kill < kills; kill++)
            {
                JsonObject scenario = Scenario(1000 + kill);
                string which = string.Create(CultureInfo.InvariantCulture, $"seed {seed}, kill {kill}");
                scenario["simulation"] = JsonNode.Parse("""{"time":"accelerated"}""");
                JsonElement undisturbed = await ResultAsync(server, await SubmitAsync(server, scenario));

                scenario["simulation"] = JsonNode.Parse("""{"time":"real"}""");
                string id = await SubmitAsync(server, scenario);
                await Task.Delay(random.Next(0, 1500));
                server.Process.SendKill();
                await server.Process.EndAsync();
                server.Dispose();
                server = await ServedAf.StartAsync(af);
                JsonElement result = await ResultAsync(server, id);

                Assert.True(Outcomes(undisturbed) == Outcomes(result), $"{which}: expected\n{Outcomes(undisturbed)}\nand got\n{Outcomes(result)}");
                Assert.Equal(undisturbed.GetProperty("verdict").GetString(), result.GetProperty("verdict").GetString());
                string[] sent = [.. Tasks(scenario).Select(t => t["task_id"]!.GetValue<string>()).Order(StringComparer.Ordinal)];
                Assert.Equal(sent.Length, result.GetProperty("total_tasks").GetInt32());
                Assert.Equal(sent.Length, result.GetProperty("tasks_completed").GetInt32() + result.GetProperty("tasks_failed").GetInt32() + result.GetProperty("tasks_skipped").GetInt32());
                Assert.Equal(Done(result).Length, Done(result).Distinct(StringComparer.Ordinal).Count());
                foreach (JsonElement workflow in result.GetProperty("workflow_results").EnumerateArray())
                {
                    await NothingTwiceAsync(server, workflow.GetProperty("run_id").GetString()!);
                }

                // The same once more in the same time, and nobody disturbs it: what the runs did is the same, value for value.
                JsonElement again = await ResultAsync(server, await SubmitAsync(server, scenario));
                Assert.True(Journals(again) == Journals(result), $"{which}: the journals say\n{Journals(result)}\nafter the kill, and\n{Journals(again)}\nwithout it");

                submitted += 3 * scenario["workflows"]!["workflows"]!.AsArray().Count;
                JsonElement counted = (await GetAsync(server, "/api/v1/aoa/dashboard")).GetProperty("workflows");
                Assert.Equal((submitted, 0), (counted.GetProperty("completed").GetInt32() + counted.GetProperty("failed").GetInt32(), counted.GetProperty("pending").GetInt32()));
            }
        }
        finally
        {
            server.Dispose();
        }
    }

    /// <summary>Real time, but little of it: a scenario takes about as long as the latest kill.</summary>
    private static JsonObject Scenario(long seed)
    {
        JsonObject scenario = JsonNode.Parse(FarmJson.Canonical(ScenarioGenerator.Generate(Scale.Small, 4, 0.4, seed)))!.AsObject();
        foreach (JsonObject task in Tasks(scenario))
        {
            task["expected_duration_ms"] = 150;
        }

        return scenario;
    }

    private static IEnumerable<JsonObject> Tasks(JsonObject scenario) =>
        scenario["workflows"]!["workflows"]!.AsArray().SelectMany(w => w!["tasks"]!.AsArray()).Select(t => t!.AsObject());

    private static async Task<string> SubmitAsync(ServedAf server, JsonObject scenario)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/stress-test/scenario") { Content = new StringContent(scenario.ToJsonString(), Encoding.UTF8, "application/json") };
        using HttpResponseMessage queued = await server.Http.SendAsync(request);
        string body = await queued.Content.ReadAsStringAsync();
        Assert.True(queued.IsSuccessStatusCode, body);
        return JsonElement.Parse(body).GetProperty("scenario_id").GetString()!;
    }

    private static async Task<JsonElement> ResultAsync(ServedAf server, string id)
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        while (true)
        {
            JsonElement result = await GetAsync(server, $"/api/v1/stress-test/scenario/{id}");
            if (result.GetProperty("status").GetString() != "running")
            {
                return result;
            }

            Assert.False(patience.IsCancellationRequested, $"{id} does not end: {result}\n{server.Process.ErrorSoFar}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    private static async Task<JsonElement> GetAsync(ServedAf server, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("X-Tenant-ID", "stress-test-tenant");
        using HttpResponseMessage response = await server.Http.SendAsync(request);
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        return JsonElement.Parse(body);
    }

    private static IEnumerable<JsonElement> Results(JsonElement result) =>
        result.GetProperty("workflow_results").EnumerateArray().SelectMany(w => w.GetProperty("task_results").EnumerateArray());

    private static string[] Done(JsonElement result) => [.. Results(result).Select(t => t.GetProperty("task_id").GetString()!)];

    private static string Outcomes(JsonElement result) => string.Join('\n', Results(result).Select(t => $"{t.GetProperty("task_id")} {t.GetProperty("status")} {t.GetProperty("retry_count")} {t.GetProperty("chaos_occurred")} {t.GetProperty("cost_usd")}"));

    private static string Journals(JsonElement result) => string.Join('\n', result.GetProperty("workflow_results").EnumerateArray().Select(w => $"{w.GetProperty("workflow_id")} {w.GetProperty("journal_hash")}"));

    private static async Task NothingTwiceAsync(ServedAf server, string run)
    {
        JsonElement journal = await GetAsync(server, $"/api/v1/runs/{run}/events?limit=1000");
        string[] succeeded = [.. journal.GetProperty("items").EnumerateArray().Where(e => e.GetProperty("type").GetString() == "step_succeeded").Select(e => e.GetProperty("path").GetString()!)];
        Assert.Equal(succeeded.Length, succeeded.Distinct(StringComparer.Ordinal).Count());
    }
}
