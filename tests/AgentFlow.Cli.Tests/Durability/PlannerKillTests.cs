using System.Text.Json;
using AgentFlow.Cli.Tests.Support;
using AgentFlow.Models.Tests.Support;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary><c>af serve</c> is killed with signal 9 in the middle of planning, and while the plan runs.</summary>
public sealed class PlannerKillTests
{
    private const string Flow = """
        language: 1
        name: planned
        version: 1.0.0
        planner: llm
        plan:
          goal: "Call ${input.what}"
          model: { provider: openai, model: the-model }
          tools: [{ tool: skill.http_call, timeout: 60s }]
        """;

    private static string Plan(Uri target) => JsonSerializer.Serialize(new
    {
        steps = new object[]
        {
            new { step_id = "s1", skill = "skill.http_call", @params = new { method = "GET", url = target + "one" } },
            new { step_id = "s2", skill = "skill.http_call", @params = new { method = "GET", url = target + "two?{{s1.status_code}}" }, depends_on = new[] { "s1" } },
        },
    });

    private static HttpDouble.Reply Completion(string text) => HttpDouble.Reply.Ok($$"""
        {"id":"c1","object":"chat.completion","model":"the-model","choices":[{"index":0,"message":{"role":"assistant","content":{{JsonSerializer.Serialize(text)}}},"finish_reason":"stop"}],
         "usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17} }
        """);

    private static HttpDouble.Reply Silent => new(200, "", HttpDouble.Ending.Silent);

    private static async Task UntilAsync(Func<bool> reached)
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        while (!reached())
        {
            Assert.False(patience.IsCancellationRequested, "the server does not come so far");
            await Task.Delay(10, CancellationToken.None);
        }
    }

    /// <summary>Once the answer is on record the model is not asked again; before, nobody knows what it said.</summary>
    [Theory]
    [InlineData("model", 2, 2)]
    [InlineData("one", 1, 3)]
    [InlineData("two", 1, 3)]
    public async Task Serve_KilledWhile_AsksTheModelOnlyUntilItsAnswerIsOnRecord(string at, int questions, int calls)
    {
        bool isKilled = false;
        await using var target = new HttpDouble(request => !isKilled && request.Path.Contains(at, StringComparison.Ordinal) ? Silent : HttpDouble.Reply.Ok("{}"));
        await using var model = new HttpDouble(_ => !isKilled && at == "model" ? Silent : Completion(Plan(target.BaseUrl)));
        using var af = new Af();
        af.Environment["OPENAI_BASE_URL"] = model.BaseUrl.AbsoluteUri.TrimEnd('/');
        af.Environment["OPENAI_API_KEY"] = "secret-key";
        af.Environment["AF_HTTP_ALLOW"] = $"127.0.0.1:{target.BaseUrl.Port}";
        string run;
        using (ServedAf first = await ServedAf.StartAsync(af))
        {
            await first.SaveAsync(Flow);
            run = await first.ExecuteAsync("planned", isAsync: true, new { what = "both" });
            await UntilAsync(() => at == "model" ? !model.Requests.IsEmpty : target.Requests.Any(r => r.Path.Contains(at, StringComparison.Ordinal)));
            await first.KillAsync();
        }

        isKilled = true;
        using ServedAf second = await ServedAf.StartAsync(af);
        await second.BecomesAsync(run, "completed");
        Assert.Equal(questions, model.Requests.Count);
        Assert.Equal(calls, target.Requests.Count);
        Assert.Equal("/two?200", target.Requests.Last().Path);
        List<JsonElement> events = await second.EventsAsync(run);
        Assert.Single(events, e => e.GetProperty("type").GetString() == "plan_grafted");
        Assert.Single(events, e => e.GetProperty("type").GetString() == "run_recovered");
    }
}
