using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.StateMachine;

namespace AgentFlow.Engine.Tests.Definitions.Loading;

public class WorkflowLoaderTests
{
    internal const string Support = """
        language: 1
        name: support
        version: 1.2.0
        description: Answers a message, or hands it on
        input: { type: object, required: [message], properties: { message: { type: string } } }
        agents:
          classifier: { kind: llm, role: "Classify a message", model: { provider: openai, model: small, temperature: 0.1 } }
          knowledge: { kind: rag, top: 3 }
          writer: { kind: llm, role: "Answer from the passages" }
        policies: { max_budget: 0.05, on_exceed: fail, deadline: 60s }
        planner: fsm
        initial_state: classify
        final_states: [send_response, escalate]
        states:
          classify:
            agent: classifier
            input: { message: "${input.message}" }
            retry: { max_attempts: 3, backoff: exponential, initial: 200ms, max: 5s, jitter: 0.2 }
            timeout: 10s
            transitions:
              - { condition: "output.confidence < 0.7", target: escalate }
            on_success: knowledge_search
            on_error: escalate
          knowledge_search: { agent: knowledge, input: { query: "${input.message}" }, on_success: generate_response, on_error: escalate }
          generate_response: { agent: writer, input: { passages: "${steps.knowledge_search.output}" }, on_success: send_response, on_error: escalate }
          send_response: { tool: skill.echo, outcome: answered }
          escalate: { tool: skill.echo, outcome: escalated }

        """;

    internal const string Report = """
        language: 1
        name: report
        version: 2.0.0-beta.1
        vars: { limit: 10, region: eu }
        defaults: { timeout: 5s, on_unknown: fail, retry: { max_attempts: 2, backoff: constant, initial: 1s } }
        policies: { permissions: ["network.*", db.read, db.write], durability: every_step, max_steps: 50, on_exceed: warn }
        planner: dag
        max_parallel: 4
        steps:
          - id: fetch
            tool: skill.http_call
            input: { url: "https://example.org/${vars.region}?key=${env.API_KEY}", top: "${vars.limit}" }
          - id: store
            tool: skill.query
            depends_on: [fetch]
            timeout: 1m30s
            retry: { max_attempts: 5, on: [transient] }
            on_unknown: ask
            permissions: [db.*]
            condition: size(steps.fetch.output) > 0
            on_error: continue
          - id: review
            depends_on: [fetch]
            planner: fsm
            timeout: 1h
            initial_state: ask
            final_states: [done]
            states:
              ask: { wait: { signal: reviewed, timeout: 30m }, on_success: pause }
              pause: { wait: { for: 10m }, on_success: done }
              done: { input: { first: "${steps.fetch.output}", answer: "${steps.ask.output}" } }
          - id: tidy
            tool: skill.echo
            depends_on: [store, review]
            condition: failed() || env.ALWAYS_TIDY == "yes"
            on_error: retry
        output: { stored: "${steps.store.output}", region: "${vars.region}" }

        """;

    [Fact]
    public void BehaviorTree_EveryKindOfNode_IsRead()
    {
        WorkflowDefinition definition = Loading.Load("""
            language: 1
            name: tree
            version: 1.0.0
            planner: behavior_tree
            root:
              selector:
                - id: cached
                  sequence:
                    - { condition: "has(input.cached)" }
                    - { id: look, tool: skill.echo, timeout: 2s }
                    - { tool: skill.echo, input: "${steps.look.output}" }
                - parallel:
                    - { invert: true, child: { tool: skill.echo } }
                    - { retry: { max_attempts: 4, delay: 1s }, child: { tool: skill.echo } }
                    - { repeat: { until: "output.done", times: 9 }, child: { tool: skill.echo } }
                  success_policy: 2
                - conditional_selector:
                    - { condition: "input.n > 1", child: { wait: { for: 1s } } }
                    - { default: { timeout: 5s, child: { planner: dag, steps: [{ id: inner, tool: skill.echo }] } } }

            """).Definition!;
        var selector = (SelectorNode)definition.Root.Children[0];
        Assert.Equal(["cached", "parallel", "conditional_selector"], selector.Children.Select(c => c.Id));
        Assert.Equal(["condition", "look", "action"], selector.Children[0].Children.Select(c => c.Id));
        var parallel = (ParallelNode)selector.Children[1];
        Assert.Equal((2, 3), (parallel.Needed, parallel.Children.Count));
        var retry = (RepeatNode)parallel.Children[1];
        Assert.Equal((true, 4, 2), (retry.IsRetry, retry.Times, retry.Children.Count));
        Assert.Equal("output.done", ((RepeatNode)parallel.Children[2]).Until!.Source);
        var branches = (ConditionalSelectorNode)selector.Children[2];
        Assert.Equal(["input.n > 1", null], branches.Conditions.Select(c => c?.Source));
        Assert.Equal(TimeSpan.FromSeconds(5), branches.Children[1].Timeout);
        Assert.IsType<GraphNode>(branches.Children[1].Children[0]);
    }

