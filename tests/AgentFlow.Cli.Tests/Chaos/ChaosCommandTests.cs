using System.Text.Json;
using AgentFlow.Cli.Chaos;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Chaos;

public sealed class ChaosCommandTests : IDisposable
{
    /// <summary>A model that decides, a call with effects, and what undoes it. Stands chaos only with retries.</summary>
    private const string Workflow = """
        language: 1
        name: fragile
        version: 1.0.0
        agents:
          judge:
            kind: llm
            role: Judge.
            model: { provider: openai, model: gpt-4o-mini }
            output: { type: object, required: [score], properties: { score: { type: number, minimum: 0, maximum: 1 } } }
        defaults: { retry: { max_attempts: @TRIES@ }, timeout: 20s }
        planner: fsm
        initial_state: judge
        final_states: [done]
        states:
          judge: { agent: judge, input: { text: hello }, on_success: charge }
          charge: { tool: skill.echo, effects: external, input: { amount: 5 }, compensate: { tool: skill.echo }, on_success: ship }
          ship: { tool: skill.echo, effects: external, input: { to: me }, on_success: done }
          done: { tool: skill.echo, outcome: shipped }
        """;

    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Chaos_Person_IsAskedAndAnswersWhateverDies()
    {
        _af.Write("w.yaml", """
            language: 1
            name: asking
            version: 1.0.0
            planner: fsm
            initial_state: ask
            final_states: [done, refused]
            states:
              ask: { human: { title: Look at it, form: { type: boolean } }, transitions: [{ condition: "!output", target: refused }], on_success: done }
              done: { tool: skill.echo, outcome: done }
              refused: { tool: skill.echo, outcome: refused }
            """);
        _af.Write("s.yaml", """
            scenario: 1
            stubs: { steps: { ask: { output: true, after: 26h } } }
            expect: { outcome: done }
            """);
        AfResult result = await _af.RunAsync("chaos", "w.yaml", "--scenario", "s.yaml", "--seeds", "1..60", "--rate", "0.6", "-o", "json");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        JsonElement[] seeds = [.. JsonElement.Parse(result.Out).GetProperty("seeds").EnumerateArray()];
        Assert.Equal(60, seeds.Length);
        Assert.All(seeds, s => Assert.Equal("done", s.GetProperty("reason").GetString()));
        Assert.Contains(seeds, s => s.GetProperty("lives").GetInt32() > 1);
    }

    [Theory]
    [InlineData("openai, model: gpt-4o-mini")]
    [InlineData("anthropic, model: claude-sonnet")]
    public async Task Chaos_Retries_StandsEverySeedAndIsTheSameAgain(string provider)
    {
        _af.Write("w.yaml", Workflow.Replace("openai, model: gpt-4o-mini", provider, StringComparison.Ordinal).Replace("@TRIES@", "12, on: [transient, resource, permanent, validation]", StringComparison.Ordinal));
        AfResult first = await _af.RunAsync("chaos", "w.yaml", "--seeds", "1..120", "-o", "json");
        Assert.True(first.Code == ExitCode.Ok, $"{first}");
        JsonElement[] seeds = [.. JsonElement.Parse(first.Out).GetProperty("seeds").EnumerateArray()];
        Assert.Equal(120, seeds.Length);
        Assert.All(seeds, s => Assert.Equal(("pass", "shipped"), (s.GetProperty("verdict").GetString(), s.GetProperty("reason").GetString())));
        // Every fault that can strike this workflow has; texts of several words, which an injection needs, it has none.
        string[] struck = [.. seeds.SelectMany(s => s.GetProperty("strikes").EnumerateArray()).Select(s => s.GetProperty("fault").GetString()!).Distinct()];
        Assert.Equal(Enum.GetNames<ChaosFault>().Order(StringComparer.Ordinal), struck.Order(StringComparer.Ordinal));
        Assert.Contains(seeds, s => s.GetProperty("lives").GetInt32() > 1);
        Assert.Equal(first.Out, (await _af.RunAsync("chaos", "w.yaml", "--seeds", "1..120", "-o", "json")).Out);
    }

