namespace AgentFlow.Farm.Generation;

/// <summary>One kind of fault that FARM asks a platform to strike its tasks with.</summary>
/// <param name="Hits">Task kinds that it can strike.</param>
/// <param name="RequiredBehaviour">What the platform must really do.</param>
/// <param name="RecoverableWhen">The rule by which <see cref="ChaosRule"/> tells whether a platform can recover.</param>
/// <param name="RecoveryMs">Milliseconds that a recovery may take before FARM calls it slow.</param>
/// <param name="Advice">What an operator should look at when it is not recovered.</param>
public sealed record ChaosKind(string Type, string Description, IReadOnlyList<string> Hits, string RecoveryAction, string RequiredBehaviour, string RecoverableWhen, int RecoveryMs, string Advice);

/// <summary>The nine kinds of chaos. Part of the generator, as <see cref="AgentCatalog"/> is.</summary>
public static class ChaosCatalog
{
    public const string ToolTimeout = "tool_timeout";
    public const string ToolFailure = "tool_failure";
    public const string AgentConflict = "agent_conflict";
    public const string PolicyViolation = "policy_violation";
    public const string CheckpointCrash = "checkpoint_crash";
    public const string MemoryPressure = "memory_pressure";
    public const string RateLimit = "rate_limit";
    public const string DataCorruption = "data_corruption";
    public const string NetworkPartition = "network_partition";

    public static IReadOnlyList<ChaosKind> Kinds { get; } =
    [
        new(ToolTimeout, "The tool call times out.", ["api_call", "io_read", "io_write"], "retry",
            "Cancel the call at its time limit and try again after a delay.",
            "The task is retryable and attempts_affected is at most its max_retries.", 10_000,
            "Check that calls are cancelled at their time limit and tried again after a delay, as often as the task allows."),
        new(ToolFailure, "The tool answers an error.", ["compute", "api_call"], "compensate_or_fail",
            "Try again when the error is recoverable; otherwise compensate, or fail the task.",
            "recoverable is true, the task is retryable and attempts_affected is at most its max_retries; or the task names a compensation.", 10_000,
            "Check that recoverable tool errors are tried again and that the others start the task's compensation."),
        new(AgentConflict, "Agents give conflicting outputs.", ["decision", "compute"], "adjudicate",
            "An arbitrator resolves the conflict and the decision is recorded.",
            "Always.", 10_000,
            "Check that conflicting outputs reach an arbitrator and that its decision ends the task."),
        new(PolicyViolation, "A policy blocks the task.", ["io_write", "api_call"], "escalate_for_approval",
            "An approval is requested; in a simulation it is granted automatically.",
            "auto_approve is true.", 60_000,
            "Check that blocked tasks request an approval, that simulated approvals are granted, and that granted tasks go on."),
        new(CheckpointCrash, "The process dies after a checkpoint.", ["checkpoint"], "replay_from_checkpoint",
            "The state is rebuilt from the checkpoint and nothing runs twice.",
            "Always.", 30_000,
            "Check that another worker takes the run over and rebuilds it from its last checkpoint without running a task twice."),
        new(MemoryPressure, "The context window is exceeded.", ["aggregation", "decision"], "summarize_and_continue",
            "The context is summarized and the task goes on.",
            "Always.", 10_000,
            "Check that a context that does not fit is summarized rather than refused."),
        new(RateLimit, "The rate limit is hit.", ["api_call"], "backoff_and_retry",
            "Exponential backoff, two retries.",
            "attempts_affected is at most 2.", 15_000,
            "Check that rate-limited calls wait longer each time and are tried twice more."),
        new(DataCorruption, "The input is malformed.", ["io_read", "compute"], "validate_and_repair",
            "The input is checked against its schema and repaired.",
            "repairable is true.", 5_000,
            "Check that inputs are validated against their schema and that what can be repaired is."),
        new(NetworkPartition, "The connection is lost.", ["api_call", "notification"], "queue_and_retry",
            "The call is queued and tried three times more.",
            "attempts_affected is at most 3.", 20_000,
            "Check that calls are queued while the network is gone and tried three times after it."),
    ];

    /// <exception cref="KeyNotFoundException">No kind has this name.</exception>
    public static ChaosKind Kind(string type) => Kinds.FirstOrDefault(k => k.Type == type) ?? throw new KeyNotFoundException($"no chaos is called '{type}'.");
}
