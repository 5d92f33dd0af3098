namespace AgentFlow.Contracts.Tools;

/// <summary>What one resource may use.</summary>
/// <param name="BudgetCents">US cents.</param>
/// <param name="RateLimitPerMin">Calls per minute.</param>
/// <param name="MaxConcurrent">Calls at the same time.</param>
/// <param name="SchemaVersion">Version of this record's form.</param>
public sealed record ResourceContract(
    string ResourceId,
    int BudgetCents = 1000,
    int RateLimitPerMin = 60,
    int MaxConcurrent = 5,
    string SchemaVersion = "1.0");
