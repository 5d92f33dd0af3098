namespace AgentFlow.Contracts.Text;

/// <summary>Finds the known word that a wrong one was probably meant to be.</summary>
public static class NearWord
{
    // Words come from strangers: neither a long one nor thousands of wrong ones may cost a search without end.
    private const int LongestWord = 64;
    private const int LettersPerMistake = 3;

    /// <summary>
    /// The nearest of the known words, when no more than about a third of the letters differ; swapped neighbours count
    /// as one mistake, case and the difference between <c>_</c>, <c>-</c> and camelCase as none.
    /// </summary>
    /// <param name="budget">What the search may cost, about one for each pair of letters compared; it is drawn on, and nothing is found below 0.</param>
    public static string? Find(string word, IEnumerable<string> known, ref long budget)
    {
        ArgumentNullException.ThrowIfNull(word);
        ArgumentNullException.ThrowIfNull(known);
        if (word.Length is 0 or > LongestWord || budget < 0)
        {
            return null;
        }

        string flat = Flatten(word);
        string? nearest = null;
        int best = Math.Max(1, flat.Length / LettersPerMistake) + 1;
        foreach (string candidate in known)
        {
            budget -= (long)word.Length * Math.Min(candidate.Length, LongestWord);
            if (budget < 0)
            {
                break;
            }

            if (candidate.Length > 2 * LongestWord)
            {
                continue;
            }

            string other = Flatten(candidate);
            if (Math.Abs(other.Length - flat.Length) >= best)
            {
                continue;
            }

            int distance = Distance(flat, other);
            if (distance < best && (distance < flat.Length || distance == 0))
            {
                (nearest, best) = (candidate, distance);
            }
        }

        return nearest;
    }

    /// <inheritdoc cref="Find(string, IEnumerable{string}, ref long)"/>
    public static string? Find(string word, IEnumerable<string> known)
    {
        long budget = long.MaxValue;
        return Find(word, known, ref budget);
    }

    /// <summary>An appendix such as <c> (did you mean 'AF_DB_DSN'?)</c>; empty when nothing is near.</summary>
    public static string Hint(string word, IEnumerable<string> known) => Find(word, known) is { } near ? $" (did you mean '{near}'?)" : "";

    private static string Flatten(string word)
    {
        Span<char> flat = stackalloc char[2 * LongestWord];
        int length = 0;
        foreach (char c in word)
        {
            if (c is not ('_' or '-'))
            {
                flat[length++] = char.ToLowerInvariant(c);
            }
        }

        return new string(flat[..length]);
    }

    /// <summary>Optimal string alignment: insertions, deletions, changes and swaps of neighbours.</summary>
    private static int Distance(string a, string b)
    {
        int width = b.Length + 1;
        Span<int> rows = stackalloc int[3 * width];
        Span<int> beforeLast = rows[..width];
        Span<int> last = rows.Slice(width, width);
        Span<int> row = rows[(2 * width)..];
        for (int j = 0; j < width; j++)
        {
            last[j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            row[0] = i;
            for (int j = 1; j < width; j++)
            {
                int changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(changed, Math.Min(last[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    row[j] = Math.Min(row[j], beforeLast[j - 2] + 1);
                }
            }

            Span<int> free = beforeLast;
            beforeLast = last;
            last = row;
            row = free;
        }

        return last[b.Length];
    }
}
