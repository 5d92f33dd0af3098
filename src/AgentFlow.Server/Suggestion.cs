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

    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 0; i < a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i + 1;
            for (int j = 0; j < b.Length; j++)
            {
                int changed = diagonal + (char.ToLowerInvariant(a[i]) == char.ToLowerInvariant(b[j]) ? 0 : 1);
                diagonal = row[j + 1];
                row[j + 1] = Math.Min(changed, Math.Min(row[j], row[j + 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
