namespace AgentFlow.Server.Features.StressTests.Results;

/// <summary>What a figure deserves, from good to bad; as it stands on the wire.</summary>
internal enum Verdict
{
    Pass,
    Degraded,
    Fail,
}

/// <summary>The protocol's thresholds.</summary>
internal static class Thresholds
{
    /// <summary>Least share of the tasks that must be completed.</summary>
    public const double TasksCompleted = 0.90;

    /// <summary>Least completion rate that passes.</summary>
    public const double Completed = 0.95;

    /// <summary>Least recovery rate that passes.</summary>
    public const double Recovered = 0.80;

    public static Verdict Completion(double rate) => rate >= Completed ? Verdict.Pass : rate >= 0.80 ? Verdict.Degraded : Verdict.Fail;

    public static Verdict Recovery(double rate) => rate >= Recovered ? Verdict.Pass : rate >= 0.50 ? Verdict.Degraded : Verdict.Fail;

    public static Verdict Errors(double rate) => rate < 0.05 ? Verdict.Pass : rate <= 0.15 ? Verdict.Degraded : Verdict.Fail;

    public static Verdict Latency(double meanMs) => meanMs < 1000 ? Verdict.Pass : meanMs <= 2000 ? Verdict.Degraded : Verdict.Fail;

    public static Verdict Throughput(double tasksPerSecond) => tasksPerSecond > 1 ? Verdict.Pass : tasksPerSecond >= 0.5 ? Verdict.Degraded : Verdict.Fail;

    public static Verdict Worst(params ReadOnlySpan<Verdict> verdicts)
    {
        var worst = Verdict.Pass;
        foreach (Verdict verdict in verdicts)
        {
            worst = verdict > worst ? verdict : worst;
        }

        return worst;
    }

    public static string Word(this Verdict verdict) => verdict switch { Verdict.Pass => "PASS", Verdict.Degraded => "DEGRADED", _ => "FAIL" };
}