    [Fact]
    public void HumanAndApproval_WithEverything_AreRead()
    {
        WorkflowDefinition definition = Loading.Load("""
            language: 1
            name: people
            version: 1.0.0
            policies: { approval: [{ when: input.amount > 1000, tools: [skill.*], role: boss, timeout: 2h, on_timeout: grant }] }
            agents:
              checker: { kind: human, role: Check it, assignee: { user: anna }, timeout: 1d }
            planner: dag
            steps:
              - id: look
                human:
                  title: "Look at ${input.amount}"
                  data: { amount: "${input.amount}" }
                  form: { type: boolean }
                  assignee: { role: "${input.team}" }
                  timeout: 2d
                  on_timeout: { answer: false }
                  escalate: [{ after: 4h, to: { role: boss } }, { after: 1d, to: { user: carl } }]
              - { id: check, agent: checker, depends_on: [look], input: { x: 1 } }
              - { id: pay, tool: skill.echo, depends_on: [check], approval: { when: "!steps.look.output", user: anna, reason: "of ${input.amount}", escalate: [{ after: 1h, to: { role: boss } }] } }

            """).Definition!;
        var look = (CallNode)definition.Root.Children[0];
        Assert.Equal(("human.look", AgentFlow.Contracts.Tools.Effects.External), (look.Tool.Contract.Id, look.Effects));
        Assert.Null(look.OutputValidator!("true"u8.ToArray()));
        Assert.NotNull(look.OutputValidator!("7"u8.ToArray()));
        Assert.Equal("human.checker", ((CallNode)definition.Root.Children[1]).Tool.Contract.Id);
        AgentFlow.Engine.Approvals.ApprovalPolicy own = ((CallNode)definition.Root.Children[2]).Approval!;
        Assert.Equal(("step", "anna", "!steps.look.output", 1), (own.Name, own.To.User, own.When!.Source, own.Escalations.Count));
        AgentFlow.Engine.Approvals.ApprovalPolicy policy = Assert.Single(definition.Policies.Approvals);
        Assert.Equal(("policy 1", "boss", TimeSpan.FromHours(2), true), (policy.Name, policy.To.Role, policy.Timeout, policy.GrantsWhenDue));
    }

    [Fact]
    public void Compensate_OnACall_IsReadWithItsDefaults()
    {
        WorkflowDefinition definition = Loading.Load("""
            language: 1
            name: pay
            version: 1.0.0
            planner: dag
            steps:
              - id: charge
                tool: skill.http_call
                input: { method: POST, url: "https://example.org/charges" }
                compensate: { tool: skill.http_call, input: { method: DELETE, url: "https://example.org/charges/${output.body}" }, timeout: 3s, on_error: continue }
              - { id: ship, tool: skill.echo, depends_on: [charge], compensate: { tool: skill.echo } }

            """).Definition!;
        var charge = (CallNode)definition.Root.Children[0];
        Assert.Equal(("charge.compensate", "skill.http_call", TimeSpan.FromSeconds(3), true), (charge.Compensation!.Id, charge.Compensation.Tool.Contract.Id, charge.Compensation.AttemptTimeout, charge.Compensation.IsBestEffort));
        CallNode ship = ((CallNode)definition.Root.Children[1]).Compensation!;
        Assert.Equal((3, false, null), (ship.Retry.MaxAttempts, ship.IsBestEffort, ship.Input));
        Assert.Equal(definition.Nodes.Count, definition.Nodes.Select(n => n.Index).Distinct().Count());
        Assert.Contains(ship, definition.Nodes);
    }

