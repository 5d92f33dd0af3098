namespace AgentFlow.Engine.Definitions.Loading.Yaml;

/// <summary>
/// Where the characters of one scalar's text stand in the file: behind quotes, escapes, folded lines and indentation.
/// Where the two cannot be matched the scalar's start is the answer.
/// </summary>
internal sealed class ScalarPositions
{
    private readonly string _source;
    private readonly YamlScalar _scalar;

    // One place for each character, and one behind the last.
    private readonly int[] _places;
    private readonly bool _isKnown;

    public ScalarPositions(string source, YamlScalar scalar)
    {
        _source = source;
        _scalar = scalar;
        _places = new int[scalar.Text.Length + 1];
        _isKnown = scalar.Style switch
        {
            YamlStyle.Plain => WalkFlow(scalar.Offset),
            YamlStyle.SingleQuoted or YamlStyle.DoubleQuoted => WalkFlow(scalar.Offset + 1),
            YamlStyle.Literal => WalkBlock(isFolded: false),
            YamlStyle.Folded => WalkBlock(isFolded: true),
            _ => false,
        };
    }

    public YamlScalar Scalar => _scalar;

    /// <param name="index">UTF-16 index into the scalar's text; its length is the place behind the last character.</param>
    public int Locate(int index) => _isKnown ? _places[Math.Min(index, _places.Length - 1)] : _scalar.Offset;

    private bool WalkFlow(int at)
    {
        string text = _scalar.Text;
        int i = 0;
        while (at < _scalar.End && i < text.Length)
        {
            int consumed = Math.Max(1, LineBreak(at, out int breaks));
            int written = 1;
            if (breaks > 0)
            {
                // One line break is folded into a space, of more the first is dropped.
                written = Math.Max(1, breaks - 1);
            }
            else if (_scalar.Style == YamlStyle.DoubleQuoted && _source[at] == '\\')
            {
                (consumed, written) = Escape(at);
            }
            else if (text[i] != _source[at])
            {
                return false;
            }
            else if (_scalar.Style == YamlStyle.SingleQuoted && _source[at] == '\'')
            {
                consumed = 2;
            }

            for (int end = Math.Min(i + written, text.Length); i < end; i++)
            {
                _places[i] = at;
            }

            at += consumed;
        }

        _places[text.Length] = at;
        return i == text.Length;
    }

    /// <summary>Length of the blanks around a line break at this place, and how many breaks are among them; 0 where there is none.</summary>
    private int LineBreak(int at, out int breaks)
    {
        breaks = 0;
        int i = at;
        for (; i < _scalar.End && _source[i] is ' ' or '\t' or '\n'; i++)
        {
            breaks += _source[i] == '\n' ? 1 : 0;
        }

        return breaks > 0 ? i - at : 0;
    }

    private (int Consumed, int Written) Escape(int at)
    {
        switch (at + 1 < _scalar.End ? _source[at + 1] : '\0')
        {
            case 'x':
                return (4, 1);
            case 'u':
                return (6, 1);
            case 'U':
                bool isPair = at + 10 <= _scalar.End && !_source.AsSpan(at + 2, 4).SequenceEqual("0000");
                return (10, isPair ? 2 : 1);
            case '\n':
                int next = at + 2;
                while (next < _scalar.End && _source[next] is ' ' or '\t')
                {
                    next++;
                }

                return (next - at, 0);
            default:
                return (2, 1);
        }
    }

    /// <summary>
    /// Line by line a literal's text is the file without its indentation; a folded text has a space, or fewer line breaks,
    /// where the file has line breaks.
    /// </summary>
    private bool WalkBlock(bool isFolded)
    {
        string text = _scalar.Text;
        if (Header() is not var (at, indent))
        {
            return text.Length == 0;
        }

        int i = 0;
        at = SkipIndent(at, indent);
        while (i < text.Length && at < _scalar.End)
        {
            if (_source[at] != '\n')
            {
                if (text[i] != _source[at])
                {
                    return false;
                }

                _places[i++] = at++;
                continue;
            }

            int start = at;
            int breaks = 0;
            for (; at < _scalar.End && _source[at] == '\n' && (isFolded || breaks == 0); breaks++)
            {
                at = SkipIndent(at + 1, indent);
            }

            int written = 0;
            while (written < breaks && i + written < text.Length && text[i + written] == '\n')
            {
                written++;
            }

            for (int end = i + Math.Max(1, written); i < end; i++)
            {
                _places[i] = start;
            }
        }

        Array.Fill(_places, Math.Min(at, _scalar.End), i, _places.Length - i);
        return true;
    }

    private int SkipIndent(int at, int indent)
    {
        for (int blank = 0; blank < indent && at < _scalar.End && _source[at] == ' '; blank++)
        {
            at++;
        }

        return at;
    }

    /// <summary>Where the first line behind a block scalar's header starts, and how many blanks indent its lines.</summary>
    private (int Start, int Indent)? Header()
    {
        int header = _source.IndexOf('\n', _scalar.Offset);
        if (header < 0 || header >= _scalar.End)
        {
            return null;
        }

        (int line, int content) = FirstContent(_source.AsSpan(header + 1, _scalar.End - header - 1));
        (int textLine, int textContent) = FirstContent(_scalar.Text);
        return (header + 1, content - line - (textContent - textLine));
    }

    /// <summary>Start of the first line that is not blank, and of what it holds.</summary>
    private static (int Line, int Content) FirstContent(ReadOnlySpan<char> text)
    {
        int content = text.IndexOfAnyExcept(' ', '\n') is var found and >= 0 ? found : text.Length;
        return (text[..content].LastIndexOf('\n') + 1, content);
    }
}
