using System.Globalization;
using System.Text;
using AgentFlow.Expressions.Cel.Patterns;
using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.JsonPath.Syntax;

/// <summary>
/// A regular expression of RFC 9485 (I-Regexp). A text that is none matches nothing, as the functions of RFC 9535 §2.4.6
/// want it. <c>^</c> and <c>$</c> are anchors, which the mappings of RFC 9485 §5 leave them, although its grammar takes
/// them for characters.
/// </summary>
internal sealed class IRegexp
{
    private readonly Pattern? _pattern;

    private IRegexp(Pattern? pattern, bool isTooLarge = false)
    {
        _pattern = pattern;
        IsTooLarge = isTooLarge;
    }

    /// <summary>Matches no text.</summary>
    public static IRegexp Nothing { get; } = new(null);

    /// <summary>It is a regular expression, but one that nobody can afford.</summary>
    public bool IsTooLarge { get; }

    /// <summary>About how many steps compiling took.</summary>
    public long Size => _pattern?.Size ?? 0;

    public static IRegexp Compile(string source, bool isWhole)
    {
        if (CelText.IndexOfHalfSurrogate(source) >= 0)
        {
            return Nothing;
        }

        var parser = new Parser([.. source.EnumerateRunes().Select(rune => rune.Value)]);
        if (parser.Parse() is not { } node)
        {
            return parser.IsTooDeep ? new IRegexp(null, isTooLarge: true) : Nothing;
        }

        Pattern? pattern = Pattern.TryCompile(isWhole
            ? new PatternNode.Sequence([new PatternNode.Assertion(PatternAssertion.StartOfText), node, new PatternNode.Assertion(PatternAssertion.EndOfText)])
            : node);
        return new IRegexp(pattern, isTooLarge: pattern is null);
    }

    /// <summary>Steps to charge for matching a text.</summary>
    public long CostOf(string text) => _pattern?.CostOf(text) ?? 1;

    public bool IsMatch(string text) => _pattern?.IsMatch(text) ?? false;

    /// <summary>The grammar of RFC 9485 §3. Each rule answers null for what it does not allow.</summary>
    private sealed class Parser(int[] text)
    {
        private const int DeepestNesting = 100;

        private int _at;
        private int _depth;

        public bool IsTooDeep { get; private set; }

        public PatternNode? Parse() => Choice() is { } node && _at == text.Length ? node : null;

        private int Next => _at < text.Length ? text[_at] : -1;

        private bool Take(int c)
        {
            if (Next != c)
            {
                return false;
            }

            _at++;
            return true;
        }

        private PatternNode? Choice()
        {
            if (++_depth > DeepestNesting)
            {
                IsTooDeep = true;
                return null;
            }

            List<PatternNode> branches = [];
            do
            {
                if (Branch() is not { } branch)
                {
                    return null;
                }

                branches.Add(branch);
            }
            while (Take('|'));

            _depth--;
            return branches.Count == 1 ? branches[0] : new PatternNode.Choice(branches);
        }

        private PatternNode.Sequence? Branch()
        {
            List<PatternNode> pieces = [];
            while (Next is not (-1 or '|' or ')'))
            {
                if (Atom() is not { } atom || Quantified(atom) is not { } piece)
                {
                    return null;
                }

                pieces.Add(piece);
            }

            return new PatternNode.Sequence(pieces);
        }

        private PatternNode? Atom()
        {
            int c = text[_at++];
            switch (c)
            {
                case '(':
                    PatternNode? group = Choice();
                    return Take(')') ? group : null;
                case '.':
                    return new PatternNode.Set(new CodePointSet.Builder().Add("\n\n\r\r", isComplement: true).Build(false, false));
                case '^':
                    return new PatternNode.Assertion(PatternAssertion.StartOfText);
                case '$':
                    return new PatternNode.Assertion(PatternAssertion.EndOfText);
                case '[':
                    return Class();
                case '\\':
                    var set = new CodePointSet.Builder();
                    bool isKnown = Next is 'p' or 'P' ? Category(set) : Escaped() is { } single && set.Add(single, single) is not null;
                    return isKnown ? new PatternNode.Set(set.Build(false, false)) : null;
                case '*' or '+' or '?' or '{' or '}' or ']':
                    return null;
                default:
                    return new PatternNode.Set(CodePointSet.Of(c, ignoresCase: false));
            }
        }

