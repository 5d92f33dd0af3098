using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;

namespace AgentFlow.Engine.Costs;

/// <summary>What a quantity of a run is expected to be.</summary>
public readonly record struct Spread(double Mean, double P50, double P95);

/// <summary>What a run of a plan is expected to use.</summary>
/// <param name="NanoDollars">In 10⁻⁹ dollars.</param>
/// <param name="Seconds">From start to end; waits for signals as long as they took before, and no time where none was seen.</param>
/// <param name="SuccessRate">Part of the imagined runs that completed.</param>
/// <param name="Runs">Runs that were imagined.</param>
/// <param name="Unobserved">Calls of which nothing was observed, by id: their use is guessed from settings and price tables.</param>
public sealed record CostEstimate(Spread Tokens, Spread NanoDollars, Spread Seconds, double SuccessRate, int Runs, IReadOnlyList<string> Unobserved)
{
    /// <summary>Every call was seen before.</summary>
    public bool IsCalibrated => Unobserved.Count == 0;
}

/// <summary>
/// Estimates what runs of a plan will use, before they start: from price tables and settings where nothing was observed, and from
/// observation where it was. Use of tokens, money and time is lognormal; branches, loops and retries come as often as they did.
/// Safe for concurrent use.
/// </summary>
public sealed class PlanCostModel
{
    /// <summary>Enough for a 95th percentile that moves by a few per cent only.</summary>
    public const int DefaultRuns = 2000;

    private readonly CostBook _book = new();
    private readonly Lock _gate = new();

    /// <summary>Grows with what is learned.</summary>
    public long Version
    {
        get
        {
            lock (_gate)
            {
                return _book.Version;
            }
        }
    }

    /// <summary>Learns from what was observed.</summary>
    public void Calibrate(IEnumerable<KeyValuePair<CostKey, Moments>> observed)
    {
        lock (_gate)
        {
            foreach ((CostKey key, Moments moments) in observed)
            {
                _book.Add(key, moments);
            }
        }
    }

    /// <summary>Imagines runs of a plan and sums them up. The same knowledge and seed always give the same estimate.</summary>
    public CostEstimate Estimate(WorkflowDefinition definition, int runs = DefaultRuns, ulong seed = 1)
    {
        lock (_gate)
        {
            var sampler = new PlanSampler(definition, _book, new SeededRandom(seed));
            double[] tokens = new double[runs];
            double[] dollars = new double[runs];
            double[] seconds = new double[runs];
            int completed = 0;
            for (int i = 0; i < runs; i++)
            {
                RunSample sample = sampler.Next();
                (tokens[i], dollars[i], seconds[i]) = (sample.Tokens, sample.NanoDollars, sample.Seconds);
                completed += sample.Succeeded ? 1 : 0;
            }

            string[] unobserved =
            [
                .. definition.Nodes.OfType<CallNode>()
                    .Where(c => !c.IsCompensation && _book[CostNames.Step(definition.Name, c), CostNames.Succeeded].Count + _book[CostNames.Shared(definition.Name, c), CostNames.Succeeded].Count == 0)
                    .Select(c => c.Id),
            ];
            return new CostEstimate(Of(tokens), Of(dollars), Of(seconds), (double)completed / runs, runs, unobserved);
        }
    }

    private static Spread Of(double[] values)
    {
        Array.Sort(values);
        return new Spread(values.Average(), values[values.Length / 2], values[(int)(values.Length * 0.95)]);
    }
}
