using System.Globalization;
using System.Text;

namespace AgentFlow.Expressions.Cel.Syntax;

/// <summary>Cuts a source into tokens, one at a time.</summary>
internal sealed class Lexer(string source)
{
    private int _position;

    public Token Next()
    {
        SkipBlanks();
        var start = _position;
        if (start >= source.Length)
        {
            return new(TokenKind.End, start, start);
        }

        var c = source[start];
        if (char.IsAsciiDigit(c) || (c == '.' && char.IsAsciiDigit(At(1))))
        {
            return Number();
        }

        if (c is '"' or '\'')
        {
            return Text(start, start, isBytes: false, isRaw: false);
        }

        if (char.IsAsciiLetter(c) || c == '_')
        {
            return PrefixedText() ?? Word();
        }

        return c == '`' ? QuotedIdentifier() : Symbol(c);
    }

    private char At(int ahead) => _position + ahead < source.Length ? source[_position + ahead] : '\0';

    private void SkipBlanks()
    {
        while (_position < source.Length)
        {
            var c = source[_position];
            if (c is ' ' or '\t' or '\n' or '\r' or '\f')
            {
                _position++;
            }
            else if (c == '/' && At(1) == '/')
            {
                var end = source.AsSpan(_position).IndexOf('\n');
                _position = end < 0 ? source.Length : _position + end;
            }
            else
            {
                break;
            }
        }
    }

    private Token Word()
    {
        var start = _position;
        while (char.IsAsciiLetterOrDigit(At(0)) || At(0) == '_')
        {
            _position++;
        }

        var text = source[start.._position];
        return text switch
        {
            "true" => new(TokenKind.Literal, start, _position, text, CelValue.True),
            "false" => new(TokenKind.Literal, start, _position, text, CelValue.False),
            "null" => new(TokenKind.Literal, start, _position, text),
            "in" => new(TokenKind.In, start, _position, text),
            _ => new(TokenKind.Identifier, start, _position, text),
        };
    }

    // Field names that are no identifiers: a.`content-type`.
    private Token QuotedIdentifier()
    {
        var start = _position;
        var end = source.AsSpan(start + 1).IndexOfAny('`', '\n', '\r');
        if (end < 0 || source[start + 1 + end] != '`')
        {
            throw new SyntaxException(CelErrorCodes.Syntax, "this quoted name has no closing backtick", start);
        }

        var text = source.Substring(start + 1, end);
        if (text.Length == 0 || text.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('_' or '.' or '-' or '/' or ' ')))
        {
            throw new SyntaxException(CelErrorCodes.Syntax, "a quoted name consists of letters, digits and _ . - / and blanks; use ['…'] for other keys", start);
        }

