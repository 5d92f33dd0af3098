using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Costs;

/// <summary>What a quantity of a run is expected to be.</summary>
public readonly record struct Spread(double Mean, double P50, double P95);

/// <summary>What a run of a plan is expected to use.</summary>
/// <param name="NanoDollars">In 10⁻⁹ dollars.</param>
/// <param name="Seconds">From start to end; waits for signals as long as they took before, and no time where none was seen.</param>
/// <param name="SuccessRate">Part of the imagined runs that completed.</param>
/// <param name="Runs">Runs that were imagined.</param>
/// <param name="Unobserved">Calls of which nothing was observed, by id (a child's behind its step, <c>bill/ask</c>): their use is guessed from settings and price tables.</param>
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

    /// <summary>So many are imagined in any case.</summary>
    private const int LeastRuns = 20;

    /// <summary>Nodes after whose visit no further run is imagined: about half a second's work. Runs of so many steps hardly differ.</summary>
    private const long MostVisits = 2_000_000;

    private static readonly Dictionary<ChildCall, WorkflowDefinition> NoChildren = [];

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
    /// <param name="input">What the run gets; <see langword="null"/>: not known, and with it how long its lists are.</param>
    /// <param name="children">The versions that would do steps as runs of their own; what is not there is a step like others.</param>
    /// <param name="runs">How many; of plans with very many steps fewer are enough.</param>
    public CostEstimate Estimate(WorkflowDefinition definition, Payload? input = null, IReadOnlyDictionary<ChildCall, WorkflowDefinition>? children = null, int runs = DefaultRuns, ulong seed = 1)
    {
        children ??= NoChildren;
        lock (_gate)
        {
            var workflows = new SampledWorkflows(_book, new SeededRandom(seed), children);
            PlanSampler sampler = workflows.Of(definition, input);
            var samples = new List<RunSample>(runs);
            while (samples.Count < runs && (samples.Count < LeastRuns || workflows.Visits < MostVisits))
            {
                samples.Add(workflows.Next(sampler));
            }

            return new CostEstimate(
                Of(samples.Select(s => s.Tokens)),
                Of(samples.Select(s => s.NanoDollars)),
                Of(samples.Select(s => s.Seconds)),
                (double)samples.Count(s => s.Succeeded) / samples.Count,
                samples.Count,
                [.. Unobserved(definition, children, [definition])]);
        }
    }

    /// <summary>Calls that were never seen, a child's behind its step: <c>bill/ask</c>.</summary>
    /// <param name="seen">Workflows that are not gone through again.</param>
    private IEnumerable<string> Unobserved(WorkflowDefinition definition, IReadOnlyDictionary<ChildCall, WorkflowDefinition> children, HashSet<WorkflowDefinition> seen)
    {
        foreach (CallNode call in definition.Nodes.OfType<CallNode>().Where(c => !c.IsCompensation))
        {
            if (call.Child is { } child && children.TryGetValue(child, out WorkflowDefinition? version))
            {
                foreach (string id in seen.Add(version) ? Unobserved(version, children, seen) : [])
                {
                    yield return $"{call.Id}/{id}";
                }
            }
            else if (_book[CostNames.Step(definition.Name, call), CostNames.Succeeded].Count + _book[CostNames.Shared(definition.Name, call), CostNames.Succeeded].Count == 0)
            {
                yield return call.Id;
            }
        }
    }

    private static Spread Of(IEnumerable<double> of)
    {
        double[] values = [.. of.Order()];
        return new Spread(values.Average(), values[values.Length / 2], values[(int)(values.Length * 0.95)]);
    }
}
