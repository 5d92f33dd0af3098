using AgentFlow.Cli.Terminals;

namespace AgentFlow.Cli.Execution;

/// <summary>Prints results as they come in the order of the rows: a table for readers, an array for programs.</summary>
internal sealed class RowReport
{
    private const int ListedErrors = 20;

    private readonly Terminal _terminal;
    private readonly JsonArrayWriter<RowResult>? _array;
    private readonly TableView _table;
    private readonly List<string> _errors = [];
    private int _failed;

    public RowReport(Terminal terminal)
    {
        _terminal = terminal;
        _array = terminal.IsJson ? new JsonArrayWriter<RowResult>(terminal, CliJson.Default.RowResult) : null;
        _table = new TableView(
            terminal, new TableColumn("Row", IsNumber: true), new TableColumn("Message"), new TableColumn("Path"), new TableColumn("Outcome", IsFixed: true),
            new TableColumn("Conf.", IsNumber: true), new TableColumn("Provider", IsFixed: true), new TableColumn("ms", IsNumber: true), new TableColumn("Cost", IsNumber: true));
    }

    /// <summary>False when the runs cannot be looked up afterwards: their ids are then left out. Default true.</summary>
    public bool ShowsRunIds { get; init; } = true;

    public RowTotals Totals { get; } = new();

    public void Add(RowResult result)
    {
        Totals.Add(result);
        if (_array is not null)
        {
            _array.Add(ShowsRunIds ? result : result with { RunId = null });
            return;
        }

        _table.Add(
            $"{result.Row}", RowText.Message(result), RowText.Path(result), new TableCell(RowText.Outcome(result), RowText.ToneOf(result.Status)),
            RowText.Confidence(result.Confidence), result.Provider ?? "", RowText.Ms(result.Ms), RowText.Cost(result.CostDollars));
        if (result.Error is { } error && ++_failed <= ListedErrors)
        {
            _errors.Add($"row {result.Row}: {Excerpt.OneLine(error.Message)} ({error.Code})");
        }
    }

    /// <summary>Ends the table or array; then the reasons of rows that did not complete, and the sums.</summary>
    public void Finish()
    {
        _array?.Dispose();
        if (!_terminal.IsJson && Totals.Rows > 0)
        {
            _table.Print();
        }

        foreach (string error in _errors)
        {
            _terminal.Note(error, Tone.Bad);
        }

        if (_failed > ListedErrors)
        {
            _terminal.Note($"… and {_failed - ListedErrors} more rows; -o json has the reason of each.", Tone.Bad);
        }

        if (!_terminal.IsJson && Totals.Rows > 1)
        {
            PrintTotals();
        }
    }

    private void PrintTotals()
    {
        _terminal.Say("");
        var table = new TableView(
            _terminal, new TableColumn("Path"), new TableColumn("Outcome", IsFixed: true), new TableColumn("Rows", IsNumber: true),
            new TableColumn("Mean ms", IsNumber: true), new TableColumn("Cost", IsNumber: true));
        foreach (var (path, outcome, rows, cost, meanMs) in Totals.Groups)
        {
            table.Add(path, outcome, $"{rows}", RowText.Ms(meanMs), RowText.Cost(cost));
        }

        table.Add("all", "", $"{Totals.Rows}", RowText.Ms(Totals.MeanMs), RowText.Cost(Totals.CostDollars));
        table.Print();
    }
}
