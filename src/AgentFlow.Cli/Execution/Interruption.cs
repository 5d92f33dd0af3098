using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;

namespace AgentFlow.Cli.Execution;

/// <summary>Says what becomes of runs that a command leaves behind.</summary>
internal static class Interruption
{
    private const int Listed = 3;

    public static void Explain(Terminal terminal, Connection connection, IReadOnlyList<string> runs)
    {
        if (runs.Count == 0 || connection.IsTemporary)
        {
            return;
        }

        string subject = runs.Count == 1 ? "1 run is" : $"{runs.Count} runs are";
        terminal.Note(connection.IsEmbedded
            ? $"{subject} not finished. Nothing is lost: {connection.Place} holds them, and they go on with the next"
            : $"{subject} still going at {connection.Place}. Follow with:");
        foreach (string run in runs.Take(Listed))
        {
            terminal.Note("  " + connection.CommandLine($"runs watch {run}"), Tone.Plain);
        }

        if (runs.Count > Listed)
        {
            terminal.Note("  … all of them: " + connection.CommandLine("runs list"), Tone.Plain);
        }
    }
}
