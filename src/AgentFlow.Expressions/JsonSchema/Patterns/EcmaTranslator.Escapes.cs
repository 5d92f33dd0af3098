using System.Globalization;

namespace AgentFlow.Expressions.JsonSchema.Patterns;

internal sealed partial class EcmaTranslator
{
    /// <returns>Whether it may be repeated.</returns>
    private bool Escape()
    {
        char c = _at + 1 < source.Length ? source[_at + 1] : throw Error("the expression ends in a backslash");
        switch (c)
        {
            case 'b' or 'B':
                _at += 2;
                _linear = false;
                _output.Append(c == 'b'
                    ? $"(?:(?<={WordClass})(?!{WordClass})|(?<!{WordClass})(?={WordClass}))"
                    : $"(?:(?<={WordClass})(?={WordClass})|(?<!{WordClass})(?!{WordClass}))");
                return false;
            case >= '1' and <= '9':
                _at++;
                Number(ref _at, out int number);
                if (number > _groups) throw Error($"there is no group {number} to refer back to");
                BackReference(number);
                return true;
            case 'k':
                _at += 2;
                if (Current != '<') throw Error("'\\k' is not followed by a group name");
                _at++;
                string name = Name();
                if (!_names.TryGetValue(name, out int named)) throw Error($"there is no group '{name}' to refer back to");
                BackReference(named);
                return true;
            default:
                if (ReadSetEscape() is { } set) AppendSet(set.Basic, set.Points);
                else Literal(CharacterEscape());
                return true;
        }
    }

    /// <summary>A group that has not matched is the empty text in ECMA-262, and no match in .NET.</summary>
    private void BackReference(int number)
    {
        _linear = false;
        _output.Append(CultureInfo.InvariantCulture, $"(?({number})\\k<{number}>|)");
    }

    /// <summary>An escape that stands for many characters; null for any other.</summary>
    private (string Basic, CodePointSet Points)? ReadSetEscape()
    {
        char c = source[_at + 1];
        if (c is 'd' or 'D' or 'w' or 'W' or 's' or 'S')
        {
            _at += 2;
            CodePointSet set = char.ToLowerInvariant(c) switch { 'd' => Digit, 'w' => Word, _ => Space };
            if (char.IsAsciiLetterUpper(c)) set = set.Complement();
            return (set.BasicClass(), set);
        }

        if (c is not ('p' or 'P')) return null;
        int end = source.IndexOf('}', _at);
        if (_at + 2 >= source.Length || source[_at + 2] != '{' || end < 0) throw Error($"'\\{c}' is not followed by a property in braces");
        string name = source[(_at + 3)..end];
        if (!UnicodeProperty.TryFind(name, out UnicodeProperty? property, out CodePointSet? points))
        {
            throw Error($"the Unicode property '{Values.Describe.Short(name)}' is not known here; general categories are");
        }

        _at = end + 1;
        if (property is not null) return (property.BasicClass(c == 'P'), astral ? property.Astral(c == 'P') : new CodePointSet());
        if (c == 'P') points = points!.Complement();
        return (points!.BasicClass(), points);
    }

    /// <summary>An escape that stands for one character; also inside a class.</summary>
    private int CharacterEscape()
    {
        _at++;
        int c = CodePoint();
        switch (c)
        {
            case 't':
                return '\t';
            case 'n':
                return '\n';
            case 'v':
                return '\v';
            case 'f':
                return '\f';
            case 'r':
                return '\r';
            case '0' when !char.IsAsciiDigit(Current):
                return '\0';
            case 'c' when char.IsAsciiLetter(Current):
                return source[_at++] & 31;
            case 'x':
                return Hex(2);
            case 'u':
                return UnicodeEscape();
            case < 128 when char.IsAsciiLetterOrDigit((char)c):
                throw Error($"'\\{(char)c}' is not an escape of ECMA-262");
            default:
                return c;
        }
    }

    private int UnicodeEscape()
    {
        if (Current == '{')
        {
            int end = source.IndexOf('}', _at);
            if (end < 0
                || !int.TryParse(source.AsSpan(_at + 1, end - _at - 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
                || value is < 0 or > CodePointSet.Last)
            {
                throw Error("'\\u{' is not followed by a code point");
            }

            _at = end + 1;
            return value;
        }

        int unit = Hex(4);
        bool pair = char.IsHighSurrogate((char)unit) && string.CompareOrdinal(source, _at, "\\u", 0, 2) == 0;
        if (!pair) return unit;

        int back = _at;
        _at += 2;
        if (Current == '{')
        {
            _at = back;
            return unit;
        }

        int low = Hex(4);
        if (char.IsLowSurrogate((char)low)) return char.ConvertToUtf32((char)unit, (char)low);
        _at = back;
        return unit;
    }

    private int Hex(int digits)
    {
        if (_at + digits > source.Length
            || !int.TryParse(source.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value))
        {
            throw Error($"an escape is not followed by {digits} hexadecimal digits");
        }

        _at += digits;
        return value;
    }
}
