using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Costs;

/// <summary>What is taken where nothing was observed.</summary>
public static class CostPriors
{
    /// <summary>Of the logarithm of tokens and seconds: 95 % lie within a factor of 2.7.</summary>
    public const double Sigma = 0.6;

    /// <summary>Part of the attempts that fail.</summary>
    public const double FailureRate = 0.01;

    /// <summary>Median of the seconds that whatever is outside takes to answer.</summary>
    public const double OutsideSeconds = 0.3;

    /// <summary>Items of a list that a step gives.</summary>
    public const int Items = 5;

    /// <summary>Another round of a loop follows so often, up to its limit.</summary>
    public const double AnotherRound = 0.5;

    /// <summary>Steps of a plan that a model makes, unless it may have fewer.</summary>
    public const int PlanSteps = 3;

    /// <summary>Median of an attempt's seconds: a model takes two, what reaches outside 0.3, and the rest no time to speak of.</summary>
    public static double Seconds(ITool tool)
    {
        ArgumentNullException.ThrowIfNull(tool);
        return tool.Use is not null ? 2 : tool.Contract.Effects == Effects.None ? 0 : OutsideSeconds;
    }
}
