using System.Globalization;
using System.Text;

namespace AgentFlow.Expressions.JsonPath.Syntax;

/// <summary>Reads one query by recursive descent over the grammar of RFC 9535, appendix A. The first problem ends it.</summary>
internal sealed partial class QueryParser(string text)
{
    // I-JSON, RFC 9535 §2.1.
    private const long LargestInteger = (1L << 53) - 1;

    // Filters, parentheses and function calls within each other; evaluation recurses as deeply.
    private const int DeepestNesting = 64;

    private const int LongestQuery = 64 * 1024;

    private int _at;
    private int _depth;

    /// <exception cref="QuerySyntaxException">Not a query.</exception>
    public Query Parse()
    {
        if (text.Length > LongestQuery)
        {
            throw new QuerySyntaxException($"a query has at most {LongestQuery} characters, this one has {text.Length}", 0);
        }

        if (!Take('$'))
        {
            throw Error("a path begins with '$'");
        }

        var query = new Query(isRelative: false, Segments());
        if (_at == text.Length)
        {
            return query;
        }

        int problem = _at;
        SkipBlanks();
        throw _at == text.Length
            ? new QuerySyntaxException("remove the blanks at the end", problem)
            : Error("expected '.', '..', '[' or the end of the query");
    }

    // The end reads as NUL, which no rule accepts.
    private char Next => _at < text.Length ? text[_at] : '\0';

    /// <summary>Everything that follows <c>$</c> or <c>@</c>; blanks behind the last segment are left alone.</summary>
    private List<Segment> Segments()
    {
        List<Segment> segments = [];
        while (true)
        {
            int end = _at;
            SkipBlanks();
            if (Next is not ('.' or '['))
            {
                _at = end;
                return segments;
            }

            segments.Add(Segment());
        }
    }

    private Segment Segment()
    {
        if (Next == '[')
        {
            return new Segment(IsDescendant: false, Bracketed());
        }

        _at++;
        bool isDescendant = Take('.');
        if (isDescendant && Next == '[')
        {
            return new Segment(IsDescendant: true, Bracketed());
        }

        return new Segment(isDescendant, [Take('*') ? new Selector.Wildcard() : new Selector.Name(Shorthand())]);
    }

    private string Shorthand()
    {
        int start = _at;
        while (_at < text.Length && IsNameCharacter(isFirst: _at == start, out int length))
        {
            _at += length;
        }

        return _at > start ? text[start.._at] : throw Error("expected a name, '*' or '['; other names are quoted: ['a-b']");
    }

    private bool IsNameCharacter(bool isFirst, out int length)
    {
        char c = text[_at];
        length = char.IsSurrogate(c) ? 2 : 1;
        return char.IsSurrogate(c)
            ? Rune.TryGetRuneAt(text, _at, out _)
            : char.IsAsciiLetter(c) || c == '_' || c >= 0x80 || (!isFirst && char.IsAsciiDigit(c));
    }

    private List<Selector> Bracketed()
    {
        _at++;
        List<Selector> selectors = [];
        do
        {
            SkipBlanks();
            selectors.Add(ParseSelector());
            SkipBlanks();
        }
        while (Take(','));

        return Take(']') ? selectors : throw Error("expected ',' or ']'");
    }

    private Selector ParseSelector()
    {
        switch (Next)
        {
            case '\'' or '"':
                return new Selector.Name(Quoted());
            case '*':
                _at++;
                return new Selector.Wildcard();
            case '?':
                _at++;
                SkipBlanks();
                return new Selector.Filter(Or());
        }

        long? start = StartsInteger ? Integer() : null;
        int end = _at;
        SkipBlanks();
        if (Take(':'))
        {
            return Slice(start);
        }

        _at = end;
        return start is { } index ? new Selector.Index(index) : throw Error("expected a quoted name, an index, a slice, '*' or '?'");
    }

    private Selector.Slice Slice(long? start)
    {
        SkipBlanks();
        long? end = StartsInteger ? Integer() : null;
        long? step = null;
        SkipBlanks();
        if (Take(':'))
        {
            SkipBlanks();
            step = StartsInteger ? Integer() : null;
        }

        return new Selector.Slice(start, end, step ?? 1);
    }

    private bool StartsInteger => Next == '-' || char.IsAsciiDigit(Next);

    private long Integer()
    {
        int start = _at;
        Take('-');
        ReadOnlySpan<char> digits = Digits();
        bool isWellFormed = digits.Length > 0 && (digits[0] != '0' || _at - start == 1);
        return isWellFormed
            && long.TryParse(text.AsSpan(start, _at - start), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
            && value is >= -LargestInteger and <= LargestInteger
                ? value
                : throw new QuerySyntaxException("an index is an integer without leading zeros, within ±(2^53 - 1)", start);
    }

    private ReadOnlySpan<char> Digits()
    {
        int start = _at;
        while (char.IsAsciiDigit(Next))
        {
            _at++;
        }

        return text.AsSpan(start, _at - start);
    }

    private bool Take(char c)
    {
        if (Next != c)
        {
            return false;
        }

        _at++;
        return true;
    }

    private bool Take(string word)
    {
        if (!text.AsSpan(_at).StartsWith(word, StringComparison.Ordinal))
        {
            return false;
        }

        _at += word.Length;
        return true;
    }

    private void SkipBlanks()
    {
        while (Next is ' ' or '\t' or '\n' or '\r')
        {
            _at++;
        }
    }

    private QuerySyntaxException Error(string message) => new(message, _at);
}
