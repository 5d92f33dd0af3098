namespace AgentFlow.Server.Features.StressTests.Chaos;

/// <summary>A fault that a submitter planted in a task. Only this folder knows what its <see cref="Type"/> means.</summary>
/// <param name="Type">One of <see cref="FaultTypes"/>.</param>
/// <param name="RecoveryAction">What should recover from it, in the submitter's words.</param>
/// <param name="Probability">Whether it strikes is drawn once for each task, from the seed.</param>
/// <param name="Attempts">Tries in a row that it strikes.</param>
/// <param name="IsRecoverable">Whether trying again, repairing or approving can help; each type reads it in its own way.</param>
/// <param name="DelayMs">Simulated milliseconds that it costs, where the type has such.</param>
/// <param name="Agents">Agents that disagree.</param>
/// <param name="ExcessTokens">Tokens beyond what an agent takes.</param>
internal sealed record Fault(string Type, string RecoveryAction, double Probability, int Attempts, bool IsRecoverable, long DelayMs, int Agents, int ExcessTokens);

/// <summary>The protocol's nine types of chaos.</summary>
internal static class FaultTypes
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

    private static readonly Dictionary<string, string> Recoveries = new(StringComparer.Ordinal)
    {
        [ToolTimeout] = "retry",
        [ToolFailure] = "compensate_or_fail",
        [AgentConflict] = "adjudicate",
        [PolicyViolation] = "escalate_for_approval",
        [CheckpointCrash] = "replay_from_checkpoint",
        [MemoryPressure] = "summarize_and_continue",
        [RateLimit] = "backoff_and_retry",
        [DataCorruption] = "validate_and_repair",
        [NetworkPartition] = "queue_and_retry",
    };

    public static IReadOnlyCollection<string> All => Recoveries.Keys;

    /// <summary>What recovers from a type; <see langword="null"/> when nobody knows it.</summary>
    public static string? RecoveryOf(string type) => Recoveries.GetValueOrDefault(type);

    /// <summary>What an operator should look at when a type was not recovered from.</summary>
    public static string AdviceOn(string type) => type switch
    {
        ToolTimeout => "retry calls that ran out of time: give their steps a retry policy with enough attempts.",
        ToolFailure => "retry what failed in passing, and give steps that change something a compensation.",
        AgentConflict => "let an arbitrator decide between proposals: a remedy for AGENTS_DISAGREE.",
        PolicyViolation => "let somebody approve what a policy holds back.",
        CheckpointCrash => "let steps of unknown outcome be tried again under their key (on_unknown: retry).",
        MemoryPressure => "shorten inputs that an agent cannot take: a remedy for MODEL_INPUT_TOO_LARGE.",
        RateLimit => "wait and try again when a rate is used up: a remedy for RATE_LIMITED.",
        DataCorruption => "repair outputs that break their contract: a remedy for OUTPUT_INVALID.",
        _ => "keep calls until the connection is back: a remedy for CONNECT_FAILED.",
    };
}