    [Fact]
    public void Load_TenMistakes_GivesTenDiagnosticsEachAtItsPlace()
    {
        IReadOnlyList<Diagnostic> found = Marked.AssertDiagnostics("""
            language: 1
            name: «invalid-name»Support Desk
            version: «invalid-version»1.2
            agents:
              classifier: { kind: «unknown-agent-kind»lmm }
              writer: { kind: llm }
            policies: { deadline: «invalid-duration»60 }
            planner: fsm
            initial_state: «unknown-state»clasify
            final_states: [done]
            states:
              classify:
                agent: classifier
                «unknown-key»conditional_transitions:
                  - { condition: "output.confidence «invalid-expression»=< 0.7", target: done }
                on_success: write
              write:
                agent: «unknown-agent»writter
                input: { passages: "${«unknown-step»steps.clasify.output}" }
                «duplicate-key»agent: writer
                on_success: done
              done: { tool: skill.echo }

            """);
        Assert.Equal(10, found.Count);
    }

    [Fact]
    public void Load_StateMachine_BecomesNodes()
    {
        WorkflowDefinition definition = Loading.Definition(Support);
        Assert.Equal(("support", "1.2.0", "fsm", "Answers a message, or hands it on"), (definition.Name, definition.Version, definition.Planner, definition.Description));
        Assert.Equal(50_000_000, definition.Policies.MaxBudgetNanoDollars);
        Assert.Equal(TimeSpan.FromMinutes(1), definition.Policies.Deadline);
        Assert.Equal("object", definition.InputSchema!.Value.GetProperty("type").GetString());
        Assert.Equal(3, definition.Agents["knowledge"].Settings.GetProperty("top").GetInt32());
        Assert.Equal("Classify a message", definition.Agents["classifier"].Role);

        var machine = Assert.IsType<StateMachineNode>(definition.Root);
        Assert.Equal("root", machine.Id);
        Assert.Equal(["classify", "knowledge_search", "generate_response", "send_response", "escalate"], machine.Children.Select(c => c.Id));
        Assert.Equal(0, machine.Initial);
        StateRules rules = machine.Rules[0];
        Assert.Equal((1, 4, false), (rules.OnSuccess, rules.OnError, rules.IsFinal));
        Assert.Equal("output.confidence < 0.7", Assert.Single(rules.Transitions).Condition.Source);
        Assert.Equal(4, rules.Transitions[0].Target);
        Assert.Equal((true, "escalated"), (machine.Rules[4].IsFinal, machine.Rules[4].Outcome));

        var classify = Assert.IsType<CallNode>(machine.Children[0]);
        Assert.Equal(("classifier", "agent.classifier"), (classify.Agent, classify.Tool.Contract.Id));
        Assert.Equal(TimeSpan.FromSeconds(10), classify.AttemptTimeout);
        Assert.Equal((3, TimeSpan.FromSeconds(5), 2.0, 0.2), (classify.Retry.MaxAttempts, classify.Retry.Max, classify.Retry.Factor, classify.Retry.Jitter));
        Assert.Equal("input.message", Assert.Single(classify.Input!.Expressions).Source);
        Assert.Same(RetryPolicy.None, Assert.IsType<CallNode>(machine.Children[1]).Retry);
    }

