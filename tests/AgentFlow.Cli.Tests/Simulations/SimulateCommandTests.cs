using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Simulations;

public sealed class SimulateCommandTests : IDisposable
{
    private const string Workflow = """
        language: 1
        name: fork
        version: 1.0.0
        agents:
          judge:
            kind: llm
            role: Judge.
            model: { provider: openai, model: gpt-4o, max_tokens: 400 }
            output: { type: object, required: [score], properties: { score: { type: number, minimum: 0, maximum: 1 } } }
        planner: fsm
        initial_state: judge
        final_states: [high, low, sorry]
        states:
          judge: { agent: judge, input: { text: hello }, retry: { max_attempts: 3 }, transitions: [{ condition: output.score < 0.25, target: low }], on_success: high, on_error: sorry }
          high: { tool: skill.echo, input: {} }
          low: { wait: { for: 1h } }
          sorry: { tool: skill.echo, input: {} }
        """;

    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Simulate_Seed_GivesTheSameDistribution()
    {
        _af.Write("fork.yaml", Workflow);
        AfResult first = await _af.RunAsync("simulate", "fork.yaml", "--n", "2000", "--seed", "7", "-o", "json");
        Assert.True(first.Code == ExitCode.Ok, $"{first}");
        JsonElement result = JsonElement.Parse(first.Out);
        JsonElement[] paths = [.. result.GetProperty("paths").EnumerateArray()];
        Assert.Equal(1, paths.Sum(p => p.GetProperty("share").GetDouble()), 9);
        Assert.InRange(paths.Single(p => p.GetProperty("path").GetString() == "judge → low").GetProperty("share").GetDouble(), 0.22, 0.28);
        Assert.InRange(paths.Single(p => p.GetProperty("path").GetString() == "judge → low").GetProperty("seconds").GetProperty("p50").GetDouble(), 3600, 3610);
        // A hundred tokens of output at ten dollars a million, and the input.
        Assert.InRange(result.GetProperty("dollars").GetProperty("p50").GetDouble(), 0.001, 0.003);
        Assert.Equal(first.Out, (await _af.RunAsync("simulate", "fork.yaml", "--n", "2000", "--seed", "7", "-o", "json")).Out);
        Assert.NotEqual(first.Out, (await _af.RunAsync("simulate", "fork.yaml", "--n", "2000", "--seed", "8", "-o", "json")).Out);
    }

    [Fact]
    public async Task Simulate_Scenario_TakesItsStubs()
    {
        _af.Write("fork.yaml", Workflow);
        _af.Write("low.yaml", "scenario: 1\nstubs: { agents: { judge: { output: { score: 0.1 } } } }\nexpect: { outcome: low }\n");
        AfResult result = await _af.RunAsync("simulate", "fork.yaml", "--n", "50", "--scenario", "low.yaml");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        Assert.Matches(@"100\.00 %  judge → low", result.Out);
    }

    [Fact]
    public async Task Simulate_HttpCall_GivesAnAnswerThatFitsTheContract()
    {
        _af.Write("call.yaml", "language: 1\nname: call\nversion: 1.0.0\nplanner: dag\nsteps:\n  - { id: get, tool: skill.http_call, input: { url: \"https://example.org/\" }, retry: { max_attempts: 10 } }\n  - { id: use, tool: skill.echo, depends_on: [get], condition: \"steps.get.output.status_code == 200\" }\n");
        AfResult result = await _af.RunAsync("simulate", "call.yaml", "--n", "50", "-o", "json");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        // The contract has an example of a status: numbers are not drawn evenly where the tool says what is usual.
        Assert.Equal("completed", Assert.Single(JsonElement.Parse(result.Out).GetProperty("paths").EnumerateArray()).GetProperty("outcome").GetString());
    }

    [Fact]
    public async Task Simulate_Person_TakesTheTimeOfTheStub()
    {
        _af.Write("ask.yaml", "language: 1\nname: ask\nversion: 1.0.0\nplanner: fsm\ninitial_state: ask\nfinal_states: [done]\nstates:\n  ask: { human: { title: Look at it, form: { type: boolean } }, on_success: done }\n  done: {}\n");
        _af.Write("slow.yaml", "scenario: 1\nstubs: { steps: { ask: { output: true, after: 2h } } }\nexpect: { path: [ask, done] }\n");
        AfResult result = await _af.RunAsync("simulate", "ask.yaml", "--n", "20", "--scenario", "slow.yaml", "-o", "json");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        JsonElement path = Assert.Single(JsonElement.Parse(result.Out).GetProperty("paths").EnumerateArray());
        Assert.Equal((20, 7200), (path.GetProperty("runs").GetInt32(), path.GetProperty("seconds").GetProperty("p50").GetDouble()));
    }

    [Fact]
    public async Task Simulate_BrokenWorkflow_NamesThePlace()
    {
        _af.Write("fork.yaml", Workflow.Replace("target: low", "target: lwo", StringComparison.Ordinal));
        AfResult result = await _af.RunAsync("simulate", "fork.yaml");
        Assert.Equal((ExitCode.Failed, ""), (result.Code, result.Out));
        Assert.Matches(@"fork\.yaml:\d+:\d+: error unknown-state", result.Error);
    }
}
