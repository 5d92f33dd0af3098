using Spectre.Console;

namespace AgentFlow.Cli.Terminals;

/// <summary>What a text means; a terminal shows it as a colour.</summary>
internal enum Tone
{
    Plain,
    Faint,
    Good,
    Warning,
    Bad,
    Strong,
}

internal static class Tones
{
    public static Style Style(this Tone tone) => tone switch
    {
        Tone.Faint => new Style(decoration: Decoration.Dim),
        Tone.Good => new Style(Color.Green),
        Tone.Warning => new Style(Color.Yellow),
        Tone.Bad => new Style(Color.Red),
        Tone.Strong => new Style(decoration: Decoration.Bold),
        _ => Spectre.Console.Style.Plain,
    };
}
