namespace AgentFlow.Engine.Access;

/// <summary>A list of names, each exact (<c>skill.echo</c>) or a beginning (<c>skill.*</c>, <c>support*</c>, <c>*</c>). Immutable.</summary>
public sealed class NamePatterns
{
    private const int MaxLength = 200;

    private readonly string[] _patterns;

    public NamePatterns(IEnumerable<string> patterns) => _patterns = [.. patterns.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>The patterns, in ordinal order.</summary>
    public IReadOnlyList<string> Patterns => _patterns;

    /// <summary>Says what is wrong with a pattern; <see langword="null"/> when nothing is.</summary>
    public static string? Problem(string pattern)
    {
        if (pattern.Length is 0 or > MaxLength || pattern.Any(char.IsControl))
        {
            return $"a pattern has 1 to {MaxLength} characters, none of them a control character";
        }

        int star = pattern.IndexOf('*', StringComparison.Ordinal);
        return star >= 0 && star != pattern.Length - 1 ? $"'{pattern}' has a * before its end: only a beginning can be given, such as skill.*" : null;
    }

    public bool Matches(string name)
    {
        foreach (string pattern in _patterns)
        {
            if (pattern.EndsWith('*') ? name.StartsWith(pattern.AsSpan(0, pattern.Length - 1), StringComparison.Ordinal) : pattern == name)
            {
                return true;
            }
        }

        return false;
    }
}
