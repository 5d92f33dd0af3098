using System.Text;
using System.Text.Json.Nodes;

namespace AgentFlow.Cli.Inputs;

/// <summary>
/// Comma-separated values as RFC 4180 describes them, with a header line. Also taken: semicolon or tab instead of the
/// comma, the line <c>sep=;</c> that spreadsheets write, any line ending, blank lines between records.
/// </summary>
internal sealed class CsvReader
{
    private const string SeparatorLine = "sep=";

    private readonly string _file;
    private readonly string _text;
    private readonly char _delimiter;
    private int _at;
    private int _line = 1;

    private CsvReader(string file, string text)
    {
        _file = file;
        _text = text;
        if (text.StartsWith(SeparatorLine, StringComparison.OrdinalIgnoreCase) && text.Length > SeparatorLine.Length && text.IndexOfAny(['\r', '\n']) is 5 or -1)
        {
            _delimiter = text[SeparatorLine.Length];
            _at = SeparatorLine.Length + 1;
            SkipLineEnd();
        }
        else
        {
            _delimiter = Sniff(text);
        }
    }

    /// <exception cref="InputException">The text is not CSV with a header.</exception>
    public static IReadOnlyList<InputRow> Read(string file, string text)
    {
        var reader = new CsvReader(file, text);
        var (header, headerLine) = reader.NextRecord() ?? throw new InputException($"{file} is empty. Its first line names the columns, for example: message");
        string[] columns = reader.CheckHeader(header, headerLine);
        var rows = new List<InputRow>();
        while (reader.NextRecord() is var (cells, line))
        {
            int number = rows.Count + 1;
            if (number > InputRows.MaxRows)
            {
                throw InputRows.TooMany(file);
            }

            if (cells.Count != columns.Length)
            {
                throw new InputException(
                    $"{file}:{line}: row {number} has {cells.Count} cells, the header has {columns.Length} columns ({string.Join(", ", columns)}). "
                    + "Put quotes around a cell that contains the delimiter.");
            }

            var value = new JsonObject();
            for (int i = 0; i < columns.Length; i++)
            {
                value.Add(columns[i], JsonValue.Create(cells[i]));
            }

            rows.Add(new InputRow(number, line, value));
        }

        return rows;
    }

    /// <summary>The most frequent candidate in the first record, outside quotes; the comma when none stands there.</summary>
    private static char Sniff(string text)
    {
        ReadOnlySpan<char> candidates = [',', ';', '\t'];
        Span<int> counts = stackalloc int[candidates.Length];
        bool quoted = false;
        foreach (char c in text)
        {
            if (c == '"')
            {
                quoted = !quoted;
            }
            else if (!quoted && c is '\n' or '\r')
            {
                break;
            }
            else if (!quoted && candidates.IndexOf(c) is >= 0 and var index)
            {
                counts[index]++;
            }
        }

        int best = 0;
        for (int i = 1; i < counts.Length; i++)
        {
            best = counts[i] > counts[best] ? i : best;
        }

        return candidates[best];
    }

    private string[] CheckHeader(List<string> header, int line)
    {
        string[] columns = [.. header.Select(name => name.Trim())];
        for (int i = 0; i < columns.Length; i++)
        {
            if (columns[i].Length == 0)
            {
                throw new InputException($"{_file}:{line}: column {i + 1} has no name. The first line names every column.");
            }

            if (Array.IndexOf(columns, columns[i]) < i)
            {
                throw new InputException($"{_file}:{line}: two columns are named '{columns[i]}'. Rename one.");
            }
        }

        return columns;
    }

    /// <summary>The next record that is not a blank line, and the line it starts on.</summary>
    private (List<string> Cells, int Line)? NextRecord()
    {
        while (SkipLineEnd())
        {
            // Blank lines separate nothing.
        }

        if (_at >= _text.Length)
        {
            return null;
        }

        int line = _line;
        var cells = new List<string>();
        while (true)
        {
            cells.Add(NextCell());
            if (_at >= _text.Length || SkipLineEnd())
            {
                return (cells, line);
            }

            _at++;
        }
    }

    /// <summary>Reads up to the delimiter, the line's end or the text's end.</summary>
    private string NextCell()
    {
        if (_at < _text.Length && _text[_at] == '"')
        {
            return QuotedCell();
        }

        int start = _at;
        while (_at < _text.Length && _text[_at] != _delimiter && _text[_at] is not ('\r' or '\n'))
        {
            _at++;
        }

        return _text[start.._at];
    }

    private string QuotedCell()
    {
        int opened = _line;
        var cell = new StringBuilder();
        _at++;
        while (_at < _text.Length)
        {
            char c = _text[_at++];
            if (c != '"')
            {
                _line += c == '\n' || (c == '\r' && (_at >= _text.Length || _text[_at] != '\n')) ? 1 : 0;
                cell.Append(c);
            }
            else if (_at < _text.Length && _text[_at] == '"')
            {
                cell.Append('"');
                _at++;
            }
            else if (_at < _text.Length && _text[_at] != _delimiter && _text[_at] is not ('\r' or '\n'))
            {
                throw new InputException($"{_file}:{_line}: text follows the closing quote of a cell. Write a quote inside a quoted cell twice: \"\".");
            }
            else
            {
                return cell.ToString();
            }
        }

        throw new InputException($"{_file}:{opened}: the quote that opens a cell on this line is never closed.");
    }

    private bool SkipLineEnd()
    {
        if (_at >= _text.Length || _text[_at] is not ('\r' or '\n'))
        {
            return false;
        }

        _at += _text[_at] == '\r' && _at + 1 < _text.Length && _text[_at + 1] == '\n' ? 2 : 1;
        _line++;
        return true;
    }
}
