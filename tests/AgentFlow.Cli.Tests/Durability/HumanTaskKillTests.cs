using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>
/// <c>af serve</c> is killed with signal 9 while runs ask people, while people answer and while answers are on their way. Each step has one
/// task, each task one answer, and an answer that was acknowledged is the one that the run goes on with.
/// </summary>
public sealed class HumanTaskKillTests
{
    private const string Workflow = """
        language: 1
        name: people
        version: 1.0.0
        planner: fsm
        initial_state: ask
        final_states: [done]
        states:
          ask: { human: { title: Pick a number, form: { type: integer } }, on_success: pay }
          pay: { tool: skill.echo, input: "${output}", approval: { role: approver }, on_success: done }
          done: {}
        """;

    [Fact]
    public Task Serve_KilledWhilePeopleAnswer_TakesEachAnswerOnce() => RunAsync(kills: 5, perLife: 12, seed: 11);

    [Fact]
    [Trait("Suite", "slow")]
    public Task Serve_KilledThirtyTimesWhilePeopleAnswer_TakesEachAnswerOnce() => RunAsync(kills: 30, perLife: 30, seed: 12);

    private static async Task RunAsync(int kills, int perLife, int seed)
    {
        var random = new Random(seed);
        using var af = new Af();
        var runs = new List<string>();
        var acknowledged = new Dictionary<string, int>(StringComparer.Ordinal);
        ServedAf server = await ServedAf.StartAsync(af);
        try
        {
            await server.SaveAsync(Workflow);
            for (int life = 0; life < kills; life++)
            {
                for (int i = 0; i < perLife; i++)
                {
                    runs.Add(await server.ExecuteAsync("people", isAsync: true, key: $"r{runs.Count}"));
                }

                using var answering = new CancellationTokenSource();
                Task people = AnswerAsync(server.Http, acknowledged, random.Next(), answering.Token);
                await Task.Delay(random.Next(50, 1200));
                server.Process.SendKill();
                await answering.CancelAsync();
                await people;
                server.Dispose();
                server = await ServedAf.StartAsync(af);
            }

            using var patience = new CancellationTokenSource(Af.Patience);
            while ((await CountAsync(server.Http, "runs?filter[status]=completed")) < runs.Count)
            {
                Assert.False(patience.IsCancellationRequested, $"seed {seed}: not every run has ended\n{server.Process.ErrorSoFar}");
                using var once = new CancellationTokenSource(TimeSpan.FromSeconds(1));
                await AnswerAsync(server.Http, acknowledged, random.Next(), once.Token);
            }

            Assert.Equal(2 * runs.Count, await CountAsync(server.Http, "human-tasks"));
            Assert.Equal(2 * runs.Count, await CountAsync(server.Http, "human-tasks?filter[status]=completed"));
            foreach (string run in runs)
            {
                List<JsonElement> events = await server.EventsAsync(run);
                JsonElement answer = Assert.Single(events, e => e.GetProperty("type").GetString() == "step_answered");
                Assert.Single(events, e => e.GetProperty("type").GetString() == "approval_requested");
                Assert.Single(events, e => e.GetProperty("type").GetString() == "approval_decided");
                if (acknowledged.TryGetValue(run, out int number))
                {
                    Assert.Equal(number, answer.GetProperty("output").GetInt32());
                }
            }

            Assert.True(acknowledged.Count > runs.Count / 2, $"seed {seed}: hardly an answer was acknowledged");
        }
        finally
        {
            server.Process.SendKill();
            server.Dispose();
        }
    }

    /// <summary>Answers what is asked, with numbers that nobody gives twice, until it is told to stop or the server is gone.</summary>
    private static async Task AnswerAsync(HttpClient client, Dictionary<string, int> acknowledged, int number, CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                JsonElement page = await client.GetFromJsonAsync<JsonElement>("/api/v1/human-tasks?filter[status]=pending&page[size]=20", stop);
                foreach (JsonElement task in page.GetProperty("items").EnumerateArray())
                {
                    string id = task.GetProperty("id").GetString()!;
                    bool isApproval = task.TryGetProperty("approval", out _);
                    number = (number % 1_000_000) + 1;
                    using HttpResponseMessage answered = isApproval
                        ? await client.PostAsJsonAsync($"/api/v1/approvals/{id}/approve", new { reason = "fine" }, stop)
                        : await client.PostAsJsonAsync($"/api/v1/human-tasks/{id}/complete", new { answer = number }, stop);
                    // A task that was answered, without an acknowledgement, in the life before.
                    Assert.True(answered.StatusCode is HttpStatusCode.OK or HttpStatusCode.Conflict, await answered.Content.ReadAsStringAsync(stop));
                    if (!isApproval && answered.StatusCode == HttpStatusCode.OK)
                    {
                        acknowledged.Add(task.GetProperty("run_id").GetString()!, number);
                    }
                }

                await Task.Delay(20, stop);
            }
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
        {
            // The server is gone, or there is nothing more to answer now.
        }
    }

    private static async Task<long> CountAsync(HttpClient client, string list)
    {
        JsonElement page = await client.GetFromJsonAsync<JsonElement>($"/api/v1/{list}{(list.Contains('?', StringComparison.Ordinal) ? "&" : "?")}page[size]=1");
        return page.GetProperty("total_count").GetInt64();
    }
}
