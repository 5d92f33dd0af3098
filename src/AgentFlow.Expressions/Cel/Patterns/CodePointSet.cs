using System.Globalization;
using System.Text;

namespace AgentFlow.Expressions.Cel.Patterns;

/// <summary>A set of code points: ranges and Unicode categories, perhaps complemented, perhaps ignoring case.</summary>
internal sealed class CodePointSet
{
    private const int AsciiLimit = 128;

    private readonly (int Low, int High)[] _ranges;
    private readonly uint _categories;
    private readonly bool _isComplement;
    private readonly bool _ignoresCase;
    private readonly UInt128 _ascii;

    private CodePointSet((int Low, int High)[] ranges, uint categories, bool isComplement, bool ignoresCase)
    {
        _ranges = ranges;
        _categories = categories;
        _isComplement = isComplement;
        _ignoresCase = ignoresCase;
        for (var c = 0; c < AsciiLimit; c++)
        {
            _ascii |= Compute(c) ? UInt128.One << c : 0;
        }
    }

    public static CodePointSet Of(int codePoint, bool ignoresCase) => new Builder().Add(codePoint, codePoint).Build(false, ignoresCase);

    public bool Contains(int codePoint) =>
        codePoint < AsciiLimit ? ((_ascii >> codePoint) & 1) != 0 : Compute(codePoint);

    private bool Compute(int codePoint)
    {
        var isMember = IsListed(codePoint);
        if (!isMember && _ignoresCase && Rune.IsValid(codePoint))
        {
            var rune = new Rune(codePoint);
            isMember = IsListed(Rune.ToLowerInvariant(rune).Value) || IsListed(Rune.ToUpperInvariant(rune).Value);
        }

        return isMember != _isComplement;
    }

    private bool IsListed(int codePoint)
    {
        foreach (var (low, high) in _ranges)
        {
            if (codePoint >= low && codePoint <= high)
            {
                return true;
            }
        }

        return _categories != 0 && Rune.IsValid(codePoint) && (_categories & (1u << (int)Rune.GetUnicodeCategory(new Rune(codePoint)))) != 0;
    }

    /// <summary>Collects the members of a set.</summary>
    public sealed class Builder
    {
        private readonly List<(int Low, int High)> _ranges = [];
        private uint _categories;

        public Builder Add(int low, int high)
        {
            _ranges.Add((low, high));
            return this;
        }

        /// <summary>Adds ranges given as pairs of characters, or all that they leave out.</summary>
        public Builder Add(string pairs, bool isComplement)
        {
            var next = 0;
            for (var i = 0; i < pairs.Length; i += 2)
            {
                if (!isComplement)
                {
                    Add(pairs[i], pairs[i + 1]);
                }
                else if (pairs[i] > next)
                {
                    Add(next, pairs[i] - 1);
                }

                next = pairs[i + 1] + 1;
            }

            return isComplement ? Add(next, 0x10FFFF) : this;
        }

        /// <param name="categories">Bits by <see cref="UnicodeCategory"/>.</param>
        public Builder AddCategories(uint categories)
        {
            _categories |= categories;
            return this;
        }

        public CodePointSet Build(bool isComplement, bool ignoresCase)
        {
            var ranges = _ranges.ToList();
            if (ignoresCase)
            {
                // Input is folded both ways when it is matched; members that only one way leads to are folded here.
                foreach (var (low, high) in _ranges)
                {
                    if (low == high && Rune.IsValid(low))
                    {
                        var (lower, upper) = (Rune.ToLowerInvariant(new Rune(low)).Value, Rune.ToUpperInvariant(new Rune(low)).Value);
                        ranges.Add((lower, lower));
                        ranges.Add((upper, upper));
                    }
                }
            }

            return new CodePointSet([.. ranges.Distinct()], _categories, isComplement, ignoresCase);
        }
    }
}