        _position = start + end + 2;
        return new(TokenKind.QuotedIdentifier, start, _position, text);
    }

    private Token Number()
    {
        var start = _position;
        if (At(0) == '0' && At(1) is 'x' or 'X')
        {
            return Hexadecimal();
        }

        SkipDigits();
        var isDouble = false;
        if (At(0) == '.' && char.IsAsciiDigit(At(1)))
        {
            isDouble = true;
            _position++;
            SkipDigits();
        }

        if (At(0) is 'e' or 'E' && (char.IsAsciiDigit(At(1)) || (At(1) is '+' or '-' && char.IsAsciiDigit(At(2)))))
        {
            isDouble = true;
            _position += 2;
            SkipDigits();
        }

        var digits = source.AsSpan(start, _position - start);
        if (isDouble)
        {
            var number = double.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture);
            return double.IsFinite(number)
                ? new(TokenKind.Literal, start, _position, null, CelValue.Double(number))
                : throw new SyntaxException(CelErrorCodes.Syntax, "this number is beyond the range of a double", start);
        }

        return Integer(start, ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null);
    }

    private Token Hexadecimal()
    {
        var start = _position;
        _position += 2;
        while (char.IsAsciiHexDigit(At(0)))
        {
            _position++;
        }

        var digits = source.AsSpan(start + 2, _position - start - 2);
        if (digits.IsEmpty)
        {
            throw new SyntaxException(CelErrorCodes.Syntax, "0x needs at least one hexadecimal digit", start);
        }

        return Integer(start, ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) ? value : null);
    }

    private Token Integer(int start, ulong? value)
    {
        if (value is not { } number)
        {
            throw new SyntaxException(CelErrorCodes.Syntax, "this integer does not fit 64 bits", start);
        }

        if (At(0) is 'u' or 'U')
        {
            _position++;
            return new(TokenKind.Literal, start, _position, null, CelValue.UInt(number));
        }

        return new(TokenKind.IntegerLiteral, start, _position, null, CelValue.UInt(number));
    }

    private void SkipDigits()
    {
        while (char.IsAsciiDigit(At(0)))
        {
            _position++;
        }
    }

    // b'…', r'…', br'…' in either case; anything else that starts with these letters is a word.
    private Token? PrefixedText()
    {
        var isBytes = At(0) is 'b' or 'B';
        var prefix = isBytes ? 1 : 0;
        var isRaw = At(prefix) is 'r' or 'R';
        prefix += isRaw ? 1 : 0;
        return prefix > 0 && At(prefix) is '"' or '\'' ? Text(_position, _position + prefix, isBytes, isRaw) : null;
    }

    private Token Text(int start, int quoteAt, bool isBytes, bool isRaw)
    {
        var quote = source[quoteAt];
        var isTriple = quoteAt + 2 < source.Length && source[quoteAt + 1] == quote && source[quoteAt + 2] == quote;
        var body = quoteAt + (isTriple ? 3 : 1);
        for (var i = body; i < source.Length; i++)
        {
            var c = source[i];
            if (c == '\\' && !isRaw)
            {
                i++;
            }
            else if (c is '\n' or '\r' && !isTriple)
            {
                break;
            }
            else if (c == quote && (!isTriple || (i + 2 < source.Length && source[i + 1] == quote && source[i + 2] == quote)))
            {
                _position = i + (isTriple ? 3 : 1);
                var content = source.AsSpan(body, i - body);
                return new(TokenKind.Literal, start, _position, null, TextLiteral.Read(content, body, isBytes, isRaw));
            }
        }

        throw new SyntaxException(CelErrorCodes.Syntax, $"this {(isBytes ? "bytes literal" : "string")} is not closed{(isTriple ? "" : " on its line")}", start);
    }

    private Token Symbol(char c)
    {
        var (kind, length) = (c, At(1)) switch
        {
            ('(', _) => (TokenKind.LeftParenthesis, 1),
            (')', _) => (TokenKind.RightParenthesis, 1),
            ('[', _) => (TokenKind.LeftBracket, 1),
            (']', _) => (TokenKind.RightBracket, 1),
            ('{', _) => (TokenKind.LeftBrace, 1),
            ('}', _) => (TokenKind.RightBrace, 1),
            ('.', _) => (TokenKind.Dot, 1),
            (',', _) => (TokenKind.Comma, 1),
            (':', _) => (TokenKind.Colon, 1),
            ('?', _) => (TokenKind.Question, 1),
            ('+', _) => (TokenKind.Plus, 1),
            ('-', _) => (TokenKind.Minus, 1),
            ('*', _) => (TokenKind.Star, 1),
            ('/', _) => (TokenKind.Slash, 1),
            ('%', _) => (TokenKind.Percent, 1),
            ('&', '&') => (TokenKind.And, 2),
            ('|', '|') => (TokenKind.Or, 2),
            ('=', '=') => (TokenKind.Equal, 2),
            ('!', '=') => (TokenKind.NotEqual, 2),
            ('!', _) => (TokenKind.Not, 1),
            ('<', '=') => (TokenKind.LessOrEqual, 2),
            ('<', _) => (TokenKind.Less, 1),
            ('>', '=') => (TokenKind.GreaterOrEqual, 2),
            ('>', _) => (TokenKind.Greater, 1),
            _ => throw new SyntaxException(CelErrorCodes.Syntax, Unexpected(Rune.GetRuneAt(source, _position)), _position),
        };
        var start = _position;
        _position += length;
        return new(kind, start, _position);
    }

    private static string Unexpected(Rune rune) => rune.Value switch
    {
        '=' => "'=' is no operator; compare with '=='",
        '&' => "'&' is no operator; use '&&'",
        '|' => "'|' is no operator; use '||'",
        '#' => "'#' starts no comment; use '//'",
        ';' => "an expression has no ';'",
        '$' => "'$' cannot stand in an expression; write the name alone",
        _ => $"unexpected character '{rune}'",
    };
}
