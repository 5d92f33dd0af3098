using System.Text;

namespace AgentFlow.Engine.Definitions.Loading.Yaml;

/// <summary>
/// The text of a workflow file as the parser gets it: without byte order mark, every line end one LF, and characters
/// that YAML does not allow replaced one for one, so that the rest can still be read. Offsets into it are the
/// loader's positions; lines and columns are the same as in the file.
/// </summary>
internal sealed class YamlText
{
    private const char Replacement = '\uFFFD';

    private YamlText(string text, IReadOnlyList<(int Offset, int Character)> forbidden)
    {
        Text = text;
        Forbidden = forbidden;
    }

    public string Text { get; }

    /// <summary>Where YAML's printable set was left: control characters and halves of surrogate pairs.</summary>
    public IReadOnlyList<(int Offset, int Character)> Forbidden { get; }

    public static YamlText From(string source)
    {
        var text = new StringBuilder(source.Length);
        var forbidden = new List<(int, int)>();
        for (int i = source.StartsWith('\uFEFF') ? 1 : 0; i < source.Length; i++)
        {
            char c = source[i];
            if (c == '\r')
            {
                text.Append('\n');
                i += i + 1 < source.Length && source[i + 1] == '\n' ? 1 : 0;
            }
            else if (char.IsHighSurrogate(c) && i + 1 < source.Length && char.IsLowSurrogate(source[i + 1]))
            {
                text.Append(c).Append(source[++i]);
            }
            else if (IsPrintable(c))
            {
                text.Append(c);
            }
            else
            {
                forbidden.Add((text.Length, c));
                text.Append(Replacement);
            }
        }

        return new YamlText(text.ToString(), forbidden);
    }

    /// <summary>
    /// Puts a further text behind this one. The second result holds that text alone, with blanks where this one stands: what
    /// is read from it has its offsets in the whole.
    /// </summary>
    public (YamlText Whole, YamlText Part) Append(string source)
    {
        YamlText added = From(source);
        int start = Text.Length + 1;
        (int, int)[] forbidden = [.. added.Forbidden.Select(f => (f.Offset + start, f.Character))];
        return (new YamlText($"{Text}\n{added.Text}", [.. Forbidden, .. forbidden]), new YamlText($"{new string(' ', Text.Length)}\n{added.Text}", forbidden));
    }

    /// <summary>Lines and columns, both from 1, for ascending offsets; columns count code points.</summary>
    public IEnumerable<(int Line, int Column)> Locate(IEnumerable<int> ascending)
    {
        int at = 0;
        int line = 1;
        int column = 1;
        foreach (int offset in ascending)
        {
            for (; at < offset && at < Text.Length; at++)
            {
                if (Text[at] == '\n')
                {
                    line++;
                    column = 1;
                }
                else if (!char.IsLowSurrogate(Text[at]))
                {
                    column++;
                }
            }

            yield return (line, column);
        }
    }

    /// <summary>YAML 1.2, section 5.1, without the surrogates, which are dealt with in pairs.</summary>
    private static bool IsPrintable(char c) =>
        c is '\t' or '\n' or (>= ' ' and <= '~') or '\u0085' or (>= '\u00A0' and <= '\uD7FF') or (>= '\uE000' and <= '\uFFFD');
}
