using System.Globalization;
using System.Text;

namespace AgentFlow.Expressions.JsonPath.Syntax;

internal sealed partial class QueryParser
{
    private string Quoted()
    {
        int opened = _at;
        char quote = text[_at++];
        var content = new StringBuilder();
        while (_at < text.Length)
        {
            char c = text[_at];
            if (c == quote)
            {
                _at++;
                return content.ToString();
            }

            if (c < ' ')
            {
                throw Error($"a control character stands in a string: write it as \\u{(int)c:x4}");
            }

            if (c == '\\')
            {
                Escape(quote, content);
            }
            else if (Rune.TryGetRuneAt(text, _at, out Rune rune))
            {
                content.Append(text, _at, rune.Utf16SequenceLength);
                _at += rune.Utf16SequenceLength;
            }
            else
            {
                throw Error("half a surrogate pair, which is no character");
            }
        }

        throw new QuerySyntaxException("the string is not closed", opened);
    }

    private void Escape(char quote, StringBuilder content)
    {
        int start = _at++;
        char c = Next;
        char? meant = c switch
        {
            'b' => '\b',
            'f' => '\f',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '/' or '\\' => c,
            _ when c == quote => c,
            _ => null,
        };
        if (meant is { } simple)
        {
            _at++;
            content.Append(simple);
            return;
        }

        if (c != 'u')
        {
            throw new QuerySyntaxException(
                $"unknown escape: known are \\b \\t \\n \\f \\r \\/ \\\\ \\{quote} and \\u with four hexadecimal digits", start);
        }

        char first = Unit(start);
        content.Append(first);
        if (!char.IsSurrogate(first))
        {
            return;
        }

        bool isPair = char.IsHighSurrogate(first) && Next == '\\' && _at + 1 < text.Length && text[_at + 1] == 'u';
        char second = '\0';
        if (isPair)
        {
            _at++;
            second = Unit(_at - 1);
        }

        content.Append(char.IsLowSurrogate(second)
            ? second
            : throw new QuerySyntaxException("half a surrogate pair: \\ud83d\\ude00 is a whole one", start));
    }

    /// <summary>Reads <c>uXXXX</c>.</summary>
    private char Unit(int start)
    {
        _at++;
        ReadOnlySpan<char> digits = text.AsSpan(_at, Math.Min(4, text.Length - _at));
        if (digits.Length < 4
            || digits.ContainsAnyExcept(HexDigits)
            || !ushort.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort unit))
        {
            throw new QuerySyntaxException("\\u is followed by four hexadecimal digits", start);
        }

        _at += 4;
        return (char)unit;
    }

    private static readonly System.Buffers.SearchValues<char> HexDigits = System.Buffers.SearchValues.Create("0123456789abcdefABCDEF");
}
