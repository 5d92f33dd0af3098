namespace AgentFlow.Cli.Tests.Durability;

/// <summary>Workflows of the durability tests.</summary>
internal static class DurabilityFlows
{
    /// <summary>Three pure steps, each of them a barrier.</summary>
    public const string Barriers = """
        language: 1
        name: barriers
        version: 1.0.0
        planner: fsm
        policies: { durability: every_step }
        initial_state: a
        final_states: [c]
        states:
          a: { tool: skill.echo, input: { at: a }, on_success: b }
          b: { tool: skill.echo, input: { at: b }, on_success: c }
          c: { tool: skill.echo, input: { at: c }, outcome: done }
        """;

    /// <summary>Three pure steps without a barrier between them.</summary>
    public const string Pure = """
        language: 1
        name: pure
        version: 1.0.0
        planner: fsm
        initial_state: a
        final_states: [c]
        states:
          a: { tool: skill.echo, input: { at: a }, on_success: b }
          b: { tool: skill.echo, input: { at: b }, on_success: c }
          c: { tool: skill.echo, input: { at: c }, outcome: done }
        """;

    /// <summary>Three calls to the outside world, each tried until it succeeds.</summary>
    public const string Calls = """
        language: 1
        name: calls
        version: 1.0.0
        input: { type: object, required: [url, id] }
        defaults: { timeout: 1s, retry: { max_attempts: 100, initial: 50ms, max: 300ms } }
        planner: fsm
        initial_state: s0
        final_states: [s2]
        states:
          s0: { tool: skill.http_call, input: { method: POST, url: "${input.url}?run=${input.id}&step=0", body: {} }, on_success: s1 }
          s1: { tool: skill.http_call, input: { method: POST, url: "${input.url}?run=${input.id}&step=1", body: {} }, on_success: s2 }
          s2: { tool: skill.http_call, input: { method: POST, url: "${input.url}?run=${input.id}&step=2", body: {} }, outcome: called }
        """;
}
