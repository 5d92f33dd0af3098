using AgentFlow.Engine.Costs;
using AgentFlow.Engine.Definitions;

namespace AgentFlow.Server.Features.Costs;

/// <summary>What a run is expected to use.</summary>
/// <param name="Seconds">From start to end. Waits for signals count as long as they took before, and not at all where none was seen.</param>
/// <param name="SuccessRate">Part of the runs that is expected to complete, 0 to 1.</param>
/// <param name="Calibrated">Whether every call was observed before.</param>
/// <param name="Unobserved">Calls of which nothing was observed: their use is guessed from settings and price tables.</param>
/// <param name="BudgetDollars">What a run may cost; absent without a budget.</param>
/// <param name="WithinBudget">Whether the 95th percentile fits the budget; absent without one.</param>
public sealed record EstimateView(
    string Workflow,
    string Version,
    SpreadView Tokens,
    MoneySpreadView Dollars,
    SpreadView Seconds,
    double SuccessRate,
    bool Calibrated,
    IReadOnlyList<string> Unobserved,
    decimal? BudgetDollars,
    bool? WithinBudget)
{
    internal static EstimateView Of(WorkflowDefinition definition, CostEstimate estimate)
    {
        long? budget = definition.Policies.MaxBudgetNanoDollars;
        return new EstimateView(
            definition.Name,
            definition.Version,
            SpreadView.Of(estimate.Tokens),
            new MoneySpreadView(InDollars(estimate.NanoDollars.Mean), InDollars(estimate.NanoDollars.P50), InDollars(estimate.NanoDollars.P95)),
            SpreadView.Of(estimate.Seconds),
            estimate.SuccessRate,
            estimate.IsCalibrated,
            estimate.Unobserved,
            budget is { } most ? most / 1_000_000_000m : null,
            budget is { } limit ? estimate.NanoDollars.P95 <= limit : null);
    }

    internal static decimal InDollars(double nano) => Math.Round((decimal)nano / 1_000_000_000m, 9);
}

/// <param name="P50">Half of the runs use less.</param>
/// <param name="P95">One run in twenty uses more.</param>
public sealed record SpreadView(double Mean, double P50, double P95)
{
    internal static SpreadView Of(Spread spread) => new(Math.Round(spread.Mean, 3), Math.Round(spread.P50, 3), Math.Round(spread.P95, 3));
}

/// <summary>The same in dollars.</summary>
public sealed record MoneySpreadView(decimal Mean, decimal P50, decimal P95);