    [Fact]
    public void Load_Graph_BecomesNodes()
    {
        WorkflowDefinition definition = Loading.Definition(Report);
        Assert.Equal(["ALWAYS_TIDY", "API_KEY"], definition.EnvironmentNames);
        Assert.Equal("""{"limit":10,"region":"eu"}""", definition.Vars.ToString());
        Assert.Equal(["steps.store.output", "vars.region"], definition.Output!.Expressions.Select(e => e.Source));
        Assert.Equal((Durability.EveryStep, 50, OnExceed.Warn), (definition.Policies.Durability, definition.Policies.MaxSteps, definition.Policies.OnExceed));
        Assert.Equal(["network.*", "db.read", "db.write"], definition.Policies.Permissions);

        var graph = Assert.IsType<GraphNode>(definition.Root);
        Assert.Equal(4, graph.MaxParallel);
        Assert.Equal(["fetch", "store", "review", "tidy"], graph.Children.Select(c => c.Id));
        Assert.Equal([[], [0], [0], [1, 2]], graph.Rules.Select(r => r.DependsOn.ToArray()));
        Assert.Equal([OnStepError.Abort, OnStepError.Continue, OnStepError.Abort, OnStepError.Abort], graph.Rules.Select(r => r.OnError));
        Assert.Equal([false, false, false, true], graph.Rules.Select(r => r.RunsAfterFailure));

        var fetch = Assert.IsType<CallNode>(graph.Children[0]);
        Assert.Equal((2, 1.0, TimeSpan.FromSeconds(1)), (fetch.Retry.MaxAttempts, fetch.Retry.Factor, fetch.Retry.Initial));
        Assert.Equal((TimeSpan.FromSeconds(5), OnUnknown.Fail, Effects.External), (fetch.AttemptTimeout, fetch.OnUnknown, fetch.Effects));
        Assert.Null(fetch.Granted);
        var store = Assert.IsType<CallNode>(graph.Children[1]);
        Assert.Equal((5, OnUnknown.Ask, TimeSpan.FromSeconds(90)), (store.Retry.MaxAttempts, store.OnUnknown, store.AttemptTimeout));
        Assert.Equal([ErrorCategory.Transient], store.Retry.On);
        Assert.Equal(["db.*"], store.Granted);
        Assert.Equal("size(steps.fetch.output) > 0", graph.Rules[1].Condition!.Source);

        var review = Assert.IsType<StateMachineNode>(graph.Children[2]);
        Assert.Equal(TimeSpan.FromHours(1), review.Timeout);
        Assert.Equal([("reviewed", TimeSpan.FromMinutes(30)), (null, TimeSpan.FromMinutes(10))], review.Children.OfType<WaitNode>().Select(w => (w.Signal, w.For!.Value)));
        Assert.Equal(2, Assert.IsType<PassNode>(review.Children[2]).Input!.Expressions.Count());
    }

    [Fact]
    public void Load_OnErrorRetryWithoutBlock_TriesThreeTimes()
    {
        var graph = (GraphNode)Loading.Definition("""
            language: 1
            name: a
            version: 1.0.0
            planner: dag
            steps:
              - { id: plain, tool: skill.echo, on_error: retry }
              - { id: own, tool: skill.echo, on_error: retry, retry: { max_attempts: 7 } }
              - { id: bare, tool: skill.echo, retry: {} }
              - { id: none, tool: skill.echo }
            """).Root;
        Assert.Equal([3, 7, 3, 1], graph.Children.Cast<CallNode>().Select(c => c.Retry.MaxAttempts));
    }

    [Fact]
    public void Load_StepAndAgentGrants_AreNarrowedToWhatBothHave()
    {
        var graph = (GraphNode)Loading.Definition("""
            language: 1
            name: a
            version: 1.0.0
            planner: dag
            agents:
              free: { kind: llm }
              bound: { kind: llm, permissions: [network.*, db.read], needs: [network.http] }
            steps:
              - { id: a, agent: free }
              - { id: b, agent: bound }
              - { id: c, agent: bound, permissions: [network.http, fs.read] }
              - { id: d, agent: free, permissions: [] }
            """).Root;
        Assert.Equal([null, "network.*,db.read", "network.http", ""], graph.Children.Cast<CallNode>().Select(c => c.Granted is null ? null : string.Join(',', c.Granted)));
    }

