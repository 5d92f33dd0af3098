using System.Text;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary>Positions in strings as the language counts them: in code points, not in UTF-16 units.</summary>
internal static class CodePoints
{
    /// <summary>The UTF-16 offset of a code point; -1 when the string is shorter than that. The end of the string is a position.</summary>
    public static int OffsetOf(string text, long position)
    {
        if (position < 0 || position > text.Length)
        {
            return -1;
        }

        var offset = 0;
        for (; position > 0; position--)
        {
            if (offset >= text.Length)
            {
                return -1;
            }

            offset += LengthAt(text, offset);
        }

        return offset;
    }

    /// <summary>The code points before a UTF-16 offset.</summary>
    public static int PositionOf(string text, int offset)
    {
        var position = 0;
        for (var i = 0; i < offset; i += LengthAt(text, i))
        {
            position++;
        }

        return position;
    }

    /// <summary>UTF-16 units of the code point at an offset.</summary>
    public static int LengthAt(string text, int offset) =>
        char.IsHighSurrogate(text[offset]) && offset + 1 < text.Length && char.IsLowSurrogate(text[offset + 1]) ? 2 : 1;

    public static string Reverse(string text)
    {
        var reversed = new StringBuilder(text.Length);
        for (var end = text.Length; end > 0;)
        {
            var length = end > 1 && char.IsLowSurrogate(text[end - 1]) && char.IsHighSurrogate(text[end - 2]) ? 2 : 1;
            end -= length;
            reversed.Append(text, end, length);
        }

        return reversed.ToString();
    }

    public static IEnumerable<string> Split(string text)
    {
        for (var i = 0; i < text.Length;)
        {
            var length = LengthAt(text, i);
            yield return text.Substring(i, length);
            i += length;
        }
    }
}
