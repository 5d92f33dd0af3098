using System.Buffers;
using System.Globalization;
using System.Text;

namespace AgentFlow.Expressions.Cel.Syntax;

/// <summary>Decodes what stands between the quotes of a string or bytes literal.</summary>
internal static class TextLiteral
{
    /// <param name="content">The text between the quotes.</param>
    /// <param name="offset">Where it starts in the source, for errors.</param>
    public static CelValue Read(ReadOnlySpan<char> content, int offset, bool isBytes, bool isRaw)
    {
        if (isRaw || !content.Contains('\\'))
        {
            return isBytes ? CelValue.Bytes(Encoding.UTF8.GetBytes(content.ToString())) : CelValue.String(content.ToString());
        }

        return isBytes ? Bytes(content, offset) : Text(content, offset);
    }

    private static CelValue Text(ReadOnlySpan<char> content, int offset)
    {
        var text = new StringBuilder(content.Length);
        Span<char> units = stackalloc char[2];
        for (var i = 0; i < content.Length;)
        {
            if (content[i] != '\\')
            {
                text.Append(content[i++]);
                continue;
            }

            var rune = Escape(content, offset, ref i, out _);
            text.Append(units[..new Rune(rune).EncodeToUtf16(units)]);
        }

        return CelValue.String(text.ToString());
    }

    private static CelValue Bytes(ReadOnlySpan<char> content, int offset)
    {
        var bytes = new ArrayBufferWriter<byte>(content.Length);
        for (var i = 0; i < content.Length;)
        {
            if (content[i] != '\\')
            {
                var plain = content[i..];
                var length = plain.IndexOf('\\');
                plain = length < 0 ? plain : plain[..length];
                Encoding.UTF8.GetBytes(plain, bytes);
                i += plain.Length;
                continue;
            }

            var at = i;
            var value = Escape(content, offset, ref i, out var isUnicode);
            if (isUnicode)
            {
                throw new SyntaxException(CelErrorCodes.Syntax, "a bytes literal has no \\u and \\U escapes; write the bytes with \\x", offset + at);
            }

            bytes.GetSpan(1)[0] = (byte)value;
            bytes.Advance(1);
        }

        return CelValue.Bytes(bytes.WrittenSpan.ToArray());
    }

    private static int Escape(ReadOnlySpan<char> content, int offset, ref int position, out bool isUnicode)
    {
        var at = position;
        var kind = content[position + 1];
        position += 2;
        isUnicode = kind is 'u' or 'U';
        switch (kind)
        {
            case '\\' or '?' or '"' or '\'' or '`':
                return kind;
            case 'a':
                return 7;
            case 'b':
                return 8;
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
            case 'x' or 'X':
                return Digits(content, offset, at, ref position, 2, 16);
            case 'u':
                return CodePoint(Digits(content, offset, at, ref position, 4, 16), offset + at);
            case 'U':
                return CodePoint(Digits(content, offset, at, ref position, 8, 16), offset + at);
            case >= '0' and <= '3':
                position--;
                return Digits(content, offset, at, ref position, 3, 8);
            default:
                throw new SyntaxException(CelErrorCodes.Syntax, $"'\\{kind}' is no escape sequence; write '\\\\' for a backslash, or use a raw string r'…'", offset + at);
        }
    }

    private static int Digits(ReadOnlySpan<char> content, int offset, int at, ref int position, int count, int radix)
    {
        if (position + count > content.Length)
        {
            throw new SyntaxException(CelErrorCodes.Syntax, $"this escape sequence needs {count} digits", offset + at);
        }

        var value = 0u;
        foreach (var c in content.Slice(position, count))
        {
            var isDigit = radix == 16 ? char.IsAsciiHexDigit(c) : c is >= '0' and <= '7';
            if (!isDigit)
            {
                throw new SyntaxException(CelErrorCodes.Syntax, $"this escape sequence needs {count} {(radix == 16 ? "hexadecimal" : "octal")} digits", offset + at);
            }

            value = (value * (uint)radix) + (uint)int.Parse([c], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        }

        position += count;
        return unchecked((int)value);
    }

    private static int CodePoint(int value, int offset) => Rune.IsValid(value)
        ? value
        : throw new SyntaxException(CelErrorCodes.Syntax, "this escape sequence names no Unicode code point", offset);
}