        private PatternNode? Quantified(PatternNode atom)
        {
            switch (Next)
            {
                case '*':
                    _at++;
                    return new PatternNode.Repeat(atom, 0, null);
                case '+':
                    _at++;
                    return new PatternNode.Repeat(atom, 1, null);
                case '?':
                    _at++;
                    return new PatternNode.Repeat(atom, 0, 1);
                case '{':
                    _at++;
                    return Counted(atom);
                default:
                    return atom;
            }
        }

        private PatternNode.Repeat? Counted(PatternNode atom)
        {
            if (Count() is not { } minimum)
            {
                return null;
            }

            int? maximum = minimum;
            if (Take(','))
            {
                maximum = Count();
            }

            return Take('}') && (maximum ?? minimum) >= minimum ? new PatternNode.Repeat(atom, minimum, maximum) : null;
        }

        private int? Count()
        {
            int start = _at;
            int value = 0;
            while (Next is >= '0' and <= '9')
            {
                // Far more than any pattern may repeat.
                value = Math.Min((value * 10) + (text[_at++] - '0'), 10_000_000);
            }

            return _at > start ? value : null;
        }

        private PatternNode.Set? Class()
        {
            var set = new CodePointSet.Builder();
            bool isComplement = Take('^');
            bool isEmpty = true;
            if (Take('-'))
            {
                set.Add('-', '-');
                isEmpty = false;
            }

            while (!Take(']'))
            {
                if (Take('-'))
                {
                    // Inside, a hyphen makes a range; by itself it stands first or last.
                    set.Add('-', '-');
                    return !isEmpty && Take(']') ? new PatternNode.Set(set.Build(isComplement, false)) : null;
                }

                if (!Member(set))
                {
                    return null;
                }

                isEmpty = false;
            }

            return isEmpty ? null : new PatternNode.Set(set.Build(isComplement, false));
        }

        private bool Member(CodePointSet.Builder set)
        {
            if (Next == '\\' && _at + 1 < text.Length && text[_at + 1] is 'p' or 'P')
            {
                _at++;
                return Category(set);
            }

            if (Character() is not { } low)
            {
                return false;
            }

            int high = low;
            if (Next == '-' && _at + 1 < text.Length && text[_at + 1] != ']')
            {
                _at++;
                if (Character() is not { } last || last < low)
                {
                    return false;
                }

                high = last;
            }

            set.Add(low, high);
            return true;
        }

        private int? Character()
        {
            if (Take('\\'))
            {
                return Escaped();
            }

            return Next is -1 or '[' or ']' or '-' ? null : text[_at++];
        }

        private int? Escaped()
        {
            int c = Next;
            _at++;
            return c switch
            {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '(' or ')' or '*' or '+' or '-' or '.' or '?' or '[' or '\\' or ']' or '^' or '{' or '|' or '}' => c,
                _ => null,
            };
        }

        /// <summary>Reads what follows a backslash: a category, as in <c>\p{Lu}</c>.</summary>
        private bool Category(CodePointSet.Builder set)
        {
            bool isComplement = text[_at++] == 'P';
            if (!Take('{'))
            {
                return false;
            }

            var name = new StringBuilder();
            while (name.Length < 2 && Next is (>= 'A' and <= 'Z') or (>= 'a' and <= 'z'))
            {
                name.Append((char)text[_at++]);
            }

            uint categories = Categories(name.ToString());
            if (categories == 0 || !Take('}'))
            {
                return false;
            }

            set.AddCategories(isComplement ? CodePointClasses.Complement(categories) : categories);
            return true;
        }

        // Unlike RE2, which CodePointClasses follows, RFC 9485 knows unassigned code points and no surrogates.
        private static uint Categories(string name)
        {
            const uint unassigned = 1u << (int)UnicodeCategory.OtherNotAssigned;
            return name switch
            {
                "Cs" => 0,
                "Cn" => unassigned,
                "C" => CodePointClasses.Categories("C") | unassigned,
                _ => CodePointClasses.Categories(name),
            };
        }
    }
}
