using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>
/// <c>af serve</c> is killed with signal 9 while runs go through lists, round in loops, wait for several things and get their
/// plans changed. Each item, round and step takes effect under one key, once in a life at most; what was taken out of a plan
/// never does.
/// </summary>
public sealed class ConstructKillTests
{
    private const string Workflow = """
        language: 1
        name: constructs
        version: 1.0.0
        input: { type: object, required: [url, id] }
        defaults: { retry: { max_attempts: 100, initial: 50ms, max: 300ms } }
        planner: dag
        steps:
          - id: each
            foreach:
              items: [0, 1, 2, 3, 4]
              max_parallel: 2
              do: { tool: skill.http_call, input: { method: POST, url: "${input.url}?run=${input.id}&step=${item}", body: {} } }
          - id: rounds
            depends_on: [each]
            while:
              until: output >= 12
              delay: 100ms
              do:
                planner: dag
                steps:
                  - { id: call, tool: skill.http_call, input: { method: POST, url: "${input.url}?run=${input.id}&step=${10 + index}", body: {} } }
                  - { id: number, depends_on: [call], input: "${10 + index}" }
          - { id: answer, depends_on: [rounds], wait_for: { any: [{ signal: go }, { for: 1h }] } }
          - { id: dropped, depends_on: [answer], tool: skill.http_call, input: { method: POST, url: "${input.url}?run=${input.id}&step=99", body: {} } }
          - { id: publish, depends_on: [dropped], tool: skill.http_call, input: { method: POST, url: "${input.url}?run=${input.id}&step=20", body: {} } }
        output: { which: "${steps.answer.output.which}", items: "${len(steps.each.output)}" }
        """;

    private const string Changes = """
        changes:
          - insert: { id: checked, tool: skill.http_call, depends_on: [answer], input: { method: POST, url: "${input.url}?run=${input.id}&step=21", body: {} } }
            before: publish
          - remove: dropped
        """;

    private static readonly int[] Expected = [0, 1, 2, 3, 4, 10, 11, 12, 20, 21];

    [Fact]
    public Task Serve_KilledInsideEachConstruct_EndsEveryRunOnce() => RunAsync(kills: 6, inFlight: 20, seed: 3);

    [Fact]
    [Trait("Suite", "slow")]
    public Task Serve_KilledThirtyTimesInsideEachConstruct_EndsEveryRunOnce() => RunAsync(kills: 30, inFlight: 100, seed: 4);