    [Theory]
    [InlineData("yes", "\"yes\"")]
    [InlineData("no", "\"no\"")]
    [InlineData("on", "\"on\"")]
    [InlineData("2024-01-01", "\"2024-01-01\"")]
    [InlineData("1_000", "\"1_000\"")]
    [InlineData("0o17", "15")]
    [InlineData("0x1F", "31")]
    [InlineData("010", "10")]
    [InlineData("+5", "5")]
    [InlineData("-0.50", "-0.50")]
    [InlineData(".5", "0.5")]
    [InlineData("1.", "1")]
    [InlineData("1e3", "1e3")]
    [InlineData("12345678901234567890123", "12345678901234567890123")]
    [InlineData("True", "true")]
    [InlineData("~", "null")]
    [InlineData("", "null")]
    [InlineData("!!str 5", "\"5\"")]
    [InlineData("! 5", "\"5\"")]
    [InlineData("\"5\"", "\"5\"")]
    [InlineData("'it''s'", "\"it's\"")]
    [InlineData("\"\\u00e9\\U0001F600\"", "\"é😀\"")]
    public void Load_Scalar_IsReadByTheCoreSchema(string yaml, string json)
    {
        WorkflowDefinition definition = Loading.Definition($"language: 1\nname: a\nversion: 1.0.0\nplanner: dag\nsteps: [{{ id: a }}]\nvars:\n  on: {yaml}\n");
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse($$"""{"on":{{json}}}"""), JsonElement.Parse(definition.Vars.Utf8.Span)), definition.Vars.ToString());
    }

    [Fact]
    public void Load_AnchorsAndMergeKeys_AreWrittenOut()
    {
        WorkflowDefinition definition = Loading.Definition("""
            language: 1
            name: a
            version: 1.0.0
            vars:
              base: &base { a: 1, b: [x, &item y] }
              other: &other { b: 2, c: 3 }
              merged: { <<: [*base, *other], d: *item, a: 0 }
              plain: { "<<": *item }
            planner: dag
            steps:
              - &echo { id: first, tool: skill.echo, retry: { max_attempts: 4 } }
              - { <<: *echo, id: second }
            """);
        Assert.Equal("""{"base":{"a":1,"b":["x","y"]},"other":{"b":2,"c":3},"merged":{"d":"y","a":0,"b":["x","y"],"c":3},"plain":{"<<":"y"}}""", definition.Vars.ToString());
        Assert.Equal(["first:4", "second:4"], definition.Root.Children.Cast<CallNode>().Select(c => $"{c.Id}:{c.Retry.MaxAttempts}"));
    }

    [Fact]
    public void Load_Assets_ReachTheAgentKind()
    {
        const string yaml = "language: 1\nname: a\nversion: 1.0.0\nassets: [data]\nagents: { k: { kind: rag, source: data/articles } }\nplanner: dag\nsteps: [{ id: a, agent: k }]\n";
        Assert.Empty(Loading.Load(yaml, ("data/articles/1.md", "one")).Diagnostics);
        Assert.Equal(["invalid-agent"], Loading.Load(yaml, ("data/other.md", "two")).Diagnostics.Select(d => d.Code));
    }

    [Fact]
    public void Load_ToolWithSchemas_GivesTheCallItsValidators()
    {
        WorkflowDefinition definition = Loading.Definition("language: 1\nname: a\nversion: 1.0.0\nplanner: dag\nsteps: [{ id: a, tool: skill.strict }, { id: b, tool: skill.echo }]\n");
        CallNode[] calls = [.. definition.Root.Children.Cast<CallNode>()];
        Assert.Null(calls[0].InputValidator!("""{ "n": 1 }"""u8.ToArray()));
        Assert.Contains("/n", calls[0].InputValidator!("""{ "n": "x" }"""u8.ToArray()), StringComparison.Ordinal);
        Assert.Null(calls[0].OutputValidator!("\"text\""u8.ToArray()));
        Assert.NotNull(calls[0].OutputValidator!("5"u8.ToArray()));
        Assert.Null(calls[1].InputValidator);
        Assert.Null(calls[1].OutputValidator);
    }

    [Fact]
    public void Load_WarningsOnly_GiveADefinition()
    {
        const string yaml = "language: 1\nname: a\nversion: 1.0.0\nagents: { k: { kind: rag } }\nplanner: dag\nsteps: [{ id: a }]\n";
        var result = Loading.Load(yaml);
        Assert.False(Assert.Single(result.Diagnostics).IsError);
        Assert.NotNull(result.Definition);
    }

    [Fact]
    public void Load_Twice_GivesTheSameHash()
    {
        string hash = Loading.Definition(Report).Hash;
        Assert.Matches("^[0-9a-f]{64}$", hash);
        Assert.Equal(hash, Loading.Definition(Report).Hash);
        Assert.Equal(hash, Loading.Definition("\uFEFF" + Report.Replace("\n", "\r\n", StringComparison.Ordinal)).Hash);
        Assert.NotEqual(hash, Loading.Definition(Report + "# changed\n").Hash);
    }

    [Fact]
    public void Load_OtherAssets_GiveAnotherHash()
    {
        const string yaml = "language: 1\nname: a\nversion: 1.0.0\nassets: [d]\nplanner: dag\nsteps: [{ id: a }]\n";
        string[] hashes =
        [
            .. new (string Path, string Content)[][]
            {
                [("d/a", "1"), ("d/b", "2")],
                [("d/a", "2"), ("d/b", "1")],
                [("d/a", "12")],
                [("d/ab", "1"), ("d/b", "2")],
                [("d/b", "2"), ("d/a", "1")],
            }.Select(a => Loading.Load(yaml, a).Definition!.Hash),
        ];
        Assert.Equal(4, hashes.Distinct().Count());
        Assert.Equal(hashes[0], hashes[4]);
    }
}
