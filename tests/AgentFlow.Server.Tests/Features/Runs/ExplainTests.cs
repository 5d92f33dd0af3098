using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace AgentFlow.Server.Tests.Features.Runs;

/// <summary>Why runs took their way, asked of the journal afterwards.</summary>
public sealed partial class ExplainTests : IAsyncLifetime
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
        Assert.Equal(Text(explanation, "journal_hash"), Text(await ExplainAgainAsync("triage", """{"confidence":0.64}"""), "journal_hash"));
        Assert.NotEqual(Text(explanation, "journal_hash"), Text(second, "journal_hash"));
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

    /// <summary>What is said of the parts of a run, without the run's and its graph's own lines.</summary>
    private static string Parts(JsonElement explanation) =>
        Moment().Replace(Id().Replace(string.Join('\n', explanation.GetProperty("lines").EnumerateArray().Select(l => Text(l, "text"))), "RUN"), "TIME");

    private async Task<string> ExplainWaitingAsync(string workflow, string input = "{}")
    {
        await _server.SaveAsync(workflow);
        string id = await _server.StartAsync(workflow.Split('\n').First(l => l.StartsWith("name: ", StringComparison.Ordinal))[6..].Trim(), input);
        await _server.InStatusAsync(id, "waiting");
        return id;
    }

    private async Task<string> PartsOfAsync(string run)
    {
        await _server.EndAsync(run);
        return Parts((await _server.GetAsync($"/api/v1/runs/{run}/explain")).Json);
    }

    [Fact]
    public async Task Explain_Loops_SaysWhichRoundOrItemBegins() => Assert.Equal(
        """
        The run of loops 1.0.0 was started by api.
        The workflow begins in 'each', its initial state.
        'each' has 2 items.
        Item 1 of 'each' begins.
        'do' succeeded.
        Item 2 of 'each' begins.
        'do' succeeded.
        'each' succeeded.
        'each' succeeded and leads to 'none', its 'on_success'.
        'none' has no items.
        'none' succeeded.
        'none' succeeded and leads to 'start', its 'on_success'.
        'start' succeeded.
        'start' succeeded and leads to 'again', its 'on_success'.
        Round 1 of 'again' begins because `output.n != 2` is true with output.n = 0.
        'do' succeeded.
        'again' is going to have another round because `output.n != 2` is true with output.n = 1.
        'pause' lets time pass until TIME.
        The time of 'pause' is over.
        'pause' succeeded.
        Round 2 of 'again' begins.
        'do' succeeded.
        'again' succeeded because `output.n != 2` is false with output.n = 2.
        The run completed: again.
        """,
        Parts(await ExplainAsync("""
            language: 1
            name: loops
            version: 1.0.0
            planner: fsm
            initial_state: each
            final_states: [again]
            states:
              each: { foreach: { items: "${input.list}", max_parallel: 1, do: { tool: skill.echo, input: { n: "${item}" } } }, on_success: none }
              none: { foreach: { items: [], do: { tool: skill.echo } }, on_success: start }
              start: { tool: skill.echo, input: { n: 0 }, on_success: again }
              again: { while: { condition: "output.n != 2", max: 5, delay: 1ms, do: { tool: skill.echo, input: { n: "${index + 1}" } } } }
            """, """{"list":[7,8]}""")));

    [Fact]
    public async Task Explain_Waits_SaysForWhatAndWhatCameFirst()
    {
        string id = await ExplainWaitingAsync("""
            language: 1
            name: waits
            version: 1.0.0
            planner: fsm
            initial_state: any
            final_states: [all]
            states:
              any: { wait_for: { any: [{ signal: go }, { id: late, for: 30d }] }, on_success: all }
              all: { wait_for: { all: [{ signal: one }, { id: pause, for: 1ms }] } }
            """);
        await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go"}""");
        await _server.UntilAsync($"/api/v1/runs/{id}", r => r.GetProperty("steps").EnumerateArray().Any(s => Text(s, "path") == "all#1/pause#1" && Text(s, "status") == "succeeded"));
        await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"one"}""");
        Assert.Equal(
            """
            The run of waits 1.0.0 was started by api.
            The workflow begins in 'any', its initial state.
            'go' waits for the signal 'go'.
            'late' lets time pass until TIME.
            The signal 'go' came.
            'go' took the signal that it waits for.
            'go' succeeded.
            'late' was cancelled.
            'any' succeeded: 'go' came first.
            'any' succeeded and leads to 'all', its 'on_success'.
            'one' waits for the signal 'one'.
            'pause' lets time pass until TIME.
            The time of 'pause' is over.
            'pause' succeeded.
            The signal 'one' came.
            'one' took the signal that it waits for.
            'one' succeeded.
            'all' succeeded: everything that it waits for has come.
            The run completed: all.
            """,
            await PartsOfAsync(id));
    }

    [Fact]
    public async Task Explain_ChildrenAndWhatRunsShare_SaysWithWhom()
    {
        await _server.SaveAsync(Flows.Echo);
        string id = await ExplainWaitingAsync("""
            language: 1
            name: shared
            version: 1.0.0
            planner: fsm
            initial_state: child
            final_states: [look]
            states:
              child: { workflow: { name: echo, version: 1.x, input: { message: hi } }, on_success: export }
              export: { tool: skill.echo, semaphore: { name: ledger, permits: 2 }, on_success: meet }
              meet: { planner: dag, steps: [{ id: a, barrier: { name: gate, parties: 2 } }, { id: b, barrier: { name: gate, parties: 2 } }], on_success: look }
              look: { human: { title: Look at it } }
            """);
        string task = (await _server.UntilAsync($"/api/v1/human-tasks?filter[run_id]={id}", p => p.GetProperty("items").GetArrayLength() == 1)).GetProperty("items")[0].GetProperty("id").GetString()!;
        await _server.PostAsync($"/api/v1/human-tasks/{task}/complete", """{"answer":"yes"}""");
        Assert.Equal(
            """
            The run of shared 1.0.0 was started by api.
            The workflow begins in 'child', its initial state.
            'child' is done by run RUN of echo 1.0.0, the highest version that fits.
            run:RUN answered for 'child': it succeeded.
            'child' succeeded and leads to 'export', its 'on_success'.
            'export' asks for one of the 2 permits of the semaphore 'ledger'.
            'export' is given its permit.
            'export' succeeded.
            'export' gives its permit of the semaphore 'ledger' back.
            'export' succeeded and leads to 'meet', its 'on_success'.
            'a' starts: it waits for nothing.
            'a' waits at the barrier 'gate' until 2 wait there.
            'b' starts: it waits for nothing.
            'b' waits at the barrier 'gate' until 2 wait there.
            The barrier opens to 'a', the 1st in its round.
            'a' succeeded.
            The barrier opens to 'b', the 2nd in its round.
            'b' succeeded.
            'meet' succeeded.
            'meet' succeeded and leads to 'look', its 'on_success'.
            'look' waits for a person.
            api answered for 'look': it succeeded.
            The run completed: look.
            """,
            await PartsOfAsync(id));
    }

    [Fact]
    public async Task Explain_PlaceThatIsNotGiven_SaysHowLongItWaited() => Assert.Equal(
        """
        The run of alone 1.0.0 was started by api.
        The workflow begins in 'meet', its initial state.
        'meet' waits at the barrier 'nobody' until 2 wait there.
        'meet' waits for its place until TIME at most.
        'meet' ran out of time.
        'meet' failed: BARRIER_TIMEOUT, Fewer than 2 parties came to barrier 'nobody' while 'meet#1' waited. GET /api/v1/barriers tells who waits there.
        'meet' waits no longer at the barrier 'nobody'.
        'meet' failed and leads to 'done', its 'on_error': BARRIER_TIMEOUT, Fewer than 2 parties came to barrier 'nobody' while 'meet#1' waited. GET /api/v1/barriers tells who waits there.
        'done' succeeded.
        The run completed: done.
        """,
        Parts(await ExplainAsync("""
            language: 1
            name: alone
            version: 1.0.0
            planner: fsm
            initial_state: meet
            final_states: [done]
            states:
              meet: { barrier: { name: nobody, parties: 2, timeout: 20ms }, on_success: done, on_error: done }
              done: { tool: skill.echo }
            """, "{}")));

    [Fact]
    public async Task Explain_Remedies_SaysForWhatAndWhatIsDone() => Assert.Equal(
        """
        The run of remedied 1.0.0 was started by api.
        The workflow begins in 'try', its initial state.
        Attempt 1 of 'try' failed: NO_LUCK, It was never going to work.
        'try' has a remedy for NO_LUCK: fixer is called, and what it gives is the step's output.
        'try.remedy2' succeeded.
        'try' succeeded.
        The run completed: try.
        """,
        Parts(await ExplainAsync("""
            language: 1
            name: remedied
            version: 1.0.0
            agents:
              fail: { kind: custom, type: fail }
              fixer: { kind: tool, tool: skill.echo }
            planner: fsm
            initial_state: try
            final_states: [try]
            states:
              try: { agent: fail, remedies: [{ on: [OTHER], times: 1 }, { on: [NO_LUCK], agent: fixer, then: accept }] }
            """, "{}")));

    [Fact]
    public async Task Explain_ChangedPlan_SaysWhatStepsWaitedForInIt()
    {
        string id = await ExplainWaitingAsync("""
            language: 1
            name: changed
            version: 1.0.0
            planner: dag
            steps:
              - { id: fetch, tool: skill.echo }
              - { id: ok, depends_on: [fetch], wait: { signal: go } }
              - { id: publish, depends_on: [ok], tool: skill.echo }
              - { id: notify, depends_on: [publish], tool: skill.echo }
            """);
        Answer changed = await _server.PostAsync($"/api/v1/runs/{id}/plan", """{"changes":"changes:\n  - insert: { id: check, tool: skill.echo, depends_on: [fetch] }\n    before: publish\n  - remove: notify\n"}""");
        Assert.True((int)changed.Status is 200 or 202, $"{changed.Status}");
        await _server.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go"}""");
        Assert.Equal(
            """
            The run of changed 1.0.0 was started by api.
            'fetch' starts: it waits for nothing.
            'fetch' succeeded.
            'ok' starts: 'fetch' ended. It waits for the signal 'go'.
            api wants the plan changed.
            The plan was changed.
            'check' starts: 'fetch' ended.
            'check' succeeded.
            The signal 'go' came.
            'ok' took the signal that it waits for.
            'ok' succeeded.
            'publish' starts: 'ok', 'check' ended.
            'publish' succeeded.
            The run completed: completed.
            """,
            await PartsOfAsync(id));
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

    [GeneratedRegex("[0-9A-HJKMNP-TV-Z]{26}")]
    private static partial Regex Id();

    [GeneratedRegex(@"\d{4}-\d\d-\d\dT[0-9:.]+Z")]
    private static partial Regex Moment();
}
