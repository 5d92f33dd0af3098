using System.Globalization;
using System.Net;
using System.Text;

namespace AgentFlow.Engine.Secrets;

/// <summary>A text with its escapes undone, which remembers where each character came from.</summary>
internal sealed class DecodedText
{
    private const int LongestReference = 12;

    private readonly StringBuilder _text = new();
    private readonly List<int> _from = [];
    private readonly List<int> _to = [];

    private DecodedText()
    {
    }

    public string Text => _text.ToString();

    /// <summary>Where a part of the text stands in the one that nothing was undone in.</summary>
    public (int From, int To) Source(int start, int length) => (_from[start], _to[start + length - 1]);

    public static DecodedText Of(string text)
    {
        var same = new DecodedText();
        for (int i = 0; i < text.Length; i++)
        {
            same.Add(text[i], i, i + 1);
        }

        return same;
    }

    /// <summary>Undoes one level of JSON's escapes; <see langword="null"/> when there is none.</summary>
    public DecodedText? WithoutJson()
    {
        string text = Text;
        if (!text.Contains('\\'))
        {
            return null;
        }

        var plain = new DecodedText();
        for (int i = 0; i < text.Length;)
        {
            int length = 1;
            char c = text[i];
            if (c == '\\' && i + 1 < text.Length)
            {
                char kind = text[i + 1];
                if (kind == 'u' && i + 5 < text.Length && ushort.TryParse(text.AsSpan(i + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort unit))
                {
                    (c, length) = ((char)unit, 6);
                }
                else if ("\"\\/bfnrt".IndexOf(kind) is var at and >= 0)
                {
                    (c, length) = ("\"\\/\b\f\n\r\t"[at], 2);
                }
            }

            plain.Add(c, _from[i], _to[i + length - 1]);
            i += length;
        }

        return plain;
    }

    /// <summary>Undoes one level of a URL's escapes; <see langword="null"/> when there is none.</summary>
    public DecodedText? WithoutPercent()
    {
        string text = Text;
        if (!text.Contains('%'))
        {
            return null;
        }

        var plain = new DecodedText();
        for (int i = 0; i < text.Length;)
        {
            int end = i;
            var bytes = new List<byte>();
            while (end + 2 < text.Length && text[end] == '%' && byte.TryParse(text.AsSpan(end + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte octet))
            {
                bytes.Add(octet);
                end += 3;
            }

            if (bytes.Count == 0)
            {
                plain.Add(text[i], _from[i], _to[i]);
                i++;
                continue;
            }

            // Characters of several bytes are one with all of them; those of one byte keep their place.
            int at = i;
            foreach (Rune rune in Encoding.UTF8.GetString([.. bytes]).EnumerateRunes())
            {
                int next = Math.Min(end, at + (3 * rune.Utf8SequenceLength));
                foreach (char c in rune.ToString())
                {
                    plain.Add(c, _from[Math.Min(at, end - 1)], _to[Math.Max(at, next - 1)]);
                }

                at = next;
            }

            i = end;
        }

        return plain;
    }

    /// <summary>Undoes one level of HTML's character references; <see langword="null"/> when there is none.</summary>
    public DecodedText? WithoutHtml()
    {
        string text = Text;
        if (!text.Contains('&'))
        {
            return null;
        }

        var plain = new DecodedText();
        for (int i = 0; i < text.Length;)
        {
            int end = text[i] == '&' ? text.AsSpan(i, Math.Min(LongestReference, text.Length - i)).IndexOf(';') : -1;
            string given = end > 0 ? text.Substring(i, end + 1) : "";
            string meant = end > 0 ? WebUtility.HtmlDecode(given) : "";
            if (end > 0 && meant != given)
            {
                foreach (char c in meant)
                {
                    plain.Add(c, _from[i], _to[i + end]);
                }

                i += end + 1;
            }
            else
            {
                plain.Add(text[i], _from[i], _to[i]);
                i++;
            }
        }

        return plain;
    }

    private void Add(char c, int from, int to)
    {
        _text.Append(c);
        _from.Add(from);
        _to.Add(to);
    }
}
