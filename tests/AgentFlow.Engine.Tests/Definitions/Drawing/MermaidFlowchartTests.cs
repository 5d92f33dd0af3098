using AgentFlow.Engine.Definitions.Drawing;

namespace AgentFlow.Engine.Tests.Definitions.Drawing;

public class MermaidFlowchartTests
{
    private const string Head = "language: 1\nname: sample\nversion: 1.0.0\n";

    [Fact]
    public void Of_StateMachine_HasItsTransitionsInOrder() => Assert.Equal(
        """
        flowchart TD
          n1["classify<br/>agent writer<br/>up to 3 attempts"]
          n2{{"hold<br/>wait for approved<br/>at most 1h30m"}}
          n3("done")
          n4["escalate<br/>skill.echo"]
          s0(( )) --> n1
          n1 -->|"output.confidence #lt; 0.7"| n4
          n1 -->|"otherwise"| n2
          n1 -.->|"error"| n4
          n2 --> n3
          n2 -.->|"error"| n4
          n3 --> e3((("done")))
          n4 --> e4((("handed over")))

        """,
        Chart("""
            agents: { writer: { kind: llm } }
            planner: fsm
            initial_state: classify
            final_states: [done, escalate]
            states:
              classify: { agent: writer, retry: { max_attempts: 3 }, transitions: [{ condition: "output.confidence < 0.7", target: escalate }], on_success: hold, on_error: escalate }
              hold: { wait: { signal: approved, timeout: 1h30m }, on_success: done, on_error: escalate }
              done:
              escalate: { tool: skill.echo, outcome: handed over }
            """));

    [Fact]
    public void Of_Graph_HasConditionsNestedScopesAndWhatUndoesSteps() => Assert.Equal(
        """
        flowchart TD
          n1["fetch<br/>skill.http_call"]
          n1 -.->|"undo"| n2>"skill.echo"]
          subgraph n3["inner<br/>state machine"]
            n4("x")
            s3(( )) --> n4
            n4 --> e4(((" ")))
          end
          n5{{"pause<br/>wait 2s"}}
          n1 --> n3
          q5{"size(steps.fetch.output) #gt; 0"} -->|"true"| n5
          n1 --> q5
          n3 --> q5

        """,
        Chart("""
            planner: dag
            steps:
              - { id: fetch, tool: skill.http_call, compensate: { tool: skill.echo } }
              - { id: inner, depends_on: [fetch], planner: fsm, initial_state: x, final_states: [x], states: { x: } }
              - { id: pause, depends_on: [fetch, inner], condition: size(steps.fetch.output) > 0, wait: { for: 2s } }
            """));

    [Fact]
    public void Of_BehaviorTree_IsTheTree() => Assert.Equal(
        """
        flowchart TD
          s0(( ))
          n1[/"selector<br/>selector"\]
          n2{"has(input.cached)"}
          n1 -->|"1"| n2
          n3[/"both<br/>parallel, 1 of 2"\]
          n4["a<br/>skill.echo"]
          n3 --> n4
          n5["b<br/>skill.echo"]
          n3 --> n5
          n1 -->|"2"| n3
          n6[/"decorator<br/>retry, 3 tries, 1s between"\]
          n7[/"decorator<br/>timeout 10s"\]
          n8["c<br/>skill.echo"]
          n7 --> n8
          n6 --> n7
          n1 -->|"3"| n6
          n10[/"pick<br/>conditional selector"\]
          n11["d<br/>skill.echo"]
          n10 -->|"input.n #gt; 1"| n11
          n12["e<br/>skill.echo"]
          n10 -->|"default"| n12
          n1 -->|"4"| n10
          s0 --> n1

        """,
        Chart("""
            planner: behavior_tree
            root:
              selector:
                - condition: has(input.cached)
                - { id: both, parallel: [{ id: a, tool: skill.echo }, { id: b, tool: skill.echo }], success_policy: any }
                - { retry: { max_attempts: 3, delay: 1s }, child: { timeout: 10s, child: { id: c, tool: skill.echo } } }
                - { id: pick, conditional_selector: [{ condition: input.n > 1, child: { id: d, tool: skill.echo } }, { default: { id: e, tool: skill.echo } }] }
            """));

