using System.Text.Json;
using System.Xml.Linq;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Scenarios;

public sealed class TestCommandTests : IDisposable
{
    private const string Workflow = """
        language: 1
        name: order
        version: 1.0.0
        input: { type: object, required: [n], properties: { n: { type: integer } } }
        planner: fsm
        initial_state: fetch
        final_states: [done, lost]
        states:
          fetch:
            tool: skill.http_call
            input: { method: GET, url: "https://example.org/${input.n}" }
            retry: { max_attempts: 3, initial: 1s }
            timeout: 10s
            on_success: hold
            on_error: lost
          hold: { wait: { signal: go, timeout: 2d }, on_success: done, on_error: lost }
          done: { tool: skill.echo, input: { status: "${steps.fetch.output.status_code}", got: "${steps.hold.output}" }, outcome: done }
          lost: { tool: skill.echo, input: { why: "${error.code}" }, outcome: lost }
        """;

    private const string Passing = """
        scenario: 1
        name: it gets there
        input: { n: 7 }
        stubs:
          tools:
            skill.http_call:
              - { error: { code: UPSTREAM_ERROR, category: transient } }
              - { hangs: true }
              - { output: { status_code: 200, headers: {}, headers_hash: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, body: ok, body_encoding: text, body_hash: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, latency_ms: 1 }, after: 3s }
        signals: [{ name: go, payload: { by: me }, when: hold, after: 5h }]
        expect:
          outcome: done
          path: [fetch, hold, done]
          steps: { fetch: { attempts: 3, visits: 1, input: { url: "https://example.org/7" } } }
          output: { status: 200, got: { by: me } }
          checks: ["run.seconds > 18000.0", "steps.fetch.status == 'succeeded'"]
          duration: { at_least: 5h, at_most: 6h }
        golden: traces/there.trace
        """;

    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Test_Passing_TakesNoRealTimeAndGivesTheSameTrace()
    {
        Write("there.yaml", Passing);
        AfResult update = await _af.RunAsync("test", "--update");
        Assert.True(update.Code == ExitCode.Ok, $"{update}");
        string trace = File.ReadAllText(Trace);
        Assert.Contains("attempt failed fetch#1 STEP_TIMEOUT", trace, StringComparison.Ordinal);
        Assert.Contains("signal go {\"by\":\"me\"}", trace, StringComparison.Ordinal);

        AfResult gate = await _af.RunAsync("test", ".", "--ci", "--junit", "results.xml");
        Assert.True(gate.Code == ExitCode.Ok, $"{gate}");
        Assert.Contains("1 of 1 scenarios passed.", gate.Out, StringComparison.Ordinal);
        XElement suite = XDocument.Load(Path.Combine(_af.Folder, "results.xml")).Root!.Element("testsuite")!;
        Assert.Equal(("1", "0", "0"), ((string)suite.Attribute("tests")!, (string)suite.Attribute("failures")!, (string)suite.Attribute("errors")!));
        await _af.RunAsync("test", "--update");
        Assert.Equal(trace, File.ReadAllText(Trace));
        Assert.False(File.Exists(Path.Combine(_af.Folder, ".af", "agentflow.db")));
    }

