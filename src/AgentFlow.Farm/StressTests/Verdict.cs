namespace AgentFlow.Farm.StressTests;

/// <summary>What a stress test says about a platform, from good to bad.</summary>
public enum Verdict
{
    Pass,
    Degraded,
    Fail,
}

public static class Verdicts
{
    /// <summary>As it stands on the wire.</summary>
    public static string Word(this Verdict verdict) => verdict switch
    {
        Verdict.Pass => "PASS",
        Verdict.Degraded => "DEGRADED",
        _ => "FAIL",
    };

    /// <summary>As FARM reports it: <c>passed</c>, <c>degraded</c> or <c>failed</c>.</summary>
    public static string Outcome(this Verdict verdict) => verdict switch
    {
        Verdict.Pass => StressTestOutcome.Passed,
        Verdict.Degraded => StressTestOutcome.Degraded,
        _ => StressTestOutcome.Failed,
    };

    /// <summary>Reads a verdict in any letter case; <see langword="null"/> for <c>PENDING</c> and words that nobody knows.</summary>
    public static Verdict? Parse(string? word) => word?.Trim().ToUpperInvariant() switch
    {
        "PASS" or "PASSED" => Verdict.Pass,
        "DEGRADED" => Verdict.Degraded,
        "FAIL" or "FAILED" => Verdict.Fail,
        _ => null,
    };

    public static Verdict Worst(params ReadOnlySpan<Verdict> verdicts)
    {
        var worst = Verdict.Pass;
        foreach (Verdict verdict in verdicts)
        {
            if (verdict > worst) worst = verdict;
        }

        return worst;
    }
}

/// <summary>The protocol's thresholds. A figure on a border belongs to the better side where the protocol says so.</summary>
public static class Thresholds
{
    public const double TasksCompleted = 0.90;

    /// <param name="rate">Share of workflows that completed.</param>
    public static Verdict Completion(double rate) => rate >= 0.95 ? Verdict.Pass : rate >= 0.80 ? Verdict.Degraded : Verdict.Fail;

    /// <param name="rate">Share of faults that were recovered from.</param>
    public static Verdict Recovery(double rate) => rate >= 0.80 ? Verdict.Pass : rate >= 0.50 ? Verdict.Degraded : Verdict.Fail;

    /// <param name="rate">Share of tasks that failed.</param>
    public static Verdict Errors(double rate) => rate < 0.05 ? Verdict.Pass : rate <= 0.15 ? Verdict.Degraded : Verdict.Fail;

    public static Verdict Latency(double meanMs) => meanMs < 1000 ? Verdict.Pass : meanMs <= 2000 ? Verdict.Degraded : Verdict.Fail;

    public static Verdict Throughput(double tasksPerSecond) => tasksPerSecond > 1 ? Verdict.Pass : tasksPerSecond >= 0.5 ? Verdict.Degraded : Verdict.Fail;
}
