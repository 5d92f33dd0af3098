namespace AgentFlow.Farm.Generation;

/// <summary>What a sound platform can do about a planted fault.</summary>
public enum Recovery
{
    /// <summary>The task completes after all.</summary>
    Completes,

    /// <summary>The task fails and its compensation undoes it: the fault is handled, the workflow is partial.</summary>
    Compensated,

    /// <summary>The task fails.</summary>
    None,
}

/// <summary>The rule by which FARM tells whether a fault can be recovered from. In words: <see cref="ChaosKind.RecoverableWhen"/>.</summary>
public static class ChaosRule
{
    public const int RateLimitRetries = 2;
    public const int PartitionRetries = 3;

    public static Recovery Outcome(WorkflowTask task)
    {
        if (task.ChaosInjection is not { } chaos)
        {
            return Recovery.Completes;
        }

        int attempts = chaos.Parameters.AttemptsAffected;
        int retries = task.Retryable ? task.MaxRetries : 0;
        bool completes = chaos.Type switch
        {
            ChaosCatalog.ToolTimeout => attempts <= retries,
            ChaosCatalog.ToolFailure => chaos.Parameters.Recoverable == true && attempts <= retries,
            ChaosCatalog.RateLimit => attempts <= RateLimitRetries,
            ChaosCatalog.NetworkPartition => attempts <= PartitionRetries,
            ChaosCatalog.DataCorruption => chaos.Parameters.Repairable == true,
            ChaosCatalog.PolicyViolation => chaos.Parameters.AutoApprove == true,
            _ => true,
        };
        return completes ? Recovery.Completes
            : chaos.Type == ChaosCatalog.ToolFailure && task.Compensation is not null ? Recovery.Compensated
            : Recovery.None;
    }

    /// <summary>The task's own retries that recovering from its fault uses up.</summary>
    public static int RetriesUsed(WorkflowTask task) =>
        task.ChaosInjection is { Type: ChaosCatalog.ToolTimeout or ChaosCatalog.ToolFailure } chaos ? Math.Min(chaos.Parameters.AttemptsAffected, task.MaxRetries) : 0;
}
