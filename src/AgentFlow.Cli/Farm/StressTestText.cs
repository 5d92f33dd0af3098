using System.Globalization;
using AgentFlow.Cli.Terminals;
using AgentFlow.Farm.StressTests;

namespace AgentFlow.Cli.Farm;

/// <summary>A stress test's record for a reader.</summary>
internal static class StressTestText
{
    private const int MostWidth = 300;

    public static void Print(Terminal terminal, StressTestRun run)
    {
        if (run.Analysis is not { } analysis || run.Validation is not { } validation)
        {
            terminal.Say($"{run.Status}: {Excerpt.Of(run.Error ?? "no reason is known.", MostWidth)}", Tone.Bad);
            terminal.Note($"{run.RunId} is in the history.");
            return;
        }

        terminal.Say($"{analysis.Title}: {analysis.Summary}", ToneOf(analysis.Verdict));
        Section(terminal, "Reliability", analysis.Sections.Reliability);
        Section(terminal, "Performance", analysis.Sections.Performance);
        Section(terminal, "Resilience", analysis.Sections.Resilience);
        var table = new TableView(terminal, new TableColumn("check"), new TableColumn("expected"), new TableColumn("platform"), new TableColumn("matches"));
        foreach (Comparison comparison in validation.Comparisons)
        {
            table.Add(comparison.Check, Excerpt.Of(comparison.Expected, 60), Excerpt.Of(comparison.Actual, 60), new TableCell(comparison.Matched ? "yes" : "no", comparison.Matched ? Tone.Good : Tone.Bad));
        }

        table.Print();
        Lines(terminal, "Discrepancies", validation.Discrepancies);
        Lines(terminal, "Recommendations", analysis.Recommendations);
        terminal.Note(string.Create(CultureInfo.InvariantCulture, $"{run.RunId}: {run.Status} after {run.DurationMs / 1000.0:0.0} s, {run.Observed!.Polls} polls, {run.Observed.Dashboard.Samples} dashboards, {run.Observed.Events.Received} events ({run.Observed.Events.Transport}). Not reported by the platform: {(validation.NotReported.Count == 0 ? "nothing" : string.Join(", ", validation.NotReported))}."));
    }

    private static void Section(Terminal terminal, string title, AnalysisSection section)
    {
        terminal.Say($"{title}: {section.Verdict}", ToneOf(section.Verdict));
        foreach (string finding in section.Findings)
        {
            terminal.Say($"  {Excerpt.Of(finding, MostWidth)}");
        }
    }

    private static void Lines(Terminal terminal, string title, IReadOnlyList<string> lines)
    {
        if (lines.Count == 0)
        {
            return;
        }

        terminal.Say(title, Tone.Strong);
        foreach (string line in lines)
        {
            terminal.Say($"  {Excerpt.Of(line, MostWidth)}");
        }
    }

    private static Tone ToneOf(string verdict) => verdict switch
    {
        "PASS" => Tone.Good,
        "DEGRADED" => Tone.Warning,
        _ => Tone.Bad,
    };
}