    [Fact]
    public void Of_LoopsAndWaits_SayWhatTheyAre() => Assert.Equal(
        """
        flowchart TD
          subgraph n1["ship<br/>for each, at most 5 at once"]
            n2["do<br/>skill.echo"]
          end
          subgraph n3["poll<br/>while input.more"]
            n4["do<br/>skill.echo"]
            n5{{"pause<br/>wait 5s"}}
          end
          subgraph n6["answer<br/>wait for any"]
            n7{{"approved<br/>wait for approved"}}
            n8{{"late<br/>wait 7d"}}
          end
          subgraph n9["both<br/>wait for all"]
            n10{{"a<br/>wait for a"}}
            n11{{"b<br/>wait for b"}}
          end

        """,
        Chart("""
            planner: dag
            steps:
              - { id: ship, foreach: { items: "${input.orders}", max_parallel: 5, do: { tool: skill.echo } } }
              - { id: poll, while: { condition: input.more, delay: 5s, do: { tool: skill.echo } } }
              - { id: answer, wait_for: { any: [{ signal: approved }, { id: late, for: 7d }] } }
              - { id: both, wait_for: { all: [{ signal: a }, { signal: b }] } }
            """));

    [Fact]
    public void Of_WhatSpansRunsAndPeople_SaysWithWhom() => Assert.Equal(
        """
        flowchart TD
          n1["bill<br/>workflow billing #126;1.2"]
          n2{{"meet<br/>barrier gate-$#123;input.region#125;<br/>3 parties"}}
          n3["export<br/>skill.echo<br/>semaphore ledger, 2 at once"]
          n4["look<br/>a person"]
          n5["draft<br/>skill.http_call"]
          n5 -.->|"OUTPUT_INVALID"| n6>"agent fixer"]
          n5 -.->|"MODEL_INPUT_TOO_LARGE"| n7>"agent fixer<br/>then again"]
          n5 -.->|"RATE_LIMITED, BUSY<br/>again"| n5
          subgraph n8["inner<br/>state machine<br/>semaphore only, 1 at once"]
            n9("x")
            s8(( )) --> n9
            n9 --> e9(((" ")))
          end

        """,
        Chart("""
            agents: { fixer: { kind: llm } }
            planner: dag
            steps:
              - { id: bill, workflow: { name: billing, version: "~1.2" } }
              - { id: meet, barrier: { name: "gate-${input.region}", parties: 3 } }
              - { id: export, tool: skill.echo, semaphore: { name: ledger, permits: 2 } }
              - { id: look, human: { title: Look at it } }
              - { id: draft, tool: skill.http_call, remedies: [{ on: [OUTPUT_INVALID], agent: fixer, then: accept }, { on: [MODEL_INPUT_TOO_LARGE], agent: fixer }, { on: [RATE_LIMITED, BUSY], times: 2 }] }
              - { id: inner, semaphore: { name: only, permits: 1 }, planner: fsm, initial_state: x, final_states: [x], states: { x: } }
            """));

    [Fact]
    public void Of_PlanOfAModel_HasItsBranchesAndItsFallback() => Assert.Equal(
        """
        flowchart TD
          s0(( ))
          n1["plan.model<br/>a model<br/>up to 3 attempts"]
          s0 --> n1
          n2["plan.escalation<br/>a model<br/>up to 3 attempts"]
          s0 -.-> n2
          n3["branch_1<br/>skill.echo"]
          s0 -->|"input.n #gt; 1"| n3
          n4["fallback<br/>skill.echo"]
          s0 -.-> n4

        """,
        Chart("""
            planner: llm
            plan:
              goal: g
              model: { model: m }
              tools: [skill.echo]
              branches: [{ condition: input.n > 1, tool: skill.echo }]
              replan: { on: [step_failure], strategy: escalation, model: { model: big } }
              fallback: { tool: skill.echo }
            """));

    [Fact]
    public void Of_LabelsThatMeanSomethingToMermaid_AreEscaped()
    {
        string chart = Chart("""
            planner: dag
            steps: [{ id: a_b, condition: 'input.x == "a|b[c]{d};#%%&<br/>`*" || input.y.matches("\\s") && input.z == "a\nb"' }]
            """);

        Assert.Contains(
            "q1{\"input.x == #quot;a#124;b#91;c#93;#123;d#125;#59;#35;#37;#37;#amp;#lt;br/#gt;#96;#42;#quot; #124;#124; input.y.matches(#quot;#92;#92;s#quot;) #amp;#amp; input.z == #quot;a#92;nb#quot;\"} -->|\"true\"| n1",
            chart, StringComparison.Ordinal);
        Assert.Contains("n1(\"a_b\")", chart, StringComparison.Ordinal);
        Assert.All(chart.Split('\n'), line => Assert.True(line.Count(c => c == '"') % 2 == 0, line));
    }

    private static string Chart(string yaml) => MermaidFlowchart.Of(Loading.Loading.Load(Head + yaml).Definition!);
}
