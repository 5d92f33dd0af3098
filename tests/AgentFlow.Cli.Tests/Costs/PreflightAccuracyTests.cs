using AgentFlow.Engine.Costs;
using AgentFlow.Engine.Definitions;

namespace AgentFlow.Cli.Tests.Costs;

[Trait("Suite", "slow")]
public sealed class PreflightAccuracyTests(ITestOutputHelper output)
{
    private const int Calibrations = 50;
    private const int Evaluations = 400;

    /// <summary>
    /// The error of a plan is the distance of the estimated mean from the mean of runs that were not learned from, as a part of the
    /// latter. docs/architecture/cost-preflight.md says why it is the mean.
    /// </summary>
    [Fact]
    public async Task Estimate_After50Runs_IsWithinItsBounds()
    {
        ScriptedPlan[] plans = [.. new[] { "support", "content-pipeline", "devops-automation" }.Select(ScriptedPlan.OfTemplate), .. Enumerable.Range(1, 30).Select(ScriptedPlan.Generated), .. Enumerable.Range(1, 12).Select(ScriptedPlan.Failing)];
        var errors = new List<(string Plan, double Tokens, double Dollars, double Seconds, double Above, double Before)>();
        foreach (ScriptedPlan plan in plans)
        {
            errors.Add(await ErrorOfAsync(plan));
        }

        foreach (var (plan, tokens, dollars, seconds, above, before) in errors)
        {
            output.WriteLine($"{plan,-20} tokens {tokens,6:P1} dollars {dollars,6:P1} seconds {seconds,6:P1}; above p95 {above,6:P1}; tokens without calibration {before,6:P0}");
        }

        Check("tokens", errors.Select(e => e.Tokens));
        Check("dollars", errors.Select(e => e.Dollars));
        // What a plan is sure of has to be worth something as well: one run in twenty costs more than the 95th percentile.
        Assert.InRange(errors.Average(e => e.Above), 0.02, 0.08);
        Assert.True(Percentile(errors.Select(e => e.Before), 0.5) > 0.12, "the plans are estimated well without having been seen: they prove nothing");
    }

    private void Check(string what, IEnumerable<double> errors)
    {
        (double p50, double p95) = (Percentile(errors, 0.5), Percentile(errors, 0.95));
        output.WriteLine($"{what}: p50 {p50:P2}, p95 {p95:P2}");
        Assert.True(p50 <= 0.05 && p95 <= 0.12, $"{what}: p50 {p50:P2}, p95 {p95:P2}");
    }

    private static async Task<(string, double, double, double, double, double)> ErrorOfAsync(ScriptedPlan plan)
    {
        var model = new PlanCostModel();
        var book = new CostBook();
        WorkflowDefinition definition = null!;
        for (ulong seed = 1; seed <= Calibrations; seed++)
        {
            (_, definition) = await plan.PlayAsync(seed, book);
        }

        double before = model.Estimate(definition).Tokens.Mean;
        model.Calibrate(book.Take());
        CostEstimate estimate = model.Estimate(definition, runs: 20_000);
        (double tokens, double dollars, double seconds, int above) = (0, 0, 0, 0);
        for (ulong seed = 100_001; seed <= 100_000 + Evaluations; seed++)
        {
            (CostFold used, _) = await plan.PlayAsync(seed, new CostBook());
            tokens += used.Tokens;
            dollars += used.CostNanoDollars;
            seconds += used.Seconds;
            above += used.CostNanoDollars > estimate.NanoDollars.P95 ? 1 : 0;
        }

        return (plan.Name, Error(estimate.Tokens.Mean, tokens), Error(estimate.NanoDollars.Mean, dollars), Error(estimate.Seconds.Mean, seconds), (double)above / Evaluations, Error(before, tokens));
    }

    private static double Error(double estimated, double sum) => Math.Abs(estimated - (sum / Evaluations)) / (sum / Evaluations);

    private static double Percentile(IEnumerable<double> values, double part)
    {
        double[] sorted = [.. values.Order()];
        return sorted[Math.Min(sorted.Length - 1, (int)Math.Ceiling(part * sorted.Length) - 1)];
    }
}