    [Fact]
    public async Task Chaos_WorkflowThatNothingCanStrike_SaysThatNothingIsShown()
    {
        _af.Write("w.yaml", """
            language: 1
            name: pure
            version: 1.0.0
            planner: fsm
            initial_state: echo
            final_states: [echo]
            states: { echo: { tool: skill.echo, outcome: echoed } }
            """);
        AfResult result = await _af.RunAsync("chaos", "w.yaml", "--rate", "1", "--seeds", "1..3");
        Assert.Equal(ExitCode.Ok, result.Code);
        Assert.Contains("Nothing was struck, so this says nothing about the workflow", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Nothing was struck", (await _af.RunAsync("chaos", "w.yaml", "--rate", "0", "--seeds", "1")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chaos_HttpCalls_AreAnsweredAsTheirContractSays()
    {
        _af.Write("w.yaml", """
            language: 1
            name: fetching
            version: 1.0.0
            planner: fsm
            initial_state: fetch
            final_states: [fetch]
            states: { fetch: { tool: skill.http_call, input: { method: POST, url: "https://example.com/" }, outcome: fetched } }
            """);
        AfResult result = await _af.RunAsync("chaos", "w.yaml", "--rate", "0.6", "--seeds", "1..20");
        Assert.Contains("tool_error", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chaos_WithoutRetries_IsShrunkAndReplays()
    {
        _af.Write("w.yaml", Workflow.Replace("@TRIES@", "1", StringComparison.Ordinal));
        AfResult result = await _af.RunAsync("chaos", "w.yaml", "--rate", "0.6", "--seeds", "1..20", "--save", "plan.json");
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("with these faults alone:", result.Out, StringComparison.Ordinal);
        JsonElement plan = JsonElement.Parse(File.ReadAllText(Path.Combine(_af.Folder, "plan.json")));
        // Without any retry one fault is enough, and it is no death: those are survived.
        JsonElement strike = Assert.Single(plan.GetProperty("strikes").EnumerateArray());
        Assert.DoesNotContain("Killed", strike.GetProperty("fault").GetString(), StringComparison.Ordinal);
        AfResult again = await _af.RunAsync("chaos", "w.yaml", "--replay", "plan.json");
        Assert.Equal(ExitCode.Failed, again.Code);
        Assert.Contains("exactly as when the plan was saved", again.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Ok, (await _af.RunAsync("chaos", "w.yaml", "--seeds", "1..20", "--require", "degraded")).Code);

        _af.Write("w.yaml", Workflow.Replace("@TRIES@", "9, on: [transient, resource, permanent, validation]", StringComparison.Ordinal));
        AfResult mended = await _af.RunAsync("chaos", "w.yaml", "--replay", "plan.json");
        Assert.Equal(ExitCode.Ok, mended.Code);
        Assert.Contains("not as when the plan was saved", mended.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--rate is 0 to 1", "--rate", "2")]
    [InlineData("--seeds is '9..1'", "--seeds", "9..1")]
    [InlineData("there is no file", "--scenario", "none.yaml")]
    [InlineData("cannot read", "--replay", "none.json")]
    public async Task Chaos_Misuse_IsExplained(string message, params string[] arguments)
    {
        _af.Write("w.yaml", Workflow.Replace("@TRIES@", "3", StringComparison.Ordinal));
        AfResult result = await _af.RunAsync(["chaos", "w.yaml", .. arguments]);
        Assert.True(result.Code != ExitCode.Ok, $"{result}");
        Assert.Contains(message is "there is no file" ? "cannot read the scenario" : message, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chaos_WorkflowThatNeverCompletes_SaysSo()
    {
        _af.Write("hold.yaml", Af.Hold);
        AfResult result = await _af.RunAsync("chaos", "hold.yaml");
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("does not complete without any fault either: hold#1 is open and nothing moves any more", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Shrink_LeavesOnlyWhatIsNeeded()
    {
        ChaosStrike[] strikes = [.. Enumerable.Range(0, 17).Select(i => new ChaosStrike($"s{i}#1", 1, ChaosFault.ToolError))];
        int runs = 0;
        IReadOnlyList<ChaosStrike> left = ChaosShrink.Shrink(strikes, fewer =>
        {
            runs++;
            return fewer.Contains(strikes[3]) && fewer.Contains(strikes[11]);
        });
        Assert.Equal([strikes[3], strikes[11]], left);
        Assert.InRange(runs, 1, 60);
    }
}