    private static async Task RunAsync(int kills, int inFlight, int seed)
    {
        var random = new Random(seed);
        await using EffectLedger ledger = await EffectLedger.StartAsync();
        using var af = new Af();
        af.Environment["AF_HTTP_ALLOW"] = $"127.0.0.1:{ledger.Port}";
        string url = $"http://127.0.0.1:{FreePort()}";
        using var client = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromSeconds(20) };
        AfProcess server = await ServeAsync(af, url, client);
        try
        {
            await PostAsync(client, "/api/v1/workflows", new StringContent(Workflow, Encoding.UTF8, "application/yaml"), "save");
            var runs = new Dictionary<string, string>(StringComparer.Ordinal);
            int changed = 0;
            for (int kill = 0; kill < kills; kill++)
            {
                for (int i = 0; i < inFlight / 2; i++)
                {
                    string name = $"r{runs.Count}";
                    JsonElement started = await PostAsync(client, "/api/v1/workflows/constructs/execute?async=true", JsonContent.Create(new { input = new { url = $"http://127.0.0.1:{ledger.Port}/effect", id = name } }), name);
                    runs[name] = started.GetProperty("job_id").GetString()!;
                }

                // The kill falls into changes, too: what was not answered is sent again under its key in the next life.
                Task changes = ChangeAsync(client, [.. runs.Values.Skip(changed)], CancellationToken.None);
                await Task.WhenAny(changes, Task.Delay(random.Next(100, 1200)));
                server.SendKill();
                server.Dispose();
                bool all = changes.IsCompletedSuccessfully;
                try
                {
                    await changes;
                }
                catch (HttpRequestException)
                {
                    // The server died before it answered.
                }

                changed = all ? runs.Count : changed;
                await ledger.NextLifeAsync();
                server = await ServeAsync(af, url, client);
            }

            await ChangeAsync(client, [.. runs.Values], CancellationToken.None);
            foreach (string run in runs.Values)
            {
                await PostAsync(client, $"/api/v1/runs/{run}/signal", JsonContent.Create(new { name = "go", payload = 1 }), "signal");
            }

            await EndedAsync(client, runs.Count);
            await CheckAsync(client, ledger, runs, seed);
        }
        finally
        {
            server.SendKill();
            server.Dispose();
        }
    }

    private static async Task ChangeAsync(HttpClient client, string[] runs, CancellationToken cancellationToken)
    {
        foreach (string run in runs)
        {
            JsonElement answer = await PostAsync(client, $"/api/v1/runs/{run}/plan", JsonContent.Create(new { changes = Changes, reason = "checked first" }), "change");
            Assert.True(answer.GetProperty("applied").GetBoolean(), answer.ToString());
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private static async Task CheckAsync(HttpClient client, EffectLedger ledger, Dictionary<string, string> runs, int seed)
    {
        ILookup<string, EffectLedger.Effect> effects = ledger.Effects.ToLookup(e => e.Run);
        foreach ((string name, string run) in runs)
        {
            JsonElement ended = await client.GetFromJsonAsync<JsonElement>($"/api/v1/runs/{run}");
            Assert.Equal("""{"which":"go","items":5}""", ended.GetProperty("output").GetRawText().Replace(" ", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal));
            JsonElement plan = await client.GetFromJsonAsync<JsonElement>($"/api/v1/runs/{run}/plan");
            Assert.Equal(1, plan.GetProperty("revision").GetInt32());
            Assert.Equal(Expected, effects[name].Select(e => e.Step).Distinct().Order());
            foreach (IGrouping<int, EffectLedger.Effect> step in effects[name].GroupBy(e => e.Step))
            {
                Assert.True(step.Select(e => e.Key).Distinct().Count() == 1, $"seed {seed}: step {step.Key} of {run} used several keys");
                Assert.True(step.Select(e => e.Life).Distinct().Count() == step.Count(), $"seed {seed}: step {step.Key} of {run} ran twice in one life");
            }
        }

        int repeated = ledger.Effects.Count - (runs.Count * Expected.Length);
        TestContext.Current.TestOutputHelper?.WriteLine($"{runs.Count} runs, {ledger.Effects.Count} effects, {repeated} repeated after a kill, {ledger.Life} lives");
    }

    private static async Task<JsonElement> PostAsync(HttpClient client, string address, HttpContent content, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = content, Headers = { { "Idempotency-Key", key } } };
        using HttpResponseMessage response = await client.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }

    private static async Task EndedAsync(HttpClient client, int count)
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        while (true)
        {
            JsonElement page = await client.GetFromJsonAsync<JsonElement>("/api/v1/runs?filter[status]=completed&page[size]=1");
            if (page.GetProperty("total_count").GetInt32() == count)
            {
                return;
            }

            Assert.False(patience.IsCancellationRequested, $"{page.GetProperty("total_count")} of {count} runs have completed");
            await Task.Delay(100, CancellationToken.None);
        }
    }

    private static async Task<AfProcess> ServeAsync(Af af, string url, HttpClient client)
    {
        AfProcess server = af.Start("serve", "--url", url);
        using var patience = new CancellationTokenSource(Af.Patience);
        while (true)
        {
            try
            {
                using HttpResponseMessage ready = await client.GetAsync("/readyz", patience.Token);
                if (ready.IsSuccessStatusCode)
                {
                    return server;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            await Task.Delay(20, patience.Token);
        }
    }

    private static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
