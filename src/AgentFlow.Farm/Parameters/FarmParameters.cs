using AgentFlow.Farm.Generation;

namespace AgentFlow.Farm.Parameters;

/// <summary>Everything that the protocol lets a caller choose, with its ranges and defaults.</summary>
public static class FarmParameters
{
    /// <summary>The whole numbers that every JSON reader keeps exactly.</summary>
    private const long LargestSeed = (1L << 53) - 1;

    private static readonly string[] Scales = [.. Generation.Scale.All.Select(s => s.Name)];

    public static WholeNumber Seed { get; } = new("seed", -LargestSeed, LargestSeed, 12345);

    public static Word Scale { get; } = new("scale", Scales, "small");

    public static WholeNumber TeamSize { get; } = new("size", 3, 10, 5);

    public static Word WorkflowType { get; } = new("workflow_type", WorkflowGenerator.Types, null);

    public static WholeNumber Tasks { get; } = new("num_tasks", 2, 20, 6);

    public static WholeNumber BatchCount { get; } = new("count", 1, 100, 10);

    public static WholeNumber WorkflowCount { get; } = new("workflow_count", 1, 50, 5);

    public static WholeNumber StreamRate { get; } = new("rate", 1, 100, 10);

    public static WholeNumber Limit { get; } = new("limit", 1, 1000, 50);

    public static Switch Wait { get; } = new("wait_for_completion", true);

    /// <summary>Seconds until a test is given up.</summary>
    public static WholeNumber Timeout { get; } = new("timeout_seconds", 1, 86_400, 600);

    public static Word Events { get; } = new("events", ["auto", "sse", "websocket", "none"], "auto");

    /// <summary>Workflows a second that are pushed to a platform.</summary>
    public static WholeNumber LoadRate { get; } = new("rate", 1, 5000, 10);

    public static Duration LoadDuration { get; } = new("duration", TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(24), TimeSpan.FromMinutes(1));

    /// <summary>How long after a load's end what was not taken is still offered.</summary>
    public static Duration Drain { get; } = new("drain", TimeSpan.Zero, TimeSpan.FromHours(1), TimeSpan.FromMinutes(1));

    public static WholeNumber Connections { get; } = new("connections", 1, 1024, 64);

    /// <summary>Chaos of single workflows.</summary>
    public static Fraction WorkflowChaos { get; } = Chaos(0);

    /// <summary>Chaos of batches and streams.</summary>
    public static Fraction BatchChaos { get; } = Chaos(0.1);

    /// <summary>Chaos of scenarios and stress tests.</summary>
    public static Fraction ScenarioChaos { get; } = Chaos(0.2);

    private static Fraction Chaos(double usual) => new("chaos_rate", 0, 1, usual);
}
