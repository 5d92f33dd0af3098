namespace AgentFlow.Expressions.Cel.Patterns;

/// <summary>Reads RE2's syntax (https://github.com/google/re2/wiki/Syntax), script classes excepted.</summary>
internal sealed partial class PatternParser
{
    private const int MostRepeats = 1000;
    private const int DeepestNesting = 100;

    private readonly int[] _text;
    private int _position;
    private int _depth;
    private Flags _flags;

    private PatternParser(string pattern) => _text = [.. pattern.EnumerateRunes().Select(rune => rune.Value)];

    [Flags]
    private enum Flags
    {
        None = 0,
        IgnoreCase = 1,
        MultiLine = 2,
        DotIsAll = 4,
    }

    /// <exception cref="PatternException">Not RE2's syntax.</exception>
    public static PatternNode Parse(string pattern)
    {
        var parser = new PatternParser(pattern);
        var node = parser.Choice();
        return parser.IsAtEnd ? node : throw new PatternException("')' without '('");
    }

    private bool IsAtEnd => _position >= _text.Length;

    private int Peek(int ahead = 0) => _position + ahead < _text.Length ? _text[_position + ahead] : -1;

    private bool Accept(char c)
    {
        if (Peek() != c)
        {
            return false;
        }

        _position++;
        return true;
    }

    private bool Accept(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (Peek(i) != text[i])
            {
                return false;
            }
        }

