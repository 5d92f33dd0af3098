using System.Globalization;
using System.Text;
using static AgentFlow.Tools.BuiltIn.Transform.JsonPath;

namespace AgentFlow.Tools.BuiltIn.Transform;

/// <summary>Reads one JSONPath query, RFC 9535 §2, by recursive descent. The first problem ends it.</summary>
internal sealed class JsonPathParser(string text)
{
    // I-JSON, RFC 9535 §2.1.
    private const long LargestInteger = (1L << 53) - 1;

    private int _at;

    public string? Problem { get; private set; }

    public IReadOnlyList<Segment>? Parse()
    {
        if (!Take('$'))
            return Fail<List<Segment>>("a path begins with '$'");
        List<Segment> segments = [];
        while (true)
        {
            int before = _at;
            SkipBlanks();
            if (_at == text.Length)
                return before == _at ? segments : Fail<List<Segment>>("remove the blanks at the end");
            if (ParseSegment() is not { } segment)
                return null;
            segments.Add(segment);
        }
    }

    private Segment? ParseSegment()
    {
        if (Next == '[')
            return Bracketed(descendants: false);
        if (!Take('.'))
            return Fail<Segment>("expected '.', '..' or '['");
        bool descendants = Take('.');
        if (descendants && Next == '[')
            return Bracketed(descendants: true);
        if (Take('*'))
            return new Segment(descendants, [new WildcardSelector()]);
        return ParseShorthand() is { } name ? new Segment(descendants, [new NameSelector(name)]) : null;
    }

    private string? ParseShorthand()
    {
        int start = _at;
        while (_at < text.Length && IsNameCharacter(first: _at == start))
            _at += char.IsHighSurrogate(text[_at]) ? 2 : 1;
        return _at > start ? text[start.._at] : Fail<string>("expected a name, '*' or '['; quote other names: ['a-b']");
    }

    private bool IsNameCharacter(bool first)
    {
        char c = text[_at];
        if (char.IsSurrogate(c))
            return Rune.TryGetRuneAt(text, _at, out _);
        return char.IsAsciiLetter(c) || c == '_' || c >= 0x80 || (!first && char.IsAsciiDigit(c));
    }

    private Segment? Bracketed(bool descendants)
    {
        _at++;
        List<Selector> selectors = [];
        do
        {
            SkipBlanks();
            if (ParseSelector() is not { } selector)
                return null;
            selectors.Add(selector);
            SkipBlanks();
        }
        while (Take(','));

        return Take(']') ? new Segment(descendants, selectors) : Fail<Segment>("expected ',' or ']'");
    }

    private Selector? ParseSelector()
    {
        switch (Next)
        {
            case '\'' or '"':
                return ParseQuoted() is { } name ? new NameSelector(name) : null;
            case '*':
                _at++;
                return new WildcardSelector();
            case '?':
                return Fail<Selector>("filter selectors are not supported: use the operation 'filter' with 'where'");
        }

        long? start = null;
        if (Next is '-' || char.IsAsciiDigit(Next))
        {
            if ((start = ParseInteger()) is null)
                return null;
        }

        int end = _at;
        SkipBlanks();
        if (Take(':'))
            return ParseSlice(start);
        _at = end;
        return start is { } index ? new IndexSelector(index) : Fail<Selector>("expected a quoted name, an index, a slice or '*'");
    }

    private SliceSelector? ParseSlice(long? start)
    {
        (long? end, long? step) = (null, null);
        SkipBlanks();
        if ((Next is '-' || char.IsAsciiDigit(Next)) && (end = ParseInteger()) is null)
            return null;
        int after = _at;
        SkipBlanks();
        if (!Take(':'))
        {
            _at = after;
            return new SliceSelector(start, end, 1);
        }

        after = _at;
        SkipBlanks();
        if (Next is '-' || char.IsAsciiDigit(Next))
        {
            if ((step = ParseInteger()) is null)
                return null;
        }
        else
        {
            _at = after;
        }

        return new SliceSelector(start, end, step ?? 1);
    }

    private long? ParseInteger()
    {
        int start = _at;
        Take('-');
        int digits = _at;
        while (char.IsAsciiDigit(Next))
            _at++;
        ReadOnlySpan<char> number = text.AsSpan(start, _at - start);
        bool wellFormed = _at > digits && (text[digits] != '0' || number is "0");
        if (wellFormed
            && long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
            && Math.Abs(value) <= LargestInteger)
        {
            return value;
        }

        _at = start;
        Fail<string>("an index is an integer without leading zeros, within ±(2^53 - 1)");
        return null;
    }

    private string? ParseQuoted()
    {
        char quote = text[_at++];
        var name = new StringBuilder();
        while (_at < text.Length)
        {
            char c = text[_at++];
            if (c == quote)
                return IsWellFormed(name) ? name.ToString() : Fail<string>("half of a surrogate pair in a name");
            if (c < ' ')
                return Fail<string>("a control character in a name: escape it");
            if (c != '\\')
                name.Append(c);
            else if (Escaped(quote) is { } meant)
                name.Append(meant);
            else
                return Fail<string>("unknown escape in a name");
        }

        return Fail<string>("the quote is not closed");
    }

    private char? Escaped(char quote)
    {
        char c = Next;
        _at++;
        if (c == 'u')
        {
            if (_at + 4 > text.Length || !ushort.TryParse(text.AsSpan(_at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort unit))
                return null;
            _at += 4;
            return (char)unit;
        }

        return c switch
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
    }

    private static bool IsWellFormed(StringBuilder name)
    {
        string text = name.ToString();
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && (!Rune.TryGetRuneAt(text, i++, out _)))
                return false;
        }

        return true;
    }

    // The end reads as NUL, which no rule accepts.
    private char Next => _at < text.Length ? text[_at] : '\0';

    private bool Take(char c)
    {
        if (Next != c)
            return false;
        _at++;
        return true;
    }

    private void SkipBlanks()
    {
        while (Next is ' ' or '\t' or '\n' or '\r')
            _at++;
    }

    private T? Fail<T>(string problem)
        where T : class
    {
        Problem ??= $"position {Math.Min(_at, text.Length) + 1} of '{InputObject.Cut(text)}': {problem}";
        return null;
    }
}
