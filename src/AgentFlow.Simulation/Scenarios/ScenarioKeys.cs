using AgentFlow.Engine.Definitions.Loading.Keys;

namespace AgentFlow.Simulation.Scenarios;

/// <summary>The keys of scenario files, in the order of docs/reference/scenarios.md.</summary>
internal static class ScenarioKeys
{
    public static KeySet Scenario { get; } = new("a scenario", ["scenario", "name", "description", "workflow", "clock", "seed", "env", "input", "stubs", "approvals", "preflight", "registered", "signals", "cancel", "expect", "golden"]);

    public static KeySet Stubs { get; } = new("'stubs'", ["steps", "agents", "tools"]);

    public static KeySet Outcome { get; } = new("a stub", ["output", "error", "after", "hangs", "cost", "tokens"]);

    public static KeySet Error { get; } = new("'error'", ["code", "category", "message", "retry_after"]);

    public static KeySet Tokens { get; } = new("'tokens'", ["input", "output"]);

    public static KeySet Decision { get; } = new("a decision", ["decision", "after", "role", "user", "reason"]);

    public static KeySet Policy { get; } = new("an agent's policy", ["rate_limits", "max_concurrent_tasks", "requires_approval", "requires_approval_above"]);

    public static KeySet Signal { get; } = new("a signal", ["name", "payload", "when", "visit", "after"]);

    public static KeySet Cancel { get; } = new("'cancel'", ["when", "visit", "after"]);

    public static KeySet Expect { get; } = new("'expect'", ["status", "outcome", "error", "output", "path", "compensated", "steps", "checks", "duration", "cost"]);

    public static KeySet Step { get; } = new("what is expected of a step", ["visits", "attempts", "status", "error", "input", "output"]);

    public static KeySet Duration { get; } = new("'duration'", ["at_least", "at_most"]);

    public static KeySet Cost { get; } = new("'cost'", ["at_most"]);

    public static IReadOnlyList<KeySet> All { get; } = [Scenario, Stubs, Outcome, Error, Tokens, Decision, Policy, Signal, Cancel, Expect, Step, Duration, Cost];
}