        _position += text.Length;
        return true;
    }

    private PatternNode Choice()
    {
        if (++_depth > DeepestNesting)
        {
            throw new PatternException($"nested deeper than {DeepestNesting} groups");
        }

        var branches = new List<PatternNode> { Sequence() };
        while (Accept('|'))
        {
            branches.Add(Sequence());
        }

        _depth--;
        return branches.Count == 1 ? branches[0] : new PatternNode.Choice(branches);
    }

    private PatternNode Sequence()
    {
        var parts = new List<PatternNode>();
        while (!IsAtEnd && Peek() is not ('|' or ')'))
        {
            if (Accept("\\Q"))
            {
                Quoted(parts);
            }
            else if (Atom() is { } atom)
            {
                parts.Add(Repeated(atom));
            }
        }

        return parts.Count == 1 ? parts[0] : new PatternNode.Sequence(parts);
    }

    private void Quoted(List<PatternNode> parts)
    {
        while (!IsAtEnd && !Accept("\\E"))
        {
            parts.Add(Literal(_text[_position++]));
        }
    }

    /// <summary>Null for what only sets flags.</summary>
    private PatternNode? Atom()
    {
        var c = _text[_position++];
        switch (c)
        {
            case '(':
                return Group();
            case '[':
                return Class();
            case '.':
                return new PatternNode.Set(new CodePointSet.Builder()
                    .Add(_flags.HasFlag(Flags.DotIsAll) ? "" : "\n\n", isComplement: true).Build(false, false));
            case '^':
                return new PatternNode.Assertion(_flags.HasFlag(Flags.MultiLine) ? PatternAssertion.StartOfLine : PatternAssertion.StartOfText);
            case '$':
                return new PatternNode.Assertion(_flags.HasFlag(Flags.MultiLine) ? PatternAssertion.EndOfLine : PatternAssertion.EndOfText);
            case '*' or '+' or '?':
                throw new PatternException($"'{(char)c}' has nothing to repeat");
            case '\\':
                return Escape();
            default:
                return Literal(c);
        }
    }

    private PatternNode.Set Literal(int codePoint) => new(CodePointSet.Of(codePoint, _flags.HasFlag(Flags.IgnoreCase)));

    private PatternNode Repeated(PatternNode atom)
    {
        var repeats = 0;
        while (TryRepeat(out var minimum, out var maximum))
        {
            if (++repeats > 1)
            {
                throw new PatternException("a repetition of a repetition, such as a**, needs parentheses");
            }

            Accept('?');
            atom = new PatternNode.Repeat(atom, minimum, maximum);
        }

        return atom;
    }

    private bool TryRepeat(out int minimum, out int? maximum)
    {
        (minimum, maximum) = (0, null);
        switch (Peek())
        {
            case '*':
                _position++;
                return true;
            case '+':
                _position++;
                minimum = 1;
                return true;
            case '?':
                _position++;
                maximum = 1;
                return true;
            case '{':
                return TryCounts(out minimum, out maximum);
            default:
                return false;
        }
    }

    // A brace that starts no well-formed count stands for itself.
    private bool TryCounts(out int minimum, out int? maximum)
    {
        maximum = null;
        var start = _position++;
        var isCount = false;
        if (TryNumber(out minimum))
        {
            if (Accept('}'))
            {
                maximum = minimum;
                isCount = true;
            }
            else if (Accept(','))
            {
                isCount = Accept('}');
                if (!isCount && TryNumber(out var most) && Accept('}'))
                {
                    maximum = most;
                    isCount = true;
                }
            }
        }

        if (!isCount)
        {
            _position = start;
            return false;
        }

        return minimum <= MostRepeats && maximum is null or <= MostRepeats && (maximum ?? minimum) >= minimum
            ? true
            : throw new PatternException($"a repetition count goes from 0 to {MostRepeats}, the smaller first");
    }

    private bool TryNumber(out int number)
    {
        number = 0;
        var start = _position;
        while (Peek() is >= '0' and <= '9')
        {
            number = Math.Min((number * 10) + (_text[_position++] - '0'), MostRepeats + 1);
        }

        return _position > start;
    }

    private PatternNode? Group()
    {
        if (Accept("?P<") || (Peek() == '?' && Peek(1) == '<' && Peek(2) is not ('=' or '!') && Accept("?<")))
        {
            var start = _position;
            while (Peek() is var c && c < 128 && CodePointClasses.IsWordCharacter(Math.Max(c, 0)))
            {
                _position++;
            }

            if (_position == start || !Accept('>'))
            {
                throw new PatternException("a group's name consists of letters, digits and _");
            }
        }
        else if (Accept('?'))
        {
            if (Peek() is '=' or '!' || (Peek() == '<' && Peek(1) is '=' or '!'))
            {
                throw new PatternException("lookahead and lookbehind do not exist in RE2");
            }

            return FlagGroup();
        }

        return GroupBody(_flags, _flags);
    }

    private PatternNode? FlagGroup()
    {
        var outer = _flags;
        var flags = outer;
        var isOff = false;
        while (true)
        {
            switch (IsAtEnd ? -1 : _text[_position++])
            {
                case 'i':
                    flags = isOff ? flags & ~Flags.IgnoreCase : flags | Flags.IgnoreCase;
                    break;
                case 'm':
                    flags = isOff ? flags & ~Flags.MultiLine : flags | Flags.MultiLine;
                    break;
                case 's':
                    flags = isOff ? flags & ~Flags.DotIsAll : flags | Flags.DotIsAll;
                    break;
                case 'U':
                    break;
                case '-' when !isOff:
                    isOff = true;
                    break;
                case ':':
                    return GroupBody(flags, outer);
                case ')':
                    _flags = flags;
                    return null;
                default:
                    throw new PatternException("a group starts with (, (?:, (?P<name>, or flags out of i, m, s, U such as (?i)");
            }
        }
    }

    private PatternNode GroupBody(Flags inside, Flags after)
    {
        _flags = inside;
        var body = Choice();
        _flags = after;
        return Accept(')') ? body : throw new PatternException("'(' without ')'");
    }

    private PatternNode Escape()
    {
        switch (Peek())
        {
            case 'A':
                _position++;
                return new PatternNode.Assertion(PatternAssertion.StartOfText);
            case 'z':
                _position++;
                return new PatternNode.Assertion(PatternAssertion.EndOfText);
            case 'b':
                _position++;
                return new PatternNode.Assertion(PatternAssertion.WordBoundary);
            case 'B':
                _position++;
                return new PatternNode.Assertion(PatternAssertion.NotWordBoundary);
        }

        var set = new CodePointSet.Builder();
        return TryNamedClass(set)
            ? new PatternNode.Set(set.Build(false, _flags.HasFlag(Flags.IgnoreCase)))
            : Literal(EscapedCodePoint());
    }
}
