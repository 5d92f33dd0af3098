using System.Text;

namespace AgentFlow.Cli.Terminals;

/// <summary>Texts from outside, made fit for one line of a terminal: no control characters, so no escape sequences either.</summary>
internal static class Excerpt
{
    /// <summary>The text on one line, at most <paramref name="length"/> characters, an ellipsis included when it is cut.</summary>
    public static string Of(string text, int length)
    {
        string line = OneLine(text);
        return line.Length <= length ? line : Cut(line, length - 1) + "…";
    }

    /// <summary>The text on one line: white space and control characters become single spaces.</summary>
    public static string OneLine(string text)
    {
        var line = new StringBuilder();
        foreach (char c in text)
        {
            if (!char.IsWhiteSpace(c) && !char.IsControl(c))
            {
                line.Append(c);
            }
            else if (line.Length > 0 && line[^1] != ' ')
            {
                line.Append(' ');
            }
        }

        return line.ToString().TrimEnd();
    }

    // Never in the middle of a surrogate pair.
    private static string Cut(string text, int length) => text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)].TrimEnd();
}
