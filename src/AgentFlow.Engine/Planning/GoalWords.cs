namespace AgentFlow.Engine.Planning;

/// <summary>Words are runs of letters and digits; case does not matter. Linear in the goal, however long it is.</summary>
internal static class GoalWords
{
    public static bool FirstIs(string goal, string word)
    {
        ReadOnlySpan<char> rest = goal.AsSpan().TrimStart();
        return rest.StartsWith(word, StringComparison.OrdinalIgnoreCase) && (rest.Length == word.Length || !char.IsLetterOrDigit(rest[word.Length]));
    }

    public static string[] Split(string text)
    {
        var words = new List<string>();
        Visit(text, word => words.Add(word.ToString()));
        return [.. words];
    }

    /// <summary>Which of the given words the goal has.</summary>
    public static HashSet<string> Mentioned(string goal, IEnumerable<string> words)
    {
        var wanted = new HashSet<string>(words, StringComparer.OrdinalIgnoreCase);
        HashSet<string>.AlternateLookup<ReadOnlySpan<char>> lookup = wanted.GetAlternateLookup<ReadOnlySpan<char>>();
        var mentioned = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        Visit(goal, word =>
        {
            if (lookup.TryGetValue(word, out string? known)) mentioned.Add(known);
        });
        return mentioned;
    }

    private static void Visit(ReadOnlySpan<char> text, Action<ReadOnlySpan<char>> visit)
    {
        int start = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && char.IsLetterOrDigit(text[i])) continue;
            if (i > start) visit(text[start..i]);
            start = i + 1;
        }
    }
}
