using Spectre.Console;
using Spectre.Console.Rendering;

namespace AgentFlow.Cli.Terminals;

/// <param name="IsNumber">Aligned to the right and never broken over lines.</param>
internal sealed record TableColumn(string Title, bool IsNumber = false, bool IsFixed = false);

internal readonly record struct TableCell(string Text, Tone Tone = Tone.Plain)
{
    public static implicit operator TableCell(string text) => new(text);
}

/// <summary>
/// Rows under titles: with lines and colours on a terminal, aligned plain text elsewhere. A column without any content
/// is left out. Long tables are printed in parts, so that they need no more memory than one part.
/// </summary>
internal sealed class TableView(Terminal terminal, params TableColumn[] columns)
{
    private const int RowsPerPart = 1_000;
    private readonly List<TableCell[]> _rows = [];

    /// <param name="cells">One for each column.</param>
    public void Add(params TableCell[] cells)
    {
        _rows.Add(cells);
        if (_rows.Count == RowsPerPart)
        {
            Print();
        }
    }

    /// <summary>Prints what was added since the last part.</summary>
    public void Print()
    {
        int[] shown = [.. Enumerable.Range(0, columns.Length).Where(i => _rows.Exists(row => row[i].Text.Length > 0))];
        if (terminal.HasScreen)
        {
            PrintOnScreen(shown);
        }
        else
        {
            PrintPlain(shown);
        }

        _rows.Clear();
    }

    internal static int Width(string text) => new Segment(text).CellCount();

    private void PrintOnScreen(int[] shown)
    {
        var table = new Table { Border = TableBorder.Rounded, BorderStyle = Tone.Faint.Style() };
        foreach (int i in shown)
        {
            table.AddColumn(new Spectre.Console.TableColumn(new Text(columns[i].Title, Tone.Strong.Style()))
            {
                Alignment = columns[i].IsNumber ? Justify.Right : Justify.Left,
                NoWrap = columns[i].IsNumber || columns[i].IsFixed,
            });
        }

        foreach (TableCell[] row in _rows)
        {
            table.AddRow(shown.Select(i => new Text(row[i].Text, row[i].Tone.Style())));
        }

        terminal.Screen.Write(table);
    }

    private void PrintPlain(int[] shown)
    {
        int[] widths = [.. shown.Select(i => _rows.Select(row => Width(row[i].Text)).Append(Width(columns[i].Title)).Max())];
        PrintLine([.. columns.Select(c => c.Title.ToUpperInvariant())]);
        foreach (TableCell[] row in _rows)
        {
            PrintLine([.. row.Select(cell => cell.Text)]);
        }

        void PrintLine(string[] texts)
        {
            string line = string.Join("  ", shown.Select((column, at) =>
            {
                string text = texts[column];
                string padding = new(' ', widths[at] - Width(text));
                return columns[column].IsNumber ? padding + text : text + padding;
            }));
            terminal.Out.WriteLine(line.TrimEnd());
        }
    }
}
