using System.Text;

namespace AgentFlow.Simulation.Rehearsals;

/// <summary>Writes a text that fits a simple regular expression: literals, classes such as <c>[0-9a-f]</c>, <c>\d</c>, <c>\w</c>, and how often each stands.</summary>
internal static class DrawnText
{
    private const int MaxLength = 1_000;

    /// <summary>A text that fits; <see langword="null"/> where the pattern has groups, alternatives or other things that are beyond this.</summary>
    public static string? Fitting(string pattern)
    {
        var text = new StringBuilder();
        int at = pattern.StartsWith('^') ? 1 : 0;
        int end = pattern.EndsWith('$') && !pattern.EndsWith("\\$", StringComparison.Ordinal) ? pattern.Length - 1 : pattern.Length;
        while (at < end)
        {
            if (Character(pattern, ref at) is not { } character || Least(pattern, ref at) is not { } times || text.Length + times > MaxLength)
            {
                return null;
            }

            text.Append(character, times);
        }

        return text.ToString();
    }

    /// <summary>The first character that the class, escape or literal at a place takes.</summary>
    private static char? Character(string pattern, ref int at)
    {
        char first = pattern[at++];
        switch (first)
        {
            case '[':
                int close = pattern.IndexOf(']', at);
                char taken = close > at ? pattern[at] : '^';
                at = close + 1;
                return taken is '^' or '\\' ? null : taken;
            case '\\' when at < pattern.Length:
                char escaped = pattern[at++];
                return escaped switch { 'd' => '0', 'w' => 'a', _ => char.IsLetterOrDigit(escaped) ? null : escaped };
            case '.':
                return 'a';
            default:
                return "(){}|*+?^$\\".Contains(first, StringComparison.Ordinal) ? null : first;
        }
    }

    /// <summary>How often it stands there at least.</summary>
    private static int? Least(string pattern, ref int at)
    {
        switch (at < pattern.Length ? pattern[at] : ' ')
        {
            case '?' or '*':
                at++;
                return 0;
            case '+':
                at++;
                return 1;
            case '{' when pattern.IndexOf('}', at) is > 0 and var close:
                string least = pattern[(at + 1)..close].Split(',')[0];
                at = close + 1;
                return int.TryParse(least, out int times) && times >= 0 ? times : null;
            default:
                return 1;
        }
    }
}
