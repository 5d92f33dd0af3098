using System.Text.Json;
using AgentFlow.Client;

namespace AgentFlow.Cli.Execution;

/// <summary>What became of one row.</summary>
/// <param name="Row">From 1.</param>
/// <param name="RunId"><see langword="null"/> when the input was refused, or when nobody can look the run up later.</param>
/// <param name="Status">The run's status; <c>refused</c> when the workflow did not take the input.</param>
/// <param name="Path">Ids of the steps, in the order they were entered.</param>
/// <param name="Confidence">How sure the answer is, 0 to 1: the output's <c>confidence</c>, else the last one that a step gave.</param>
/// <param name="Provider">Who answered, in the order of their first answer.</param>
/// <param name="Ms">From start to end.</param>
internal sealed record RowResult(
    int Row,
    string? Message,
    string? RunId,
    string Status,
    string? Outcome,
    IReadOnlyList<string> Path,
    double? Confidence,
    string? Provider,
    double? Ms,
    decimal CostDollars,
    JsonElement? Output,
    RunError? Error)
{
    public const string Refused = "refused";

    public bool IsCompleted => Status == "completed";
}

/// <summary>Sums over the rows that have ended.</summary>
internal sealed class RowTotals
{
    private readonly Dictionary<(string Path, string Outcome), (int Rows, decimal Cost, double Ms)> _groups = [];

    public int Rows { get; private set; }

    public int Completed { get; private set; }

    public int Cancelled { get; private set; }

    public decimal CostDollars { get; private set; }

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
