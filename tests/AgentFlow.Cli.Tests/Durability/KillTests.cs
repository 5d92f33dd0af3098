using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>
/// <c>af serve</c> is killed with signal 9 at random moments while hundreds of runs with external effects are in flight, and
/// started again on the same database. What was accepted must end exactly once, and effects must happen once, but for the
/// attempts that were in flight at a kill: those may be repeated once in each life, under the same key.
/// </summary>
public sealed class KillTests
{
    private const int Steps = 6;

    [Fact]
    public Task Serve_KilledWhileRunsAreInFlight_EndsEveryRunOnce() => RunAsync(kills: 8, inFlight: 150, seed: 1);

    [Fact]
    [Trait("Suite", "slow")]
    public Task Serve_KilledFiftyTimesWithFiveHundredInFlight_EndsEveryRunOnce() => RunAsync(kills: 50, inFlight: 500, seed: 2);

    private static string Workflow()
    {
        var yaml = new StringBuilder("""
            language: 1
            name: effects
            version: 1.0.0
            input: { type: object, required: [url, id] }
            planner: fsm
            initial_state: s0
            final_states: [s5]
            states:

            """);
        for (int i = 0; i < Steps; i++)
        {
            string next = i + 1 < Steps ? $", on_success: p{i}" : "";
            yaml.AppendLine($$"""  s{{i}}: { tool: skill.http_call, input: { method: POST, url: "${input.url}?run=${input.id}&step={{i}}", body: {} }{{next}} }""");
            if (i + 1 < Steps)
            {
                yaml.AppendLine($"  p{i}: {{ wait: {{ for: 700ms }}, on_success: s{i + 1} }}");
            }
        }

        return yaml.ToString();
    }

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
            using (HttpResponseMessage saved = await client.PostAsync("/api/v1/workflows", new StringContent(Workflow(), Encoding.UTF8, "application/yaml")))
            {
                Assert.True(saved.IsSuccessStatusCode, await saved.Content.ReadAsStringAsync());
            }

            var accepted = new Dictionary<string, string>(StringComparer.Ordinal);
            for (int kill = 0; kill < kills; kill++)
            {
                int ended = await CountAsync(client, "completed");
                int missing = inFlight - (accepted.Count - ended);
                foreach (string id in Enumerable.Range(accepted.Count, Math.Max(0, missing)).Select(i => $"r{i}"))
                {
                    accepted[id] = await ExecuteAsync(client, ledger, id);
                }

                await Task.Delay(random.Next(50, 1500));
                server.SendKill();
                server.Dispose();
                await ledger.NextLifeAsync();
                server = await ServeAsync(af, url, client);

                // Asking again with the same key gives the run that was accepted, also in another life.
                string known = accepted.Keys.ElementAt(random.Next(accepted.Count));
                Assert.Equal(accepted[known], await ExecuteAsync(client, ledger, known));
            }

            Assert.True(await CountAsync(client, "completed") < accepted.Count, "nothing was in flight at the last kill");
            await EndedAsync(client, accepted.Count);
            await CheckAsync(client, ledger, accepted, seed);

            // Each kill fell somewhere into the chaining; nothing of that looks like tampering afterwards.
            using HttpResponseMessage verified = await client.PostAsync("/api/v1/audit/verify", null);
            JsonElement audit = JsonElement.Parse(await verified.Content.ReadAsStringAsync());
            Assert.True(audit.GetProperty("intact").GetBoolean(), audit.ToString());
            Assert.True(audit.GetProperty("size").GetInt64() > accepted.Count * Steps, audit.ToString());
        }
        finally
        {
            server.SendKill();
            server.Dispose();
        }
    }

    private static async Task CheckAsync(HttpClient client, EffectLedger ledger, Dictionary<string, string> accepted, int seed)
    {
        ILookup<(string Run, int Step), EffectLedger.Effect> effects = ledger.Effects.ToLookup(e => (e.Run, e.Step));
        int repeated = 0;
        foreach ((string id, string run) in accepted)
        {
            Dictionary<int, int> started = [];
            int ends = 0;
            foreach (JsonElement e in await EventsAsync(client, run))
            {
                string type = e.GetProperty("type").GetString()!;
                ends += type is "run_completed" ? 1 : 0;
                if (type == "step_started" && e.GetProperty("path").GetString()!.Split('#')[0] is ['s', .. var number])
                {
                    int step = int.Parse(number, System.Globalization.CultureInfo.InvariantCulture);
                    started[step] = started.GetValueOrDefault(step) + 1;
                }
            }

            Assert.True(ends == 1, $"seed {seed}: run {run} has {ends} ends");
            for (int step = 0; step < Steps; step++)
            {
                EffectLedger.Effect[] calls = [.. effects[(id, step)]];
                Assert.True(calls.Length >= 1, $"seed {seed}: step {step} of {run} never took effect");
                Assert.True(calls.Select(c => c.Key).Distinct().Count() == 1, $"seed {seed}: step {step} of {run} used several keys");
                Assert.True(calls.Select(c => c.Life).Distinct().Count() == calls.Length, $"seed {seed}: step {step} of {run} ran twice in one life");
                Assert.True(calls.Length <= started[step], $"seed {seed}: step {step} of {run} took effect {calls.Length} times and was announced {started[step]} times");
                repeated += calls.Length - 1;
            }
        }

        Assert.True(effects.Count == accepted.Count * Steps, "effects of runs that nobody started");
        TestContext.Current.TestOutputHelper?.WriteLine($"{accepted.Count} runs, {ledger.Effects.Count} effects, {repeated} repeated after a kill, {ledger.Life} lives");
    }

    private static async Task<List<JsonElement>> EventsAsync(HttpClient client, string run)
    {
        var events = new List<JsonElement>();
        string? next = $"/api/v1/runs/{run}/events?limit=500";
        while (next is not null)
        {
            JsonElement page = await client.GetFromJsonAsync<JsonElement>(next);
            events.AddRange(page.GetProperty("items").EnumerateArray());
            next = page.GetProperty("next_cursor") is { ValueKind: not JsonValueKind.Null } cursor ? $"/api/v1/runs/{run}/events?limit=500&from={cursor}" : null;
        }

        return events;
    }

    private static async Task<string> ExecuteAsync(HttpClient client, EffectLedger ledger, string id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/workflows/effects/execute?async=true")
        {
            Content = JsonContent.Create(new { input = new { url = $"http://127.0.0.1:{ledger.Port}/effect", id } }),
            Headers = { { "Idempotency-Key", id } },
        };
        using HttpResponseMessage response = await client.SendAsync(request);
        Assert.True(response.StatusCode == HttpStatusCode.Accepted, await response.Content.ReadAsStringAsync());
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("job_id").GetString()!;
    }

    private static async Task<int> CountAsync(HttpClient client, string status)
    {
        JsonElement page = await client.GetFromJsonAsync<JsonElement>($"/api/v1/runs?filter[status]={status}&page[size]=1");
        return page.GetProperty("total_count").GetInt32();
    }

    private static async Task EndedAsync(HttpClient client, int count)
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        while (true)
        {
            int completed = await CountAsync(client, "completed");
            if (completed == count)
            {
                return;
            }

            Assert.False(patience.IsCancellationRequested, $"{completed} of {count} runs have completed, {await CountAsync(client, "failed")} failed");
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
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
