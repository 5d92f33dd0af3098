using System.Globalization;
using System.Text;
using AgentFlow.Cli.Terminals;
using Spectre.Console;

namespace AgentFlow.Cli.Workflows;

/// <summary>Findings for readers: one line each, as compilers print them; on a terminal with the line they are about.</summary>
internal static class FindingView
{
    private const int ContextColumns = 60;

    /// <summary>Shows what was found in one file.</summary>
    /// <param name="beside">Whether the findings are a remark beside the result, or the result itself.</param>
    public static void Show(this Terminal terminal, WorkflowCheck check, bool beside)
    {
        IAnsiConsole? screen = terminal.ScreenFor(beside);
        foreach (Finding finding in check.Findings)
        {
            if (screen is not null)
            {
                ShowOnScreen(screen, finding, finding.File == check.Local.Path ? check.Local.Upload?.Yaml : null);
            }
            else if (beside)
            {
                terminal.Note(Line(finding));
            }
            else
            {
                terminal.Say(Line(finding));
            }
        }
    }

    private static string Line(Finding finding) =>
        $"{finding.File}:{finding.Line}:{finding.Column}: {finding.Severity} {finding.Code}: {finding.Message} {finding.Remedy}".TrimEnd();

    private static void ShowOnScreen(IAnsiConsole screen, Finding finding, string? source)
    {
        Tone tone = finding.IsError ? Tone.Bad : Tone.Warning;
        var text = new Paragraph();
        text.Append($"{finding.File}:{finding.Line}:{finding.Column}: ", Tone.Strong.Style());
        text.Append($"{finding.Severity} {finding.Code}", tone.Style());
        text.Append($": {finding.Message} {finding.Remedy}".TrimEnd() + "\n");
        if (source is not null && SourceLine(source, finding.Line) is { } line)
        {
            var (excerpt, caret) = Around(line, finding.Column);
            string number = finding.Line.ToString(CultureInfo.InvariantCulture).PadLeft(5);
            text.Append($"{number} | ", Tone.Faint.Style());
            text.Append(excerpt + "\n");
            text.Append($"{new string(' ', number.Length)} | ", Tone.Faint.Style());
            text.Append(new string(' ', caret) + "^\n", tone.Style());
        }

        screen.Write(text);
    }

    private static string? SourceLine(string source, int line) =>
        source.Split('\n') is var lines && line <= lines.Length ? lines[line - 1].TrimEnd('\r') : null;

    /// <summary>The part of a line around a column, fit for a terminal, and how many cells lie before that column.</summary>
    private static (string Excerpt, int Caret) Around(string line, int column)
    {
        Rune[] runes = [.. line.EnumerateRunes().Select(r => Rune.IsControl(r) ? new Rune(' ') : r)];
        int at = Math.Clamp(column - 1, 0, runes.Length);
        int start = Math.Max(0, at - ContextColumns);
        string before = string.Concat(runes[start..at].Select(r => r.ToString()));
        string after = string.Concat(runes[at..Math.Min(runes.Length, at + ContextColumns)].Select(r => r.ToString()));
        return (before + after, TableView.Width(before));
    }
}
