namespace AgentFlow.Server.Tests;

/// <summary>Workflow files for tests.</summary>
public static class Flows
{
    public const string Echo = """
        language: 1
        name: echo
        version: 1.0.0
        description: Says what it is told
        input: { type: object, required: [message], properties: { message: { type: string }, times: { type: integer, minimum: 1 } } }
        planner: fsm
        initial_state: say
        final_states: [done]
        states:
          say: { tool: skill.echo, input: { text: "${input.message}" }, on_success: done }
          done: { tool: skill.echo, outcome: said }
        """;

    public const string Wait = """
        language: 1
        name: wait
        version: 1.0.0
        planner: fsm
        initial_state: hold
        final_states: [done]
        states:
          hold: { wait: { signal: go }, on_success: done }
          done: { tool: skill.echo, outcome: went }
        """;

    public const string Scheduled = """
        language: 1
        name: scheduled
        version: 1.0.0
        on: { cron: [{ name: nightly, schedule: "30 2 * * *" }] }
        planner: fsm
        initial_state: done
        final_states: [done]
        states: { done: { tool: skill.echo } }
        """;

    public const string People = """
        language: 1
        name: people
        version: 1.0.0
        planner: dag
        steps:
          - { id: look, human: { title: Look at it, assignee: { role: approver } } }
          - { id: pay, tool: skill.echo, input: { a: 1 }, approval: { role: approver } }
        """;

    public const string Gated = """
        language: 1
        name: gated
        version: 1.0.0
        agents:
          gate: { kind: custom, type: gate }
        planner: fsm
        initial_state: first
        final_states: [done]
        states:
          first: { agent: gate, input: { gate: "${input.gate}" }, on_success: done }
          done: { tool: skill.echo, outcome: passed }
        """;

    public const string Ask = """
        language: 1
        name: ask
        version: 1.0.0
        agents:
          gate: { kind: custom, type: gate }
        planner: fsm
        initial_state: first
        final_states: [done]
        states:
          first: { agent: gate, input: { gate: "${input.gate}" }, on_unknown: ask, on_success: done }
          done: { tool: skill.echo, outcome: passed }
        """;

    public const string Failing = """
        language: 1
        name: failing
        version: 1.0.0
        agents:
          fail: { kind: custom, type: fail }
        planner: dag
        steps:
          - { id: before, tool: skill.echo, input: { a: 1 } }
          - { id: broken, agent: fail, depends_on: [before] }
          - { id: after, tool: skill.echo, depends_on: [broken] }
        """;

    /// <summary>Visits one state <paramref name="times"/> times; every visit is a frame of its own.</summary>
    public static string Loop(int times) => $$"""
        language: 1
        name: loop
        version: 1.0.0
        policies: { durability: every_step }
        planner: fsm
        initial_state: again
        final_states: [done]
        states:
          again:
            tool: skill.echo
            input: "${input}"
            transitions:
              - { condition: "steps.again.visits < {{times}}", target: again }
            on_success: done
          done: { tool: skill.echo, outcome: looped }
        """;
}