    [Theory]
    [InlineData("outcome: done", "outcome: lost", "outcome", "lost", "done")]
    [InlineData("path: [fetch, hold, done]", "path: [fetch, done]", "path", "fetch → done", "fetch → hold → done")]
    [InlineData("attempts: 3", "attempts: 2", "steps.fetch.attempts", "2", "3")]
    [InlineData("got: { by: me }", "got: { by: you }", "output.got.by", "\"you\"", "\"me\"")]
    [InlineData("at_least: 5h, at_most: 6h", "at_most: 1h", "duration", "at most 01:00:00", "05:00:")]
    [InlineData("run.seconds > 18000.0", "run.seconds < 1.0", "check run.seconds < 1.0", "true", "false")]
    [InlineData("payload: { by: me }, when: hold", "payload: { by: me }, when: done", "status", "completed", "completed")]
    [InlineData("name: go,", "name: stop,", "outcome", "done", "lost")]
    public async Task Test_Different_SaysWhatWasExpectedAndWhatCame(string old, string changed, string what, string expected, string actual)
    {
        Write("there.yaml", Passing.Replace(old, changed, StringComparison.Ordinal).Replace("golden: traces/there.trace", "", StringComparison.Ordinal));
        AfResult result = await _af.RunAsync("test", "-o", "json");
        Assert.Equal(ExitCode.Failed, result.Code);
        JsonElement[] mismatches = [.. JsonElement.Parse(result.Out)[0].GetProperty("mismatches").EnumerateArray()];
        if (what != "status")
        {
            JsonElement mismatch = Assert.Single(mismatches, m => m.GetProperty("what").GetString() == what);
            Assert.Equal(expected, mismatch.GetProperty("expected").GetString());
            Assert.Contains(actual, mismatch.GetProperty("actual").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Test_ChangedWorkflow_NamesTheLineOfTheTrace()
    {
        Write("there.yaml", Passing);
        await _af.RunAsync("test", "--update");
        File.WriteAllText(Path.Combine(_af.Folder, "workflow.yaml"), Workflow.Replace("initial: 1s", "initial: 9s", StringComparison.Ordinal));
        AfResult result = await _af.RunAsync("test");
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Matches(@"traces/there\.trace line 6: expected 0 again in \d+ ms fetch#1, was 0 again in \d+ ms fetch#1", result.Out);
    }

    private const string Asking = """
        language: 1
        name: asking
        version: 1.0.0
        defaults: { timeout: 5s }
        agents:
          judge: { kind: human, role: Judge it, form: { type: boolean } }
        planner: fsm
        initial_state: look
        final_states: [done, refused, expired]
        states:
          look:
            human:
              title: "Look at ${input.n}"
              form: { type: object, required: [ok], properties: { ok: { type: boolean } } }
              timeout: 2d
              on_timeout: { answer: { ok: false } }
              escalate: [{ after: 1d, to: { role: operator } }]
            transitions: [{ condition: "!output.ok", target: refused }]
            on_success: judge
            on_error: expired
          judge: { agent: judge, input: { n: "${input.n}" }, on_success: done }
          done: { tool: skill.echo, input: "${steps.judge.output}", outcome: done }
          refused: { tool: skill.echo, outcome: refused }
          expired: { tool: skill.echo, outcome: expired }
        """;

    [Theory]
    [InlineData("look: { output: { ok: true }, after: 47h }", "outcome: done, path: [look, judge, done], output: true, duration: { at_least: 50h, at_most: 50h }", null)]
    [InlineData("look: { output: { ok: true }, after: 2d }", "outcome: refused, duration: { at_least: 2d, at_most: 2d }", null)]
    [InlineData("look: { hangs: true }", "outcome: refused, steps: { look: { status: succeeded, output: { ok: false } } }, duration: { at_least: 2d, at_most: 2d }", null)]
    [InlineData("look: { error: { code: HUMAN_TASK_EXPIRED } }", "outcome: expired, steps: { look: { error: HUMAN_TASK_EXPIRED, attempts: 1 } }", null)]
    [InlineData("look: { output: { ok: 3 } }", "outcome: expired, steps: { look: { error: OUTPUT_INVALID } }", null)]
    [InlineData("", "outcome: expired", "look#1 calls human.look")]
    public async Task Test_HumanTasks_AreAnsweredByStubs(string step, string expect, string? unstubbed)
    {
        _af.Write("workflow.yaml", Asking);
        string judge = expect.Contains("judge", StringComparison.Ordinal) ? "agents: { judge: { output: true, after: 3h } }" : "";
        _af.Write(Path.Combine(".af", "scenarios", "asked.yaml"), $$"""
            scenario: 1
            input: { n: 7 }
            stubs: { steps: { {{step}} }, {{judge}} }
            expect: { {{expect}} }
            """);
        AfResult result = await _af.RunAsync("test", "--ci");
        Assert.True(result.Code == (unstubbed is null ? ExitCode.Ok : ExitCode.Failed), $"{result}");
        Assert.Contains(unstubbed ?? "1 of 1 scenarios passed.", result.Out, StringComparison.Ordinal);
    }

    private const string Approving = """
        language: 1
        name: paying
        version: 1.0.0
        input: { type: object, properties: { amount: { type: integer } } }
        agents:
          clerk: { kind: llm, role: File it, model: { provider: openai, model: gpt-4o-mini }, registered: clerk-1 }
        policies:
          max_budget: 1
          preflight: { ask: { role: finance, timeout: 2h } }
          approval: [{ tools: [skill.http_call], when: input.amount > 100, role: board }]
        planner: fsm
        initial_state: pay
        final_states: [done, refused]
        states:
          pay:
            tool: skill.http_call
            input: { method: POST, url: "https://example.org/pay" }
            approval: { role: approver, timeout: 1d, on_timeout: grant, escalate: [{ after: 4h, to: { role: boss } }] }
            on_success: file
            on_error: refused
          file: { agent: clerk, input: { n: 1 }, approval: { when: input.amount == 13 }, on_success: done, on_error: refused }
          done: { tool: skill.echo, outcome: done }
          refused: { tool: skill.echo, input: { why: "${error.message}" }, outcome: refused }
        """;

    private const string PaidStubs = "stubs: { tools: { skill.http_call: { output: { status_code: 200, headers: {}, headers_hash: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, body: ok, body_encoding: text, body_hash: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, latency_ms: 1 } } }, agents: { clerk: { output: { text: filed } } } }";

    [Theory]
    [InlineData(7, "approvals: { pay: approve }", "outcome: done, steps: { pay: { attempts: 1 } }, duration: { at_most: 1s }", null)]
    [InlineData(7, "approvals: { pay: { decision: deny, after: 2h, role: approver, reason: Too much } }", "outcome: refused, steps: { pay: { attempts: 0, error: APPROVAL_DENIED } }, output: { why: \"role:approver did not approve step 'pay#1': Too much.\" }, duration: { at_least: 2h, at_most: 2h }", null)]
    [InlineData(7, "approvals: { pay: none }", "outcome: done, duration: { at_least: 24h, at_most: 24h }", null)]
    [InlineData(7, "approvals: { pay: { decision: deny, after: 2d } }", "outcome: done, duration: { at_least: 24h, at_most: 24h }", null)]
    [InlineData(7, "approvals: { pay: { decision: approve, after: 5h, role: boss } }", "outcome: done, duration: { at_least: 5h, at_most: 5h }", null)]
    [InlineData(7, "approvals: { pay: { decision: approve, after: 5h, role: approver } }", "outcome: done", "approvals.pay: expected role approver decides after 05:00:00, was it is for role boss then")]
    [InlineData(7, "", "outcome: refused", "approvals: expected a decision about every approval that is asked for, was pay#1 asks role approver (step); add 'approvals: { pay: approve }'")]
    [InlineData(7, "approvals: { pay: approve, file: approve }", "outcome: done", "approvals: expected somebody is asked to approve file, was nobody ever is")]
    [InlineData(13, "approvals: { pay: approve, file: none }", "status: waiting, steps: { file: { status: open, attempts: 0 } }", null)]
    [InlineData(101, "approvals: { pay: [{ decision: approve, after: 1h }, { decision: deny, after: 1h, role: board }] }", "outcome: refused, duration: { at_least: 2h, at_most: 2h }", null)]
    [InlineData(7, "approvals: { pay: approve, file: { decision: deny, after: 3h } }\nregistered: { clerk-1: { requires_approval: [agent.*] } }", "outcome: refused, steps: { file: { error: APPROVAL_DENIED } }, duration: { at_least: 3h }", null)]
    [InlineData(7, "approvals: { pay: approve }\nregistered: { clerk-1: { requires_approval_above: 5 } }", "outcome: done", null)]
    [InlineData(7, "approvals: { pay: approve }\npreflight: { decision: approve, after: 1h, user: anna }", "outcome: done, duration: { at_least: 1h, at_most: 61m }", null)]
    [InlineData(7, "preflight: { decision: deny, after: 1h, role: finance }", "error: APPROVAL_DENIED, path: [], duration: { at_least: 1h, at_most: 1h }", null)]
    [InlineData(7, "preflight: none", "error: APPROVAL_DENIED, path: [], duration: { at_least: 2h, at_most: 2h }", null)]
    public async Task Test_Approvals_AreDecidedAsTheScenarioSays(int amount, string decisions, string expect, string? wrong)
    {
        _af.Write("workflow.yaml", Approving);
        _af.Write(Path.Combine(".af", "scenarios", "paid.yaml"), $$"""
            scenario: 1
            input: { amount: {{amount}} }
            {{PaidStubs}}
            {{decisions}}
            expect: { {{expect}} }
            """);
        bool mayBeUnused = !expect.Contains("done", StringComparison.Ordinal);
        AfResult result = await (mayBeUnused ? _af.RunAsync("test") : _af.RunAsync("test", "--ci"));
        Assert.True(result.Code == (wrong is null ? ExitCode.Ok : ExitCode.Failed), $"{result}");
        Assert.Contains(wrong ?? "1 of 1 scenarios passed.", result.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("approvals: { pya: approve }", "has no step or state 'pya'", "Did you mean 'pay'?")]
    [InlineData("approvals: { pay: yes }", "'yes' is no decision", "Write approve, deny or none")]
    [InlineData("approvals: { pay: { after: 1h } }", "The approval has no 'decision'", "decision: approve")]
    [InlineData("approvals: { pay: { decision: none, after: 1h } }", "'after' has no meaning where nobody decides", "its own 'timeout'")]
    [InlineData("registered: { clerk: {} }", "names no registered agent 'clerk'", "It has: clerk-1")]
    [InlineData("registered: { clerk-1: { requires_approval_above: much } }", "The policy of 'clerk-1' cannot be followed", "definition.policy")]
    [InlineData("registered: { clerk-1: { asks: [] } }", "'asks' is not a key of an agent's policy", "requires_approval")]
    public async Task Test_WrongDecision_NamesPlaceAndRemedy(string decisions, string message, string remedy)
    {
        _af.Write("workflow.yaml", Approving);
        _af.Write(Path.Combine(".af", "scenarios", "paid.yaml"), $"scenario: 1\n{decisions}\nexpect: {{ outcome: done }}\n");
        AfResult result = await _af.RunAsync("test");
        Assert.Matches(@"paid\.yaml:2:\d+: error [a-z-]+: ", result.Out);
        Assert.Contains(message, result.Out, StringComparison.Ordinal);
        Assert.Contains(remedy, result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_PreflightOfAWorkflowThatAsksNobody_IsRefused()
    {
        Write("held.yaml", "scenario: 1\ninput: { n: 1 }\npreflight: approve\nexpect: { outcome: done }\n");
        AfResult result = await _af.RunAsync("test");
        Assert.Contains("held.yaml:3:1: error not-applicable: order 1.0.0 asks nobody before it begins. Remove 'preflight'", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_ApprovalOfAnotherWorkflowsStep_IsDecidedByItsName()
    {
        _af.Write("workflow.yaml", Outer);
        _af.Write("billing.yaml", Billing.Replace("{ id: charge,", "{ id: charge, approval: { role: approver },", StringComparison.Ordinal));
        _af.Write("notes.yaml", Notes);
        string scenario = Path.Combine(".af", "scenarios", "billed.yaml");
        _af.Write(scenario, Billed + "\napprovals: { charge: { decision: approve, after: 3h } }\n");
        AfResult approved = await _af.RunAsync("test", "--ci");
        Assert.True(approved.Code == ExitCode.Ok, $"{approved}");
        _af.Write(scenario, Billed);
        Assert.Contains("was charge#1 asks role approver (step); add 'approvals: { charge: approve }'", (await _af.RunAsync("test")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Approvals_AreDrawnInSimulationsAndGrantedUnderChaos()
    {
        _af.Write("workflow.yaml", Approving);
        _af.Write("paid.yaml", $"scenario: 1\ninput: {{ amount: 101 }}\n{PaidStubs}\nexpect: {{ outcome: done }}\n");
        AfResult imagined = await _af.RunAsync("simulate", "workflow.yaml", "--n", "1000", "--scenario", "paid.yaml", "-o", "json");
        JsonElement[] ways = [.. JsonElement.Parse(imagined.Out).GetProperty("paths").EnumerateArray()];
        // Two approvals have to be a yes, and each is as often as not.
        Assert.InRange(ways.Where(w => w.GetProperty("outcome").GetString() == "done").Sum(w => w.GetProperty("share").GetDouble()), 0.2, 0.3);
        AfResult hurt = await _af.RunAsync("chaos", "workflow.yaml", "--scenario", "paid.yaml", "--seeds", "1..20", "--rate", "0.3", "--require", "degraded");
        Assert.True(hurt.Code == ExitCode.Ok, $"{hurt}");
        AfResult calm = await _af.RunAsync("chaos", "workflow.yaml", "--scenario", "paid.yaml", "--seeds", "1..5", "--rate", "0");
        Assert.True(calm.Code == ExitCode.Ok, $"{calm}");
    }

    private const string Outer = """
        language: 1
        name: outer
        version: 1.0.0
        planner: fsm
        initial_state: bill
        final_states: [done, lost]
        states:
          bill: { workflow: { name: billing, version: 1.x, input: { n: "${input.n}" } }, on_success: done, on_error: lost }
          done: { tool: skill.echo, input: "${steps.bill.output}", outcome: billed }
          lost: { tool: skill.echo, input: { why: "${error.code}" }, outcome: lost }
        """;

    /// <summary>Calls a workflow of its own, which stands beside both.</summary>
    private const string Billing = """
        language: 1
        name: billing
        version: 1.4.0
        planner: dag
        steps:
          - { id: charge, tool: skill.http_call, input: { method: GET, url: "https://example.org/${input.n}" } }
          - { id: note, depends_on: [charge], workflow: { name: notes, input: { body: "${steps.charge.output.body}" } } }
        output: { charged: "${steps.charge.output.body}", noted: "${steps.note.output.body}" }
        """;

    private const string Notes = "language: 1\nname: notes\nversion: 2.0.0\nplanner: fsm\ninitial_state: keep\nfinal_states: [keep]\nstates: { keep: { tool: skill.echo } }\n";

    private const string Billed = """
        scenario: 1
        workflow: ../../workflow.yaml
        input: { n: 7 }
        stubs:
          steps:
            charge: { output: { status_code: 200, headers: {}, headers_hash: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, body: paid, body_encoding: text, body_hash: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, latency_ms: 1 } }
        expect: { outcome: billed, path: [bill, done], output: { charged: paid, noted: paid } }
        """;

    [Theory]
    [InlineData("billing.yaml", "notes.yaml")]
    [InlineData("billing/workflow.yaml", "notes/workflow.yaml")]
    public async Task Test_StepsOfOtherWorkflows_AreDoneByTheFilesBesideIt(string billing, string notes)
    {
        _af.Write("workflow.yaml", Outer);
        _af.Write(billing, Billing);
        _af.Write(notes, Notes);
        _af.Write(Path.Combine(".af", "scenarios", "billed.yaml"), Billed);
        AfResult passed = await _af.RunAsync("test", "--ci");
        Assert.True(passed.Code == ExitCode.Ok, $"{passed}");
        AfResult imagined = await _af.RunAsync("simulate", "workflow.yaml", "--n", "20", "--scenario", ".af/scenarios/billed.yaml");
        Assert.Matches(@"100\.00 %  bill → done  billed", imagined.Out);
        AfResult hurt = await _af.RunAsync("chaos", "workflow.yaml", "--scenario", ".af/scenarios/billed.yaml", "--seeds", "1..10", "--rate", "0.5", "--require", "degraded");
        Assert.True(hurt.Code == ExitCode.Ok, $"{hurt}");
    }

    [Fact]
    public async Task Test_StepOfAWorkflowThatIsNotThere_FailsAsItDoesWhereNothingIsPublished()
    {
        _af.Write("workflow.yaml", Outer);
        _af.Write("billing.yaml", Billing.Replace("version: 1.4.0", "version: 2.4.0", StringComparison.Ordinal));
        _af.Write(Path.Combine(".af", "scenarios", "billed.yaml"), Billed[..Billed.IndexOf("stubs:", StringComparison.Ordinal)] + "expect: { outcome: lost, output: { why: WORKFLOW_NOT_FOUND } }\n");
        AfResult result = await _af.RunAsync("test");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        _af.Write("billing.yaml", Billing.Replace("skill.http_call", "skill.http_cal", StringComparison.Ordinal));
        AfResult broken = await _af.RunAsync("test");
        Assert.NotEqual(ExitCode.Ok, broken.Code);
        Assert.Contains("billing.yaml, which does a step of outer, has errors", broken.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_CallWithoutStub_ReachesNothing()
    {
        Write("open.yaml", "scenario: 1\ninput: { n: 1 }\nexpect: { outcome: lost, output: { why: NOT_STUBBED } }\n");
        AfResult result = await _af.RunAsync("test");
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("stubs: expected one for every call that reaches outside, was fetch#1 calls skill.http_call", result.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("outcome: done", "outcme: done", "outcme", "Did you mean 'outcome'?")]
    [InlineData("fetch: { attempts", "fecth: { attempts", "has no step or state 'fecth'", "Did you mean 'fetch'?")]
    [InlineData("skill.http_call:", "skill.http:", "has no tool that a step calls 'skill.http'", "It has: ")]
    [InlineData("category: transient", "category: passing", "'passing' is not a value of 'category'", "Known: transient")]
    [InlineData("{ hangs: true }", "{ after: 1s }", "The stub says nothing of what comes.", "exactly one of")]
    [InlineData("scenario: 1", "scenario: 2", "not 2", "scenario: 1")]
    [InlineData("after: 5h", "after: 5", "'5' has no unit", "200ms, 10s")]
    [InlineData("steps.fetch.status ==", "steps.fetch.status =", "is no expression", "Write CEL")]
    [InlineData("input: { n: 7 }", "input: { n: 7", "", "")]
    public async Task Test_WrongFile_NamesPlaceAndRemedy(string old, string changed, string message, string remedy)
    {
        Write("there.yaml", Passing.Replace(old, changed, StringComparison.Ordinal));
        AfResult result = await _af.RunAsync("test");
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("cannot be played", result.Out, StringComparison.Ordinal);
        Assert.Matches(@"there\.yaml:\d+:\d+: error [a-z-]+: ", result.Out);
        Assert.Contains(message, result.Out, StringComparison.Ordinal);
        Assert.Contains(remedy, result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_Gate_HoldsMore()
    {
        AfResult none = await _af.RunAsync("test", "--ci");
        Assert.Equal(ExitCode.Failed, none.Code);
        Write("unused.yaml", Passing.Replace("golden: traces/there.trace", "", StringComparison.Ordinal).Replace("  tools:", "  steps: { lost: { output: {} } }\n  tools:", StringComparison.Ordinal));
        AfResult free = await _af.RunAsync("test");
        Assert.True(free.Code == ExitCode.Ok && free.Error.Contains("the stub steps.lost was never called", StringComparison.Ordinal), $"{free}");
        AfResult gate = await _af.RunAsync("test", "--ci");
        Assert.Contains("stubs: expected steps.lost is called, was it never is", gate.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, (await _af.RunAsync("test", "--ci", "--update")).Code);
    }

    [Fact]
    public async Task Test_ShippedTemplates_Pass()
    {
        AfResult result = await _af.RunAsync("test", Path.Combine(Repository.Root, "templates"), "--ci", "-o", "json");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        Assert.All(JsonElement.Parse(result.Out).EnumerateArray(), scenario => Assert.True(scenario.GetProperty("passed").GetBoolean()));
    }

    [Fact]
    public async Task Test_TwoWorkflows_AsksForTheName()
    {
        Write("there.yaml", Passing);
        _af.Write("other.yaml", Workflow);
        AfResult result = await _af.RunAsync("test");
        Assert.Contains("has several workflow files (other.yaml, workflow.yaml). Name one in the scenario", result.Error, StringComparison.Ordinal);
    }

    private string Trace => Path.Combine(_af.Folder, ".af", "scenarios", "traces", "there.trace");

    private void Write(string name, string scenario)
    {
        _af.Write("workflow.yaml", Workflow);
        _af.Write(Path.Combine(".af", "scenarios", name), scenario);
    }
}
