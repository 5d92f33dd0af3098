using System.Globalization;
using System.Text;

namespace AgentFlow.Expressions.JsonSchema.Patterns;

/// <summary>
/// Rewrites a regular expression of ECMA-262 (Unicode mode) for .NET, whose <c>\d</c>, <c>\w</c>, <c>\s</c>, <c>\b</c>, <c>.</c>,
/// <c>$</c>, group numbers and UTF-16 view differ. Escaped punctuation and lone braces and brackets, which Unicode mode
/// forbids, are taken literally, because much used schemas have them.
/// </summary>
/// <param name="astral">
/// Whether texts may hold surrogate pairs. Where they do not, units are code points, and the result is shorter and faster.
/// </param>
internal sealed partial class EcmaTranslator(string source, bool astral)
{
    private const int MaxDepth = 200;
    private const int MaxAutomatonPairs = 32;
    private const string WordClass = "[0-9A-Za-z_]";
    private const string AnyPair = "[\\uD800-\\uDBFF][\\uDC00-\\uDFFF]";

    private static readonly CodePointSet Digit = new(('0', '9'));
    private static readonly CodePointSet Word = new(('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z'));
    private static readonly CodePointSet Space = new(
        (9, 13), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F),
        (0x3000, 0x3000), (0xFEFF, 0xFEFF));

    private readonly StringBuilder _output = new();
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private int _at;
    private int _groups;
    private int _group;
    private int _depth;
    private bool _captures;
    private bool _linear = true;

    /// <param name="linear">Whether the result needs no backtracking.</param>
    /// <exception cref="EcmaSyntaxException">The source is malformed; the message says where.</exception>
    public string Translate(out bool linear)
    {
        FindGroups();
        Disjunction();
        if (_at < source.Length) throw Error("there is no group to close");
        linear = _linear;
        return _output.ToString();
    }

    private char Current => _at < source.Length ? source[_at] : '\0';

    private bool Ended => _at >= source.Length;

    private int Length => source.Length;

    private bool Astral => astral;

    private char Peek => source[_at + 1];

    /// <summary>Counts the capturing groups and notes their names, which back-references may use before they come.</summary>
    private void FindGroups()
    {
        bool inClass = false;
        for (int i = 0; i < source.Length; i++)
        {
            char c = source[i];
            if (c == '\\')
            {
                i++;
                if (!inClass && i < source.Length && source[i] is (>= '1' and <= '9') or 'k') _captures = true;
            }
            else if (c == '[' || c == ']')
            {
                inClass = c == '[';
            }
            else if (c == '(' && !inClass)
            {
                if (i + 1 >= source.Length || source[i + 1] != '?')
                {
                    _groups++;
                }
                else if (i + 3 < source.Length && source[i + 2] == '<' && source[i + 3] is not ('=' or '!'))
                {
                    _groups++;
                    int end = source.IndexOf('>', i);
                    if (end > 0 && !_names.TryAdd(source[(i + 3)..end], _groups))
                    {
                        throw new EcmaSyntaxException($"the group name '{source[(i + 3)..end]}' is used twice.");
                    }
                }
            }
        }
    }

    private void Disjunction()
    {
        if (++_depth > MaxDepth) throw Error($"groups are nested deeper than {MaxDepth}");
        while (true)
        {
            while (!Ended && Current is not ('|' or ')')) Term();
            if (Current != '|') break;
            _output.Append('|');
            _at++;
        }

        _depth--;
    }

    private void Term()
    {
        int start = _output.Length;
        char c = Current;
        bool repeatable = true;
        string? units = null;
        switch (c)
        {
            case '^':
                _at++;
                _output.Append('^');
                repeatable = false;
                break;
            case '$':
                _at++;
                _output.Append("\\z");
                repeatable = false;
                break;
            case '.':
                _at++;
                units = "[^\\n\\r\\u2028\\u2029]";
                _output.Append(astral ? $"(?:[^\\n\\r\\u2028\\u2029\\uD800-\\uDFFF]|{AnyPair})" : units);
                break;
            case '(':
                repeatable = Group();
                break;
            case '[':
                new ClassReader(this).Read();
                break;
            case '\\':
                repeatable = Escape();
                break;
            case '*' or '+' or '?':
                throw Error($"there is nothing to repeat before '{c}'");
            case '{' when TryReadBounds(out _, out _):
                throw Error("there is nothing to repeat before '{'");
            default:
                Literal(CodePoint());
                break;
        }

        Quantifier(repeatable, start, units);
    }

    private void Quantifier(bool repeatable, int start, string? units)
    {
        string quantifier;
        if (Current is '*' or '+' or '?')
        {
            quantifier = Current.ToString();
            _at++;
        }
        else if (Current == '{' && TryReadBounds(out int minimum, out int? maximum))
        {
            if (maximum < minimum) throw Error("the bounds of a repetition are in the wrong order");
            quantifier = maximum == minimum ? $"{{{minimum}}}" : $"{{{minimum},{maximum}}}";
        }
        else
        {
            return;
        }

        if (!repeatable) throw Error("an assertion cannot be repeated");
        string lazy = "";
        if (Current == '?')
        {
            lazy = "?";
            _at++;
        }

        // Whole pairs or single units make no difference to a star, and units are the faster ones.
        if (units is not null && quantifier is "*" or "+")
        {
            if (quantifier == "*") _output.Length = start;
            _output.Append(units).Append('*').Append(lazy);
        }
        else
        {
            _output.Append(quantifier).Append(lazy);
        }
    }

    /// <summary>Reads <c>{n}</c>, <c>{n,}</c> or <c>{n,m}</c>; leaves anything else where it is.</summary>
    private bool TryReadBounds(out int minimum, out int? maximum)
    {
        maximum = null;
        int at = _at + 1;
        if (!Number(ref at, out minimum)) return false;
        if (at < source.Length && source[at] == ',')
        {
            at++;
            if (Number(ref at, out int bound)) maximum = bound;
        }
        else
        {
            maximum = minimum;
        }

        if (at >= source.Length || source[at] != '}') return false;
        _at = at + 1;
        return true;
    }

    private bool Number(ref int at, out int value)
    {
        int start = at;
        while (at < source.Length && char.IsAsciiDigit(source[at])) at++;
        value = 0;
        if (at == start) return false;
        if (!int.TryParse(source.AsSpan(start, at - start), NumberStyles.None, CultureInfo.InvariantCulture, out value)) value = int.MaxValue;
        return true;
    }

    /// <returns>Whether it may be repeated.</returns>
    private bool Group()
    {
        int opened = _at++;
        bool repeatable = true;
        if (Current != '?')
        {
            Open(++_group);
        }
        else
        {
            _at++;
            repeatable = SpecialGroup();
        }

        Disjunction();
        if (Current != ')') throw Error("the group is not closed", opened);
        _at++;
        _output.Append(')');
        return repeatable;
    }

    private bool SpecialGroup()
    {
        foreach (string look in (string[])["=", "!", "<=", "<!"])
        {
            if (string.CompareOrdinal(source, _at, look, 0, look.Length) != 0) continue;
            _at += look.Length;
            _linear = false;
            _output.Append("(?").Append(look);
            return false;
        }

        if (Current == ':')
        {
            _at++;
            _output.Append("(?:");
        }
        else if (Current == '<')
        {
            _at++;
            Name();
            Open(++_group);
        }
        else
        {
            throw Error("'(?' is followed by something that ECMA-262 does not know");
        }

        return true;
    }

    /// <summary>A capture is kept only where a back-reference may want it; its number is that of ECMA-262.</summary>
    private void Open(int number) => _output.Append(_captures ? $"(?<{number}>" : "(?:");

    private string Name()
    {
        int end = source.IndexOf('>', _at);
        string name = end < 0 ? "" : source[_at..end];
        bool valid = name.Length > 0 && !char.IsAsciiDigit(name[0]) && name.EnumerateRunes().All(IsNamePart);
        if (!valid) throw Error("a group name is missing or malformed");
        _at = end + 1;
        return name;
    }

    private static bool IsNamePart(Rune rune) =>
        Rune.IsLetterOrDigit(rune)
        || rune.Value is '_' or '$'
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;

    private int CodePoint()
    {
        char c = source[_at++];
        return char.IsHighSurrogate(c) && char.IsLowSurrogate(Current) ? char.ConvertToUtf32(c, source[_at++]) : c;
    }

    private void Literal(int codePoint)
    {
        if (codePoint < 128 && char.IsAsciiLetterOrDigit((char)codePoint)) _output.Append((char)codePoint);
        else if (codePoint < 0x10000) _output.Append(CodePointSet.Unit(codePoint));
        else _output.Append("(?:").AppendJoin("", char.ConvertFromUtf32(codePoint).Select(u => CodePointSet.Unit(u))).Append(')');
    }

    private void AppendSet(string basicClass, CodePointSet points)
    {
        // Surrogates are halves of what the pairs stand for, whatever a property says about them.
        string basic = basicClass.Contains("\\p", StringComparison.OrdinalIgnoreCase) ? $"[{basicClass}-[\\uD800-\\uDFFF]]" : $"[{basicClass}]";
        string[] alternatives = [.. basicClass.Length == 0 ? [] : new[] { basic }, .. Pairs(points)];
        _output.Append(alternatives.Length switch
        {
            0 => "[^\\s\\S]",
            1 when basicClass.Length > 0 => basic,
            _ => $"(?:{string.Join('|', alternatives)})",
        });
    }

    private string[] Pairs(CodePointSet points)
    {
        string[] pairs = astral ? [.. points.AstralPairs()] : [];

        // An automaton over the hundreds of ranges of a property such as \p{L} takes more than a second to make.
        if (pairs.Length > MaxAutomatonPairs) _linear = false;
        return pairs;
    }

    private EcmaSyntaxException Error(string problem, int? at = null) => new($"{problem} (at character {(at ?? _at) + 1}).");
}
