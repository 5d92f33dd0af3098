namespace AgentFlow.Engine.Definitions.Loading.Keys;

/// <summary>The keys that one kind of mapping may have.</summary>
/// <param name="What">The mapping with its article, for messages.</param>
/// <param name="Keys">In the order of the reference.</param>
internal sealed record KeySet(string What, IReadOnlyList<string> Keys)
{
    private static readonly string[] Plan = ["planner", "initial_state", "final_states", "states", "steps", "max_parallel", "root", "plan"];
    private static readonly string[] Body = ["agent", "tool", "capability", "workflow", "barrier", "human", "wait", "wait_for", "foreach", "while", .. Plan, "input", "retry", "timeout", "on_unknown", "effects", "permissions", "approval", "compensate", "remedies", "semaphore", "description"];

    private static readonly string[] PlanCall = ["description", "retry", "timeout", "on_unknown", "effects", "permissions", "compensate"];

    public static KeySet Workflow { get; } = new(
        "a workflow",
        ["language", "name", "version", "description", "assets", "input", "agents", "vars", "defaults", "policies", "on", "signals", .. Plan, "output"]);

    public static KeySet State { get; } = new("a state", [.. Body, "transitions", "on_success", "on_error", "outcome"]);

    public static KeySet Step { get; } = new("a step", ["id", .. Body, "depends_on", "condition", "on_error"]);

    /// <summary>A scope that a run puts below a node.</summary>
    public static KeySet Graft { get; } = new("a plan", [.. Plan, "timeout", "description"]);

    public static KeySet Changes { get; } = new("a list of changes", ["changes"]);

    public static KeySet Change { get; } = new("a change", ["insert", "into", "before", "final", "replace", "with", "remove", "redirect", "transitions", "on_success", "on_error"]);

    public static KeySet TreeNode { get; } = new(
        "a node of a tree", ["id", .. Body, "selector", "sequence", "parallel", "success_policy", "condition", "conditional_selector", "child", "invert", "repeat"]);

    public static KeySet TreeBranch { get; } = new("a branch", ["condition", "child", "default"]);

    public static KeySet TreeRetry { get; } = new("'retry'", ["max_attempts", "delay"]);

    public static KeySet TreeRepeat { get; } = new("'repeat'", ["times", "until", "delay"]);

    public static KeySet LlmPlan { get; } = new(
        "'plan'",
        ["goal", "model", "temperature", "temperature_reason", "prompt", "examples", "agents", "tools", "max_steps", "max_latency", "branches", "on_invalid", "fallback", "quality", "replan"]);

    public static KeySet PlanAgent { get; } = new("an agent of a plan", ["agent", .. PlanCall]);

    public static KeySet PlanTool { get; } = new("a tool of a plan", ["tool", .. PlanCall]);

    public static KeySet PlanBranch { get; } = new("a branch", ["id", "condition", .. Body]);

    public static KeySet PlanFallback { get; } = new("'fallback'", Body);

    public static KeySet Replan { get; } = new("'replan'", ["on", "signal", "strategy", "max", "model"]);

    public static KeySet Transition { get; } = new("a transition", ["condition", "target"]);

    public static KeySet Wait { get; } = new("'wait'", ["signal", "schema", "timeout", "for", "until"]);

    public static KeySet WaitFor { get; } = new("'wait_for'", ["any", "all", "timeout"]);

    /// <summary>One of the waits of a <c>wait_for</c>.</summary>
    public static KeySet Awaited { get; } = new("what is waited for", ["id", "signal", "schema", "for", "until"]);

    public static KeySet Foreach { get; } = new("'foreach'", ["items", "as", "max_parallel", "on_error", "min_success", "do"]);

    public static KeySet While { get; } = new("'while'", ["condition", "until", "max", "delay", "do"]);

    public static KeySet LoopBody { get; } = new("what a loop does", Body);

    public static KeySet On { get; } = new("'on'", ["cron", "webhook"]);

    public static KeySet Cron { get; } = new("a schedule", ["name", "schedule", "time_zone", "missed", "input"]);

    public static KeySet Webhook { get; } = new("a webhook", ["name", "secret", "window", "input"]);

    public static KeySet Human { get; } = new("'human'", ["title", "description", "data", "form", "assignee", "priority", "timeout", "on_timeout", "escalate"]);

    public static KeySet Approval { get; } = new("'approval'", ["when", "role", "user", "reason", "timeout", "on_timeout", "escalate"]);

    public static KeySet ApprovalPolicy { get; } = new("an approval of 'policies'", ["when", "tools", "role", "user", "reason", "timeout", "on_timeout", "escalate"]);

    public static KeySet Preflight { get; } = new("'preflight'", ["ask"]);

    public static KeySet PreflightApproval { get; } = new("'ask' of 'preflight'", ["role", "user", "timeout", "on_timeout", "escalate"]);

    public static KeySet Child { get; } = new("'workflow'", ["name", "version", "input", "on_parent_end"]);

    public static KeySet Barrier { get; } = new("'barrier'", ["name", "parties", "timeout"]);

    public static KeySet Semaphore { get; } = new("'semaphore'", ["name", "permits", "timeout"]);

    public static KeySet Compensation { get; } = new("'compensate'", ["agent", "tool", "input", "retry", "timeout", "on_error", "permissions"]);

    public static KeySet Remedy { get; } = new("a remedy", ["on", "agent", "tool", "then", "times", "backoff", "initial", "factor", "max", "timeout", "permissions"]);

    public static KeySet Retry { get; } = new("'retry'", ["max_attempts", "backoff", "initial", "max", "factor", "jitter", "on"]);

    public static KeySet Defaults { get; } = new("'defaults'", ["retry", "timeout", "on_unknown"]);

    public static KeySet Policies { get; } = new("'policies'", ["max_budget", "on_exceed", "preflight", "deadline", "durability", "permissions", "max_steps", "loop_breaker", "priority", "approval"]);

    public static IReadOnlyList<KeySet> All { get; } = [Workflow, State, Step, TreeNode, TreeBranch, TreeRetry, TreeRepeat, LlmPlan, PlanAgent, PlanTool, PlanBranch, PlanFallback, Replan, Transition, Wait, WaitFor, Awaited, On, Cron, Webhook, Human, Approval, ApprovalPolicy, Preflight, PreflightApproval, Foreach, While, LoopBody, Child, Barrier, Semaphore, Compensation, Remedy, Retry, Defaults, Policies];

    /// <summary>Keys of the workflow that are spoken for and not there yet.</summary>
    public static IReadOnlyList<string> Reserved { get; } = ["subject", "concurrency"];

    public bool Has(string key) => Keys.Contains(key, StringComparer.Ordinal);
}
