namespace AgentFlow.Server;

/// <summary>Finds the word that was probably meant.</summary>
internal static class Suggestion
{
    private const int LettersPerMistake = 3;
    private const int MaxLength = 64;

    /// <summary>An appendix such as <c> (did you mean 'AF_DB_DSN'?)</c>; empty when nothing is near.</summary>
    public static string For(string word, IEnumerable<string> candidates)
    {
        // Words come from outside: a long one is no near miss and must not cost a quadratic search.
        if (word.Length > MaxLength)
        {
            return "";
        }

        string? nearest = null;
        int best = Math.Max(1, word.Length / LettersPerMistake) + 1;
        foreach (string candidate in candidates)
        {
            int distance = Distance(word, candidate);
            if (distance < best)
            {
                (nearest, best) = (candidate, distance);
            }
        }

        return nearest is null ? "" : $" (did you mean '{nearest}'?)";
    }

    /// <summary>Letters to add, drop, change or swap with their neighbour.</summary>
    private static int Distance(string a, string b)
    {
        int[,] d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            d[i, 0] = i;
        }

        for (int j = 0; j <= b.Length; j++)
        {
            d[0, j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int changed = d[i - 1, j - 1] + (Same(a[i - 1], b[j - 1]) ? 0 : 1);
                d[i, j] = Math.Min(changed, Math.Min(d[i - 1, j], d[i, j - 1]) + 1);
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                {
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
                }
            }
        }

        return d[a.Length, b.Length];
    }

    private static bool Same(char a, char b) => char.ToLowerInvariant(a) == char.ToLowerInvariant(b);
}
