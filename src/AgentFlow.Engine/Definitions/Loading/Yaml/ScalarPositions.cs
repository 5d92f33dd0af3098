namespace AgentFlow.Engine.Definitions.Loading.Yaml;

/// <summary>
/// Finds where a character of a scalar's text stands in the file: behind quotes, escapes, folded lines and indentation.
/// Where the two cannot be matched the scalar's start is the answer.
/// </summary>
internal static class ScalarPositions
{
    /// <param name="index">UTF-16 index into the scalar's text; its length is the place behind the last character.</param>
    public static int Locate(string source, YamlScalar scalar, int index) => (scalar.Style switch
    {
        YamlStyle.Plain => InFlow(source, scalar, index, scalar.Offset),
        YamlStyle.SingleQuoted or YamlStyle.DoubleQuoted => InFlow(source, scalar, index, scalar.Offset + 1),
        YamlStyle.Literal => InLiteral(source, scalar, index),
        YamlStyle.Folded => InFolded(source, scalar, index),
        _ => null,
    }) ?? scalar.Offset;

    private static int? InFlow(string source, YamlScalar scalar, int index, int at)
    {
        string text = scalar.Text;
        int i = 0;
        while (at < scalar.End)
        {
            int consumed = Math.Max(1, LineBreak(source, at, scalar.End, out int breaks));
            int written = 1;
            if (breaks > 0)
            {
                // One line break is folded into a space, of more the first is dropped.
                written = Math.Max(1, breaks - 1);
            }
            else if (scalar.Style == YamlStyle.DoubleQuoted && source[at] == '\\')
            {
                (consumed, written) = Escape(source, at, scalar.End);
            }
            else if (scalar.Style == YamlStyle.SingleQuoted && source[at] == '\'')
            {
                consumed = 2;
            }
            else if (i < text.Length && text[i] != source[at])
            {
                return null;
            }

            if (index < i + written)
            {
                return at;
            }

            at += consumed;
            i += written;
        }

        return index == i ? at : null;
    }

    /// <summary>Length of the blanks around a line break at this place, and how many breaks are among them; 0 where there is none.</summary>
    private static int LineBreak(string source, int at, int end, out int breaks)
    {
        breaks = 0;
        int i = at;
        for (; i < end && source[i] is ' ' or '\t' or '\n'; i++)
        {
            breaks += source[i] == '\n' ? 1 : 0;
        }

        return breaks > 0 ? i - at : 0;
    }

    private static (int Consumed, int Written) Escape(string source, int at, int end)
    {
        switch (at + 1 < end ? source[at + 1] : '\0')
        {
            case 'x':
                return (4, 1);
            case 'u':
                return (6, 1);
            case 'U':
                bool isPair = at + 10 <= end && source.AsSpan(at + 2, 8).ContainsAnyExcept('0') && !source.AsSpan(at + 2, 4).SequenceEqual("0000");
                return (10, isPair ? 2 : 1);
            case '\n':
                int next = at + 2;
                while (next < end && source[next] is ' ' or '\t')
                {
                    next++;
                }

                return (next - at, 0);
            default:
                return (2, 1);
        }
    }

    /// <summary>Line by line the text is the file without its indentation.</summary>
    private static int? InLiteral(string source, YamlScalar scalar, int index)
    {
        if (BlockIndent(source, scalar) is not var (start, indent))
        {
            return null;
        }

        int line = start;
        int lineText = 0;
        for (int end; (end = scalar.Text.IndexOf('\n', lineText)) >= 0 && end < index; lineText = end + 1)
        {
            int next = source.IndexOf('\n', line);
            if (next < 0)
            {
                return null;
            }

            line = next + 1;
        }

        return Math.Min(line + indent + index - lineText, scalar.End);
    }

    /// <summary>As a literal, except that the text has a space, or fewer line breaks, where the file has line breaks.</summary>
    private static int? InFolded(string source, YamlScalar scalar, int index)
    {
        if (BlockIndent(source, scalar) is not var (start, indent))
        {
            return null;
        }

        string text = scalar.Text;
        int at = start + indent;
        int i = 0;
        while (i < index && at < scalar.End)
        {
            if (source[at] != '\n')
            {
                if (text[i] != source[at])
                {
                    return null;
                }

                i++;
                at++;
                continue;
            }

            int breaks = 0;
            for (; at < scalar.End && source[at] == '\n'; breaks++)
            {
                at++;
                for (int blank = 0; blank < indent && at < scalar.End && source[at] == ' '; blank++)
                {
                    at++;
                }
            }

            int written = 0;
            while (written < breaks && i + written < text.Length && text[i + written] == '\n')
            {
                written++;
            }

            i += Math.Max(1, written);
        }

        return i >= index ? at : null;
    }

    /// <summary>Where the first line after a block scalar's header starts, and how many blanks indent its lines.</summary>
    private static (int Start, int Indent)? BlockIndent(string source, YamlScalar scalar)
    {
        int header = source.IndexOf('\n', scalar.Offset);
        if (header < 0 || header >= scalar.End)
        {
            return null;
        }

        int line = header + 1;
        int content = line;
        while (content < scalar.End && source[content] is ' ' or '\n')
        {
            line = source[content] == '\n' ? content + 1 : line;
            content++;
        }

        int leading = 0;
        int first = 0;
        while (first < scalar.Text.Length && scalar.Text[first] is ' ' or '\n')
        {
            leading = scalar.Text[first] == '\n' ? 0 : leading + 1;
            first++;
        }

        return (header + 1, content - line - leading);
    }
}
