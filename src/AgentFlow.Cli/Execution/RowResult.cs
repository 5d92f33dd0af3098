using System.Text.Json;
using AgentFlow.Client;

namespace AgentFlow.Cli.Execution;

/// <summary>What became of one row.</summary>
/// <param name="Row">From 1.</param>
/// <param name="RunId"><see langword="null"/> when the input was refused, or when nobody can look the run up later.</param>
/// <param name="Status">The run's status; <c>refused</c> when the workflow did not take the input.</param>
/// <param name="Path">Ids of the steps, in the order they were entered.</param>
/// <param name="Confidence">How sure the last agent was that said so, 0 to 1; without one, the output's <c>confidence</c>.</param>
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
