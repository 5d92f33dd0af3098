namespace AgentFlow.Expressions.Cel.Compilation;

/// <summary>The name somebody probably meant.</summary>
internal static class Suggestion
{
    private const int ListedNames = 12;

    /// <summary>A clause to append to a message: the closest name, or the whole choice when it is small and nothing is close.</summary>
    public static string For(string name, IEnumerable<string> candidates)
    {
        var names = candidates.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        var closest = names
            .Select(candidate => (candidate, distance: Distance(name, candidate)))
            .Where(pair => pair.distance <= Math.Max(1, Math.Min(name.Length, pair.candidate.Length) / 3))
            .OrderBy(pair => pair.distance)
            .FirstOrDefault();
        if (closest.candidate is not null)
        {
            return $"; did you mean '{closest.candidate}'?";
        }

        return names.Length is > 0 and <= ListedNames ? $"; known are {string.Join(", ", names)}" : "";
    }

    // Edit distance with transpositions, ignoring case; long names are not worth the product.
    private static int Distance(string left, string right)
    {
        if (Math.Abs(left.Length - right.Length) > 8 || left.Length > 64 || right.Length > 64)
        {
            return int.MaxValue;
        }

        var rows = new int[left.Length + 1, right.Length + 1];
        for (var i = 0; i <= left.Length; i++)
        {
            for (var j = 0; j <= right.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    rows[i, j] = i + j;
                    continue;
                }

                var same = char.ToLowerInvariant(left[i - 1]) == char.ToLowerInvariant(right[j - 1]);
                rows[i, j] = Math.Min(Math.Min(rows[i - 1, j], rows[i, j - 1]) + 1, rows[i - 1, j - 1] + (same ? 0 : 1));
                if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
                {
                    rows[i, j] = Math.Min(rows[i, j], rows[i - 2, j - 2] + 1);
                }
            }
        }

        return rows[left.Length, right.Length];
    }
}
