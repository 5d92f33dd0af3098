using System.Net;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Runs;

/// <summary>Why runs took their way, asked of the journal afterwards.</summary>
public sealed class ExplainTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Explain_StateMachine_SaysWhichConditionLedWhereWithWhatItRead()
    {
        JsonElement explanation = await ExplainAsync("""
            language: 1
            name: triage
            version: 1.0.0
            planner: fsm
            initial_state: classify
            final_states: [done, escalate]
            states:
              classify:
                tool: skill.echo
                input: { confidence: "${input.confidence}" }
                transitions:
                  - { condition: "output.confidence > 0.9", target: done }
                  - { condition: "output.confidence < vars.low", target: escalate }
                on_success: check
              check:
                transitions: [{ condition: "input.missing > 1", target: done }]
                on_success: done
                on_error: escalate
              done: { tool: skill.echo }
              escalate: { tool: skill.echo, outcome: escalated }
            vars: { low: 0.7 }
            """, """{"confidence":0.64}""");

        Assert.Equal("completed", Text(explanation, "status"));
        Assert.False(explanation.TryGetProperty("note", out _));
        JsonElement taken = Line(explanation, "'classify' leads");
        Assert.Equal(
            "'classify' leads to 'escalate' because `output.confidence < vars.low` is true with output.confidence = 0.64, vars.low = 0.7."
            + " Before it, `output.confidence > 0.9` is false with output.confidence = 0.64.",
            Text(taken, "text"));
        Assert.Equal(
            ["""{"expression":"output.confidence > 0.9","value":"false","inputs":[{"name":"output.confidence","value":"0.64"}]}""",
                """{"expression":"output.confidence < vars.low","value":"true","inputs":[{"name":"output.confidence","value":"0.64"},{"name":"vars.low","value":"0.7"}]}"""],
            taken.GetProperty("conditions").EnumerateArray().Select(c => c.GetRawText()));
        Assert.Equal("The run completed: escalated.", Text(explanation.GetProperty("lines").EnumerateArray().Last(), "text"));

        JsonElement second = await ExplainAgainAsync("triage", """{"confidence":0.8}""");
        Assert.Equal(
            "'classify' leads to 'check', its 'on_success', because no condition was true: `output.confidence > 0.9` is false with output.confidence = 0.8;"
            + " `output.confidence < vars.low` is false with output.confidence = 0.8, vars.low = 0.7.",
            Text(Line(second, "'classify' leads"), "text"));
        Assert.Equal(
            "'check' leads to 'escalate', its 'on_error', because `input.missing > 1` could not be evaluated (no such key: 'missing') with input.missing = (not there).",
            Text(Line(second, "'check' leads"), "text"));
    }

    [Fact]
    public async Task Explain_Graph_SaysWhyStepsWereSkippedRetriedAndUndone()
    {
        JsonElement explanation = await ExplainAsync("""
            language: 1
            name: trip
            version: 1.0.0
            agents:
              fail: { kind: custom, type: fail }
            planner: dag
            steps:
              - { id: look, tool: skill.echo, input: { n: 1 }, compensate: { tool: skill.echo } }
              - { id: extra, tool: skill.echo, depends_on: [look], condition: "steps.look.output.n > 5" }
              - { id: after_extra, tool: skill.echo, depends_on: [extra] }
              - { id: pay, agent: fail, depends_on: [look], retry: { max_attempts: 2, initial: 1ms, on: [permanent] } }
              - { id: mail, tool: skill.echo, depends_on: [pay] }
            """, "{}");

        string[] texts = [.. explanation.GetProperty("lines").EnumerateArray().Select(l => Text(l, "text")!)];
        Assert.Contains("'look' starts: it waits for nothing.", texts);
        Assert.Contains("'extra' is skipped because `steps.look.output.n > 5` is false with steps.look.output.n = 1.", texts);
        Assert.Contains("'after_extra' is skipped because 'extra' was skipped.", texts);
        Assert.Contains("'pay' starts: 'look' ended.", texts);
        Assert.Contains("Attempt 1 of 'pay' failed: NO_LUCK, It was never going to work.", texts);
        string again = Assert.Single(texts, t => t.StartsWith("'pay' is tried again at 20", StringComparison.Ordinal));
        Assert.EndsWith("Z, attempt 2 of 2: errors of the category 'permanent' are tried again.", again, StringComparison.Ordinal);
        Assert.Contains("'mail' is skipped because 'pay' failed.", texts);
        Assert.Contains("Should it come to that, 'look' is undone with skill.echo.", texts);
        Assert.Contains("'look' is undone with skill.echo.", texts);
        Assert.StartsWith("The run failed: NO_LUCK, ", texts[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_BehaviorTree_SaysWhichBranchWasTakenAndWhatWasWaitedFor()
    {
        JsonElement explanation = await ExplainAsync("""
            language: 1
            name: tree
            version: 1.0.0
            planner: behavior_tree
            root:
              sequence:
                - { id: allowed, condition: input.n > 0 }
                - conditional_selector:
                    - { condition: input.n > 5, child: { id: many, tool: skill.echo } }
                    - { condition: input.n > 1, child: { id: some, tool: skill.echo, input: { n: 3 } } }
                - { id: rest, wait: { for: 1ms } }
                - { id: rounds, repeat: { times: 3, until: output.n == 3 }, child: { id: again, tool: skill.echo, input: { n: 3 } } }
            """, """{"n":2}""");

        string[] texts = [.. explanation.GetProperty("lines").EnumerateArray().Select(l => Text(l, "text")!)];
        Assert.Contains("'allowed' succeeded because `input.n > 0` is true with input.n = 2.", texts);
        Assert.Contains("'some' is chosen because `input.n > 1` is true with input.n = 2. Before it, `input.n > 5` is false with input.n = 2.", texts);
        Assert.Contains(texts, t => t.StartsWith("'rest' lets time pass until 20", StringComparison.Ordinal));
        Assert.Contains("The time of 'rest' is over.", texts);
        Assert.Contains("'rounds' succeeded because `output.n == 3` is true with output.n = 3.", texts);
    }

    [Fact]
    public async Task Explain_RunThatWaits_SaysForWhat()
    {
        await _server.SaveAsync(Flows.Wait);
        string id = await _server.StartAsync("wait");
        await _server.InStatusAsync(id, "waiting");

        JsonElement explanation = (await _server.GetAsync($"/api/v1/runs/{id}/explain")).Json;

        Assert.Equal("waiting", Text(explanation, "status"));
        Assert.NotEmpty(explanation.GetProperty("lines").EnumerateArray());
    }

    [Fact]
    public async Task Explain_UnknownRun_Is404() =>
        (await _server.GetAsync("/api/v1/runs/01M7XQPN3AV30BYVJPYJ337QFY/explain")).Problem(HttpStatusCode.NotFound, "RUN_NOT_FOUND");

    private async Task<JsonElement> ExplainAsync(string workflow, string input)
    {
        await _server.SaveAsync(workflow);
        string name = workflow.Split('\n').First(l => l.StartsWith("name: ", StringComparison.Ordinal))[6..].Trim();
        return await ExplainAgainAsync(name, input);
    }

    private async Task<JsonElement> ExplainAgainAsync(string name, string input)
    {
        await _server.PostAsync($"/api/v1/workflows/{name}/execute", $$"""{"input":{{input}}}""");
        JsonElement run = (await _server.GetAsync($"/api/v1/runs?filter[workflow]={name}")).Json.GetProperty("items")[0];
        return (await _server.GetAsync($"/api/v1/runs/{Text(run, "id")}/explain")).Json;
    }

    private static JsonElement Line(JsonElement explanation, string start) =>
        explanation.GetProperty("lines").EnumerateArray().Single(l => Text(l, "text")!.StartsWith(start, StringComparison.Ordinal));

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();
}
