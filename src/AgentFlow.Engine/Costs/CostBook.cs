namespace AgentFlow.Engine.Costs;

/// <summary>What is counted.</summary>
/// <param name="Subject">A step of a workflow (<c>step:support/classify</c>), an agent with its model, or a tool.</param>
/// <param name="Measure">For example <c>output_tokens</c>, or a choice such as <c>go:1:3</c>.</param>
public readonly record struct CostKey(string Subject, string Measure);

/// <summary>Count, sum and sum of squares: enough for a mean and a variance, and they add up.</summary>
public readonly record struct Moments(long Count, double Sum, double SquareSum)
{
    public static Moments Of(double value) => new(1, value, value * value);

    public static Moments operator +(Moments a, Moments b) => new(a.Count + b.Count, a.Sum + b.Sum, a.SquareSum + b.SquareSum);

    public double Mean => Sum / Count;

    /// <summary>Sum of the squared distances from the mean, never negative.</summary>
    public double Scatter => Math.Max(0, SquareSum - (Sum * Sum / Count));
}

/// <summary>Everything that was observed of one tenant's steps. Safe for concurrent reading alone.</summary>
public sealed class CostBook
{
    private readonly Dictionary<CostKey, Moments> _moments;

    public CostBook() => _moments = [];

    /// <summary>A copy.</summary>
    public CostBook(CostBook book) => (_moments, Version) = (new(book._moments), book.Version);

    public IReadOnlyDictionary<CostKey, Moments> All => _moments;

    /// <summary>Grows with every addition: estimates of an older number are older.</summary>
    public long Version { get; private set; }

    public Moments this[string subject, string measure] => _moments.GetValueOrDefault(new CostKey(subject, measure));

    public void Add(CostKey key, Moments moments)
    {
        _moments[key] = _moments.GetValueOrDefault(key) + moments;
        Version++;
    }

    public void Add(string subject, string measure, double value) => Add(new CostKey(subject, measure), Moments.Of(value));

    /// <summary>Counts one more of a choice.</summary>
    public void Count(string subject, string measure) => Add(new CostKey(subject, measure), new Moments(1, 0, 0));

    /// <summary>Takes everything out, for whoever brings it to the store.</summary>
    public KeyValuePair<CostKey, Moments>[] Take()
    {
        KeyValuePair<CostKey, Moments>[] all = [.. _moments];
        _moments.Clear();
        return all;
    }
}
