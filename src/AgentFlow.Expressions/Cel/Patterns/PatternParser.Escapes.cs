using System.Globalization;
using System.Text;

namespace AgentFlow.Expressions.Cel.Patterns;

internal sealed partial class PatternParser
{
    private int EscapedCodePoint()
    {
        if (IsAtEnd)
        {
            throw new PatternException("a backslash at the end");
        }

        var c = _text[_position++];
        switch (c)
        {
            case 'a':
                return 7;
            case 'f':
                return 12;
            case 'n':
                return 10;
            case 'r':
                return 13;
            case 't':
                return 9;
            case 'v':
                return 11;
            case 'x':
                return Hexadecimal();
            case '0':
            case >= '1' and <= '7' when Peek() is >= '0' and <= '7':
                var value = c - '0';
                for (var i = 0; i < 2 && Peek() is >= '0' and <= '7'; i++)
                {
                    value = (value * 8) + (_text[_position++] - '0');
                }

                return value;
            case >= '1' and <= '9':
                throw new PatternException("backreferences do not exist in RE2");
            case < 128 when !char.IsAsciiLetterOrDigit((char)c):
                return c;
            default:
                throw new PatternException($"'\\{new Rune(c)}' is no escape sequence");
        }
    }

    private int Hexadecimal()
    {
        var isBraced = Accept('{');
        var start = _position;
        while (Peek() is var c and >= 0 and < 128 && char.IsAsciiHexDigit((char)c) && _position - start < (isBraced ? 7 : 2))
        {
            _position++;
        }

        var digits = string.Concat(_text[start.._position].Select(c => (char)c));
        var isWellFormed = isBraced ? digits.Length > 0 && Accept('}') : digits.Length == 2;
        return isWellFormed && int.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) is var value && Rune.IsValid(value)
            ? value
            : throw new PatternException("write \\x with two hexadecimal digits, or \\x{…} with a code point");
    }
}
