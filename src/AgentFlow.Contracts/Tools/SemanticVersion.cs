using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.RegularExpressions;

namespace AgentFlow.Contracts.Tools;

/// <summary>A version after Semantic Versioning 2.0.0. Build metadata is read and dropped: it has no part in the order.</summary>
public sealed partial record SemanticVersion(int Major, int Minor, int Patch, string PreRelease = "") : IComparable<SemanticVersion>
{
    /// <summary>Reads <c>MAJOR.MINOR.PATCH[-pre][+build]</c>; numbers up to 2³¹−1, without leading zeros.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out SemanticVersion? version)
    {
        version = null;
        if (text is null || text.Length > 256 || Form().Match(text) is not { Success: true } match) return false;
        if (!Number(match.Groups[1], out int major) || !Number(match.Groups[2], out int minor) || !Number(match.Groups[3], out int patch)) return false;

        version = new SemanticVersion(major, minor, patch, match.Groups[4].Value);
        return true;
    }

    /// <exception cref="FormatException">The text is not a semantic version.</exception>
    public static SemanticVersion Parse(string text) => TryParse(text, out SemanticVersion? version)
        ? version
        : throw new FormatException($"'{text}' is not a semantic version: write MAJOR.MINOR.PATCH, for example 1.2.0.");

    /// <summary>The precedence of section 11: a pre-release comes before its release, its parts compare as numbers where both are.</summary>
    public int CompareTo(SemanticVersion? other)
    {
        if (other is null) return 1;
        int order = (Major, Minor, Patch).CompareTo((other.Major, other.Minor, other.Patch));
        if (order != 0 || PreRelease == other.PreRelease) return order;
        if (PreRelease.Length == 0 || other.PreRelease.Length == 0) return other.PreRelease.Length.CompareTo(PreRelease.Length);

        string[] left = PreRelease.Split('.'), right = other.PreRelease.Split('.');
        for (int i = 0; i < Math.Min(left.Length, right.Length); i++)
        {
            order = ComparePart(left[i], right[i]);
            if (order != 0) return order;
        }

        return left.Length.CompareTo(right.Length);
    }

    public static bool operator <(SemanticVersion left, SemanticVersion right) => Comparer<SemanticVersion>.Default.Compare(left, right) < 0;

    public static bool operator <=(SemanticVersion left, SemanticVersion right) => Comparer<SemanticVersion>.Default.Compare(left, right) <= 0;

    public static bool operator >(SemanticVersion left, SemanticVersion right) => Comparer<SemanticVersion>.Default.Compare(left, right) > 0;

    public static bool operator >=(SemanticVersion left, SemanticVersion right) => Comparer<SemanticVersion>.Default.Compare(left, right) >= 0;

    public override string ToString() => $"{Major}.{Minor}.{Patch}{(PreRelease.Length == 0 ? "" : "-")}{PreRelease}";

    private static int ComparePart(string left, string right)
    {
        bool leftIsNumber = left.All(char.IsAsciiDigit), rightIsNumber = right.All(char.IsAsciiDigit);
        if (leftIsNumber != rightIsNumber) return leftIsNumber ? -1 : 1;

        // Numbers have no leading zeros, so the longer one is the greater one, however long it is.
        if (leftIsNumber && left.Length != right.Length) return left.Length.CompareTo(right.Length);
        return Math.Sign(string.CompareOrdinal(left, right));
    }

    private static bool Number(Group group, out int value) =>
        int.TryParse(group.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    [GeneratedRegex(
        @"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-((?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?\z",
        RegexOptions.NonBacktracking)]
    private static partial Regex Form();
}
