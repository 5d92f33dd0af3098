namespace AgentFlow.Cli.Execution;

/// <summary>Sums over the rows that have ended.</summary>
internal sealed class RowTotals
{
    private readonly Dictionary<(string Path, string Outcome), (int Rows, decimal Cost, double Ms)> _groups = [];

    public int Rows { get; private set; }

    public int Completed { get; private set; }

    public int Cancelled { get; private set; }

    public decimal CostDollars { get; private set; }

    public double MeanMs => _groups.Values.Sum(g => g.Ms) / Rows;

    /// <summary>Most frequent first, then by path.</summary>
    public IEnumerable<(string Path, string Outcome, int Rows, decimal Cost, double MeanMs)> Groups => _groups
        .OrderByDescending(g => g.Value.Rows).ThenBy(g => g.Key.Path, StringComparer.Ordinal).ThenBy(g => g.Key.Outcome, StringComparer.Ordinal)
        .Select(g => (g.Key.Path, g.Key.Outcome, g.Value.Rows, g.Value.Cost, g.Value.Ms / g.Value.Rows));

    public void Add(RowResult result)
    {
        Rows++;
        Completed += result.IsCompleted ? 1 : 0;
        Cancelled += result.Status == "cancelled" ? 1 : 0;
        CostDollars += result.CostDollars;
        var key = (RowText.Path(result), RowText.Outcome(result));
        var (rows, cost, ms) = _groups.GetValueOrDefault(key);
        _groups[key] = (rows + 1, cost + result.CostDollars, ms + (result.Ms ?? 0));
    }

    public int ExitCode => Completed == Rows ? AgentFlow.Cli.ExitCode.Ok
        : Completed + Cancelled == Rows ? AgentFlow.Cli.ExitCode.Cancelled
        : AgentFlow.Cli.ExitCode.Failed;
}
