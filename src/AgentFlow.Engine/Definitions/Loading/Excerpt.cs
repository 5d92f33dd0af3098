using System.Text;

namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>What a user wrote, short enough and tame enough to be quoted in a message.</summary>
internal static class Excerpt
{
    private const int Longest = 60;

    public static string Of(string text)
    {
        var excerpt = new StringBuilder();
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (excerpt.Length >= Longest)
            {
                return excerpt.Append('…').ToString();
            }

            excerpt.Append(Rune.IsControl(rune) ? " " : rune.ToString());
        }

        return excerpt.ToString();
    }
}
