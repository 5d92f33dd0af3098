using System.Text;

namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>What a user wrote, short enough and tame enough to be quoted in a message.</summary>
internal static class Excerpt
{
    private const int LongestWord = 60;
    private const int LongestLine = 400;

    /// <summary>A word, or a few.</summary>
    public static string Of(string text) => Cut(text, LongestWord);

    /// <summary>Somebody else's message.</summary>
    public static string Line(string text) => Cut(text, LongestLine);

    private static string Cut(string text, int longest)
    {
        if (text.Length <= longest && !text.Any(char.IsControl))
        {
            return text;
        }

        var excerpt = new StringBuilder();
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (excerpt.Length >= longest)
            {
                return excerpt.Append('…').ToString();
            }

            excerpt.Append(Rune.IsControl(rune) ? " " : rune.ToString());
        }

        return excerpt.ToString();
    }
}
