using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Features.StressTests.Simulation;

namespace AgentFlow.Server.Features.StressTests.Chaos;

/// <summary>
/// Decides whether a planted fault strikes a try, and what it does at which seam. Everything is drawn from the seed: the same task
/// is struck in the same way, whenever and wherever it runs.
/// </summary>
internal static class FaultInjector
{
    /// <summary>Codes with which a fault shows in a journal, by type; a crash and a held-back step show in events of their own.</summary>
    private static readonly Dictionary<string, string> Codes = new(StringComparer.Ordinal)
    {
        [FaultTypes.ToolTimeout] = ErrorCode.StepTimeout.Code,
        [FaultTypes.ToolFailure] = "TOOL_FAILED",
        [FaultTypes.AgentConflict] = "AGENTS_DISAGREE",
        [FaultTypes.MemoryPressure] = ErrorCode.ModelInputTooLarge.Code,
        [FaultTypes.RateLimit] = ErrorCode.RateLimited.Code,
        [FaultTypes.DataCorruption] = "OUTPUT_INVALID",
        [FaultTypes.NetworkPartition] = ErrorCode.ConnectFailed.Code,
        [FaultTypes.PolicyViolation] = "APPROVAL_REQUIRED",
    };

    /// <summary>Whether a failure in a journal is the fault's doing.</summary>
    public static bool Explains(Fault fault, StepError error) => Codes.TryGetValue(fault.Type, out string? code) && code == error.Code;

    /// <summary>Whether the fault shows as an attempt of unknown outcome.</summary>
    public static bool IsCrash(Fault fault) => fault.Type == FaultTypes.CheckpointCrash;

    /// <summary>Whether the fault shows as an approval that was asked for.</summary>
    public static bool IsHeldBack(Fault fault) => fault.Type == FaultTypes.PolicyViolation;

    /// <summary>Whether undoing counts as recovering from it, where the task says how it is undone.</summary>
    public static bool IsCompensable(Fault fault) => fault.Type == FaultTypes.ToolFailure;

    /// <summary>What goes wrong at the tool; <see langword="null"/>: nothing.</summary>
    public static ToolFault? AtTool(SimulatedTry attempt) => attempt.Task.Fault is not { } fault || !Strikes(fault, attempt) ? null : fault.Type switch
    {
        FaultTypes.ToolTimeout => new ToolFault.Hangs(),
        FaultTypes.ToolFailure => new ToolFault.Fails(new StepError(Codes[fault.Type], fault.IsRecoverable ? ErrorCategory.Transient : ErrorCategory.Permanent, fault.IsRecoverable ? "The tool answered with an error in passing." : "The tool answered with an error for good.")),
        FaultTypes.RateLimit => new ToolFault.Fails(new StepError(Codes[fault.Type], ErrorCategory.Resource, "The tool answered 429: its rate is used up.", TimeSpan.FromMilliseconds(fault.DelayMs))),
        FaultTypes.NetworkPartition => new ToolFault.Fails(new StepError(Codes[fault.Type], ErrorCategory.Resource, "The tool cannot be reached; nothing was sent.", TimeSpan.FromMilliseconds(fault.DelayMs))),
        FaultTypes.DataCorruption => new ToolFault.Garbles(fault.IsRecoverable),
        _ => null,
    };

    /// <summary>How many agents come to different answers; 0: one alone answers.</summary>
    public static int DisagreeingAgents(SimulatedTry attempt) =>
        attempt.Task.Fault is { Type: FaultTypes.AgentConflict } fault && Strikes(fault, attempt) ? Math.Max(2, fault.Agents) : 0;

    /// <summary>Tokens that the task's context has beyond its own.</summary>
    public static int ExcessTokens(SimulatedTry attempt) =>
        attempt.Task.Fault is { Type: FaultTypes.MemoryPressure } fault && Strikes(fault, attempt) ? attempt.Agent.ContextTokens + fault.ExcessTokens : 0;

    /// <summary>Whether the run's memory is lost during this try.</summary>
    public static bool Crashes(SimulatedTry attempt, int number) =>
        attempt.Task.Fault is { Type: FaultTypes.CheckpointCrash } fault && number <= fault.Attempts && Strikes(fault, attempt);

    /// <summary>Whether a policy holds the task back, and whether it is let go when somebody asks.</summary>
    public static (bool IsHeld, bool IsApproved) AtPolicy(SimulatedTry attempt) =>
        attempt.Task.Fault is { Type: FaultTypes.PolicyViolation } fault && IsDrawn(fault, attempt) && attempt.IsFirstRound ? (true, fault.IsRecoverable) : (false, true);

    private static bool Strikes(Fault fault, SimulatedTry attempt) => attempt.IsFirstRound && attempt.Index < fault.Attempts && IsDrawn(fault, attempt);

    private static bool IsDrawn(Fault fault, SimulatedTry attempt) => Odds.Of(attempt.Seed, attempt.WorkflowId, attempt.Task.TaskId, "fault", 0) < fault.Probability;
}

/// <summary>What goes wrong at a tool.</summary>
internal abstract record ToolFault
{
    private ToolFault()
    {
    }

    /// <summary>The call never comes back.</summary>
    public sealed record Hangs : ToolFault;

    /// <summary>The call fails.</summary>
    public sealed record Fails(StepError Error) : ToolFault;

    /// <summary>The answer breaks its contract.</summary>
    /// <param name="IsRepairable">Whether what was meant can still be told.</param>
    public sealed record Garbles(bool IsRepairable) : ToolFault;
}
