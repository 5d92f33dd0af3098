using AgentFlow.Cli.Terminals;
using AgentFlow.Cli.Workflows;
using AgentFlow.Simulation.Scenarios;

namespace AgentFlow.Cli.Scenarios;

/// <summary>What came of scenarios, for readers.</summary>
internal static class ScenarioText
{
    private const int ValueLength = 400;

    public static void Show(this Terminal terminal, ScenarioResult result)
    {
        if (result.Passed)
        {
            terminal.Say($"{result.File}: ok, {result.Outcome ?? result.Status}, {Steps(result.Path.Count)}, {Durations.Of(TimeSpan.FromSeconds(result.Seconds))}", Tone.Good);
        }
        else
        {
            terminal.Say($"{result.File}: {(result.Diagnostics.Count > 0 ? "cannot be played" : "FAILED")}{(result.Name.Length > 0 ? $" ({result.Name})" : "")}", Tone.Bad);
            foreach (string reason in Reasons(result))
            {
                terminal.Say("  " + reason);
            }

            if (result.Happened.Count > 0)
            {
                terminal.Say("  what happened last, in ms since the start:", Tone.Faint);
                foreach (string line in result.Happened)
                {
                    terminal.Say("  " + line, Tone.Faint);
                }
            }
        }

        foreach (string note in result.Notes)
        {
            terminal.Note($"{result.File}: {note}");
        }
    }

    /// <summary>Why a scenario did not pass, a line each.</summary>
    public static IEnumerable<string> Reasons(ScenarioResult result)
    {
        foreach (Finding finding in result.Diagnostics)
        {
            yield return $"{finding.File}:{finding.Line}:{finding.Column}: {finding.Severity} {finding.Code}: {finding.Message} {finding.Remedy}".TrimEnd();
        }

        foreach (Mismatch mismatch in result.Mismatches)
        {
            yield return $"{mismatch.What}: expected {Excerpt.Of(mismatch.Expected, ValueLength)}, was {Excerpt.Of(mismatch.Actual, ValueLength)}";
        }
    }

    private static string Steps(int steps) => steps == 1 ? "1 step" : $"{steps} steps";
}
