using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>
/// <c>af serve</c> is killed with signal 9 while agents are added and hand in metrics. Whatever was acknowledged is there in the
/// next life, once; and what an agent has used is exactly what its metrics say.
/// </summary>
public sealed class AgentKillTests
{
    private const int Callers = 8;

    [Fact]
    public async Task Serve_KilledWhileMetricsCome_LosesNothingThatWasAcknowledged()
    {
        using var af = new Af();
        int port = ServedAf.FreePort();
        var agents = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        var metrics = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        int next = 0;
        for (int life = 0; life < 4; life++)
        {
            using ServedAf server = await ServedAf.StartAsync(af, port: port);
            await AllAreThereAsync(server.Http, agents, metrics);
            Task[] callers = [.. Enumerable.Range(0, Callers).Select(_ => WriteAsync(server.Http, agents, metrics, () => Interlocked.Increment(ref next)))];
            int before = metrics.Count;
            using var patience = new CancellationTokenSource(Af.Patience);
            while (metrics.Count < before + 60)
            {
                Assert.False(patience.IsCancellationRequested, "the metrics do not come in");
                await Task.Delay(5, CancellationToken.None);
            }

            await server.KillAsync();
            await Task.WhenAll(callers);
        }

        using ServedAf last = await ServedAf.StartAsync(af, port: port);
        await AllAreThereAsync(last.Http, agents, metrics);
        Assert.InRange(metrics.Count, 240, 100_000);
    }

    /// <summary>Adds an agent, then metrics of it, until the server is gone; what had no answer is sent again in no other life.</summary>
    private static async Task WriteAsync(HttpClient http, ConcurrentDictionary<string, string> agents, ConcurrentDictionary<string, int> metrics, Func<int> next)
    {
        try
        {
            while (true)
            {
                string name = $"agent-{next()}";
                using HttpResponseMessage created = await http.PostAsJsonAsync("/api/v1/agents", new { name });
                Assert.Equal(HttpStatusCode.Created, created.StatusCode);
                string id = (await created.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("agent_id").GetString()!;
                agents[id] = name;
                for (int i = 0; i < 5; i++)
                {
                    int tokens = next();
                    using HttpResponseMessage recorded = await http.PostAsJsonAsync("/api/v1/metrics", new { agent_id = id, metric_type = "cost", dimension = "tokens", value = tokens });
                    Assert.Equal(HttpStatusCode.Created, recorded.StatusCode);
                    metrics[(await recorded.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("metric_id").GetString()!] = tokens;
                }
            }
        }
        catch (HttpRequestException)
        {
            // Killed.
        }
    }

    private static async Task AllAreThereAsync(HttpClient http, ConcurrentDictionary<string, string> agents, ConcurrentDictionary<string, int> metrics)
    {
        var used = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (JsonElement agent in await ListAsync(http, "agents"))
        {
            used.Add(agent.GetProperty("agent_id").GetString()!, agent.GetProperty("budget").GetProperty("use").GetProperty("tokens").GetInt64());
        }

        Assert.Empty(agents.Keys.Except(used.Keys));
        var stored = new Dictionary<string, (string Agent, long Tokens)>(StringComparer.Ordinal);
        foreach (JsonElement metric in await ListAsync(http, "metrics"))
        {
            stored.Add(metric.GetProperty("metric_id").GetString()!, (metric.GetProperty("agent_id").GetString()!, metric.GetProperty("value").GetInt64()));
        }

        Assert.All(metrics, m => Assert.True(stored.TryGetValue(m.Key, out (string Agent, long Tokens) there) && there.Tokens == m.Value, $"the metric {m.Key} is gone"));
        foreach ((string agent, long tokens) in used)
        {
            Assert.Equal(stored.Values.Where(m => m.Agent == agent).Sum(m => m.Tokens), tokens);
        }

        JsonElement days = await http.GetFromJsonAsync<JsonElement>("/api/v1/metrics/aggregate?window=day");
        Assert.Equal(stored.Count, days.GetProperty("items").EnumerateArray().Sum(g => g.GetProperty("count").GetInt32()));
    }

    private static async Task<List<JsonElement>> ListAsync(HttpClient http, string what)
    {
        var items = new List<JsonElement>();
        string? cursor = "";
        while (cursor is not null)
        {
            JsonElement page = await http.GetFromJsonAsync<JsonElement>($"/api/v1/{what}?page[size]=500{(cursor.Length == 0 ? "" : $"&page[cursor]={Uri.EscapeDataString(cursor)}")}");
            items.AddRange(page.GetProperty("items").EnumerateArray());
            cursor = page.GetProperty("next_cursor").GetString();
        }

        return items;
    }
}
