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
/// <param name="Unobserved">Calls of which nothing was observed, by id (a child's behind its step, <c>bill/ask</c>): their use is guessed from settings and price tables. What undoes or helps others is not among them.</param>
public sealed record CostEstimate(Spread Tokens, Spread NanoDollars, Spread Seconds, double SuccessRate, int Runs, IReadOnlyList<string> Unobserved)
{
    /// <summary>Those of <see cref="Tokens"/> that no child uses: what stands on the run's own record.</summary>
    public Spread OwnTokens { get; init; }

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

    private readonly Lock _gate = new();

    // Nobody adds to a book that others may read: estimates take as long as they take, and learning goes on meanwhile.
    private volatile CostBook _book = new();

    /// <summary>Grows with what is learned.</summary>
    public long Version => _book.Version;

    /// <summary>Learns from what was observed. Estimates that are being made do not know of it.</summary>
    public void Calibrate(IEnumerable<KeyValuePair<CostKey, Moments>> observed)
    {
        lock (_gate)
        {
            var book = new CostBook(_book);
            foreach ((CostKey key, Moments moments) in observed)
            {
                book.Add(key, moments);
            }

            _book = book;
        }
    }

    /// <summary>Imagines runs of a plan and sums them up. The same knowledge and seed always give the same estimate.</summary>
    /// <param name="input">What the run gets; <see langword="null"/>: not known, and with it how long its lists are.</param>
    /// <param name="children">The versions that would do steps as runs of their own; what is not there is a step like others.</param>
    /// <param name="runs">How many; of plans with very many steps fewer are enough.</param>
    public CostEstimate Estimate(WorkflowDefinition definition, Payload? input = null, IReadOnlyDictionary<ChildCall, WorkflowDefinition>? children = null, int runs = DefaultRuns, ulong seed = 1)
    {
        children ??= NoChildren;
        CostBook book = _book;
        var workflows = new SampledWorkflows(book, new SeededRandom(seed), children);
        PlanSampler sampler = workflows.Of(definition, input);
        var samples = new List<RunSample>(runs);
        while (samples.Count < runs && (samples.Count < LeastRuns || workflows.Visits < MostVisits))
        {
            samples.Add(workflows.Next(sampler));
        }

        return new CostEstimate(
            Of(samples.Select(s => s.Used.Tokens)),
            Of(samples.Select(s => s.Used.NanoDollars)),
            Of(samples.Select(s => s.Seconds)),
            (double)samples.Count(s => s.Succeeded) / samples.Count,
            samples.Count,
            [.. Unobserved(book, definition, children, [definition])])
        {
            OwnTokens = Of(samples.Select(s => s.Used.OwnTokens)),
        };
    }

    /// <summary>Calls that were never seen, a child's behind its step: <c>bill/ask</c>.</summary>
    /// <param name="seen">Workflows that are not gone through again.</param>
    private static IEnumerable<string> Unobserved(CostBook book, WorkflowDefinition definition, IReadOnlyDictionary<ChildCall, WorkflowDefinition> children, HashSet<WorkflowDefinition> seen)
    {
        foreach (CallNode call in definition.Nodes.OfType<CallNode>().Where(c => !c.IsCompensation && !c.IsRemedy))
        {
            if (call.Child is { } child && children.TryGetValue(child, out WorkflowDefinition? version))
            {
                foreach (string id in seen.Add(version) ? Unobserved(book, version, children, seen) : [])
                {
                    yield return $"{call.Id}/{id}";
                }
            }
            else if (book[CostNames.Step(definition.Name, call), CostNames.Succeeded].Count + book[CostNames.Shared(definition.Name, call), CostNames.Succeeded].Count == 0)
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
