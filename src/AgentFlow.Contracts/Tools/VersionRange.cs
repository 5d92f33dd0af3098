using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.RegularExpressions;

namespace AgentFlow.Contracts.Tools;

/// <summary>
/// Versions that fit, as one interval. Written <c>1.2.0</c> (exactly that one), <c>1.x</c> and <c>1.2.x</c> (any below), <c>*</c> (any),
/// <c>~1.2</c> (only what is behind the named numbers may be newer), and comparisons, of which all hold: <c>&gt;=1.5 &lt;2.0</c>.
/// </summary>
/// <remarks>
/// A pre-release fits only where the range names one of the same three numbers: <c>&lt;2.0</c> does not mean <c>2.0.0-beta</c>. A number
/// that is left out of a comparison stands for all that it could be: <c>&lt;=1.5</c> lets <c>1.5.9</c> pass, and <c>&gt;1.5</c> does not.
/// </remarks>
public sealed partial class VersionRange
{
    private const int MaxLength = 256;
    private static readonly SemanticVersion Zero = new(0, 0, 0);

    private readonly string _text;
    private readonly List<SemanticVersion> _preReleases = [];
    private SemanticVersion _least = Zero;
    private bool _aboveLeast;
    private SemanticVersion? _most;
    private bool _belowMost;

    private VersionRange(string text) => _text = text;

    /// <summary>Any release.</summary>
    public static VersionRange Any { get; } = new("*");

    /// <returns>False when the text is no range, or one that nothing can fit.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out VersionRange? range)
    {
        range = null;
        if (text is null || text.Length > MaxLength)
        {
            return false;
        }

        string[] parts = Gap().Replace(text.Trim(), "$1").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var read = new VersionRange(string.Join(' ', parts));
        if (parts.Length == 0 || !parts.All(read.TryNarrow) || read.IsEmpty)
        {
            return false;
        }

        range = read;
        return true;
    }

    /// <exception cref="FormatException">The text is no range.</exception>
    public static VersionRange Parse(string text) => TryParse(text, out VersionRange? range)
        ? range
        : throw new FormatException($"'{text}' is no range of versions: write 1.2.0, ~1.2, 1.x or >=1.5 <2.0.");

    public bool Contains(SemanticVersion version)
    {
        ArgumentNullException.ThrowIfNull(version);
        return (_aboveLeast ? version > _least : version >= _least)
            && (_most is null || (_belowMost ? version < _most : version <= _most))
            && (version.PreRelease.Length == 0 || _preReleases.Exists(p => SameNumbers(p, version)));
    }

    /// <summary>The highest version that fits; <see langword="null"/> when none does.</summary>
    public SemanticVersion? Best(IEnumerable<SemanticVersion> versions) => versions.Where(Contains).Max();

    /// <summary>As it was written, with single spaces.</summary>
    public override string ToString() => _text;

    private bool IsEmpty => _most is not null && (_least > _most || (_least.CompareTo(_most) == 0 && (_aboveLeast || _belowMost)));

    private bool TryNarrow(string part)
    {
        if (Form().Match(part) is not { Success: true } match || !TryNumbers(match, out List<int> numbers))
        {
            return false;
        }

        string sign = match.Groups["sign"].Value;
        string preRelease = match.Groups["pre"].Value;
        bool wild = match.Groups["wild"].Success;
        // A label needs all three numbers, a placeholder the place of one, and nothing is compared with a placeholder.
        if ((preRelease.Length > 0 && (numbers.Count < 3 || wild)) || (wild && (sign.Length > 0 || numbers.Count + (match.Groups["wild"].Length / 2) > 3)) || (sign.Length == 0 && !wild && numbers.Count < 3) || (sign.Length > 0 && numbers.Count == 0))
        {
            return false;
        }

        var from = new SemanticVersion(numbers.ElementAtOrDefault(0), numbers.ElementAtOrDefault(1), numbers.ElementAtOrDefault(2), preRelease);
        if (preRelease.Length > 0)
        {
            _preReleases.Add(from);
        }

        bool whole = numbers.Count == 3;
        switch (sign)
        {
            case "~":
                return AtLeast(from) && TryBelow(numbers, Math.Min(numbers.Count, 2));
            case ">=":
                return AtLeast(from);
            case ">" when whole:
                return Above(from);
            case ">":
                return TryNext(numbers, numbers.Count, out SemanticVersion? next) && AtLeast(next);
            case "<":
                return Below(from);
            case "<=" when !whole:
                return TryBelow(numbers, numbers.Count);
            case "<=":
                return AtMost(from);
            case "" or "=" when whole:
                return AtLeast(from) && AtMost(from);
            default:
                return AtLeast(from) && (numbers.Count == 0 || TryBelow(numbers, numbers.Count));
        }
    }

    private bool AtLeast(SemanticVersion version)
    {
        if (version > _least)
        {
            (_least, _aboveLeast) = (version, false);
        }

        return true;
    }

    private bool Above(SemanticVersion version)
    {
        if (version >= _least)
        {
            (_least, _aboveLeast) = (version, true);
        }

        return true;
    }

    private bool AtMost(SemanticVersion version)
    {
        if (_most is null || version < _most)
        {
            (_most, _belowMost) = (version, false);
        }

        return true;
    }

    private bool Below(SemanticVersion version)
    {
        if (_most is null || version <= _most)
        {
            (_most, _belowMost) = (version, true);
        }

        return true;
    }

    private bool TryBelow(List<int> numbers, int kept) => TryNext(numbers, kept, out SemanticVersion? next) && Below(next);

    /// <summary>The first release behind everything that begins with the first <paramref name="kept"/> numbers.</summary>
    private static bool TryNext(List<int> numbers, int kept, [NotNullWhen(true)] out SemanticVersion? next)
    {
        next = null;
        if (numbers[kept - 1] == int.MaxValue)
        {
            return false;
        }

        int[] raised = [.. numbers.Take(kept - 1), numbers[kept - 1] + 1, 0, 0];
        next = new SemanticVersion(raised[0], raised[1], raised[2]);
        return true;
    }

    private static bool SameNumbers(SemanticVersion a, SemanticVersion b) => (a.Major, a.Minor, a.Patch) == (b.Major, b.Minor, b.Patch);

    private static bool TryNumbers(Match match, out List<int> numbers)
    {
        numbers = [];
        foreach (Capture capture in match.Groups["n"].Captures)
        {
            if (!int.TryParse(capture.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            {
                return false;
            }

            numbers.Add(number);
        }

        return true;
    }

    [GeneratedRegex(@"(~|[<>]=?|=)\s+")]
    private static partial Regex Gap();

    [GeneratedRegex(
        @"^(?<sign>~|>=|<=|>|<|=)?(?:(?<wild>[xX*])|(?<n>0|[1-9][0-9]*)(?:\.(?<n>0|[1-9][0-9]*)){0,2}(?<wild>(?:\.[xX*]){1,2})?(?:-(?<pre>(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*))?)\z",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Form();
}
