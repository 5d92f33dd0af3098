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
}
