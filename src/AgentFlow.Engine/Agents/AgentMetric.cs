using AgentFlow.Contracts.Ids;

namespace AgentFlow.Engine.Agents;

/// <summary>One measured value of an agent.</summary>
/// <param name="Agent">Id of the agent.</param>
/// <param name="Type">One of <see cref="MetricTypes"/>.</param>
/// <param name="Dimension">Which of several values of the type; empty where the type has only one.</param>
/// <param name="At">When it was measured, Unix milliseconds.</param>
/// <param name="Value">Within ±<see cref="MaxValue"/>.</param>
public sealed record AgentMetric(Ulid Id, string Agent, string Type, string Dimension, long At, double Value)
{
    public const double MaxValue = 1e15;

    /// <summary>What it adds to its agent's use; nothing unless it is a cost.</summary>
    public AgentSpend Spend => Type != MetricTypes.Cost ? default : Dimension switch
    {
        MetricTypes.Tokens => new((long)Value, 0, 0),
        MetricTypes.ApiCalls => new(0, (long)Value, 0),
        _ => new(0, 0, (long)Math.Round(Value * 1e9)),
    };
}

/// <summary>What is measured.</summary>
public static class MetricTypes
{
    /// <summary>Milliseconds.</summary>
    public const string ExecutionTime = "execution_time";

    /// <summary>From 0 to 1.</summary>
    public const string SuccessRate = "success_rate";

    /// <summary>What was spent: <see cref="Tokens"/>, <see cref="ApiCalls"/> or <see cref="Dollars"/>, as the dimension says.</summary>
    public const string Cost = "cost";

    /// <summary>A score; the dimension names what was judged, and its scale.</summary>
    public const string Quality = "quality";

    /// <summary>Tasks: 1 for one that was completed, 0 for one that was not.</summary>
    public const string TaskCompletion = "task_completion";

    public const string Tokens = "tokens";
    public const string ApiCalls = "api_calls";
    public const string Dollars = "usd";

    public static IReadOnlyList<string> All { get; } = [ExecutionTime, SuccessRate, Cost, Quality, TaskCompletion];

    public static IReadOnlyList<string> OfCosts { get; } = [Tokens, ApiCalls, Dollars];
}
