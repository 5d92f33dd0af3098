using System.Globalization;
using System.Text;

namespace AgentFlow.Expressions.JsonSchema.Patterns;

/// <summary>A set of Unicode code points as ranges, and its form as a .NET pattern, which sees UTF-16 units.</summary>
internal sealed class CodePointSet
{
    public const int Last = 0x10FFFF;

    private const int FirstAstral = 0x10000;
    private const int FirstSurrogate = 0xD800;
    private const int LastSurrogate = 0xDFFF;

    private readonly List<(int First, int Last)> _ranges = [];

    public CodePointSet(params ReadOnlySpan<(int First, int Last)> ranges)
    {
        foreach ((int first, int last) in ranges) Add(first, last);
    }

    public void Add(int first, int last) => _ranges.Add((first, last));

    public void Add(CodePointSet other) => _ranges.AddRange(other._ranges);

    public CodePointSet Complement()
    {
        var complement = new CodePointSet();
        int next = 0;
        foreach ((int first, int last) in Sorted())
        {
            if (first > next) complement.Add(next, first - 1);
            next = last + 1;
        }

        if (next <= Last) complement.Add(next, Last);
        return complement;
    }

    /// <summary>Ranges in ascending order without overlaps.</summary>
    private List<(int First, int Last)> Sorted()
    {
        var sorted = new List<(int First, int Last)>();
        foreach ((int first, int last) in _ranges.Order())
        {
            if (sorted.Count > 0 && first <= sorted[^1].Last + 1) sorted[^1] = (sorted[^1].First, Math.Max(sorted[^1].Last, last));
            else sorted.Add((first, last));
        }

        return sorted;
    }

    /// <summary>The inside of a character class for the code points below U+10000, surrogates left out.</summary>
    public string BasicClass()
    {
        var text = new StringBuilder();
        foreach ((int first, int last) in Sorted())
        {
            AppendRange(text, first, Math.Min(last, FirstSurrogate - 1));
            AppendRange(text, Math.Max(first, LastSurrogate + 1), Math.Min(last, FirstAstral - 1));
        }

        return text.ToString();
    }

    /// <summary>Alternatives of surrogate pairs for the code points from U+10000.</summary>
    public IEnumerable<string> AstralPairs()
    {
        foreach ((int start, int last) in Sorted())
        {
            int first = Math.Max(start, FirstAstral);
            while (first <= last)
            {
                // One piece has either one high surrogate or whole blocks of low ones.
                int block = (first - FirstAstral) >> 10, lastBlock = (last - FirstAstral) >> 10;
                int end = Math.Min(last, BlockEnd(block));
                if (first == FirstAstral + (block << 10) && last >= BlockEnd(block))
                {
                    if (last < BlockEnd(lastBlock)) lastBlock--;
                    end = BlockEnd(lastBlock);
                    yield return $"[{Unit(0xD800 + block)}-{Unit(0xD800 + lastBlock)}][\\uDC00-\\uDFFF]";
                }
                else
                {
                    yield return $"{Unit(0xD800 + block)}[{Unit(0xDC00 + ((first - FirstAstral) & 0x3FF))}-{Unit(0xDC00 + ((end - FirstAstral) & 0x3FF))}]";
                }

                first = end + 1;
            }
        }
    }

    public static string Unit(int unit) => "\\u" + unit.ToString("X4", CultureInfo.InvariantCulture);

    private static int BlockEnd(int block) => FirstAstral + (block << 10) + 0x3FF;

    private static void AppendRange(StringBuilder text, int first, int last)
    {
        if (first > last) return;
        text.Append(Unit(first));
        if (last > first) text.Append('-').Append(Unit(last));
    }
}
