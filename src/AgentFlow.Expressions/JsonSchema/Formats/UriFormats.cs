using System.Buffers;
using System.Text.RegularExpressions;

namespace AgentFlow.Expressions.JsonSchema.Formats;

/// <summary>URIs (RFC 3986), IRIs (RFC 3987) and URI templates (RFC 6570).</summary>
internal static partial class UriFormats
{
    private const string Unreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    private const string SubDelimiters = "!$&'()*+,;=";

    private static readonly SearchValues<char> PathCharacters = SearchValues.Create(Unreserved + SubDelimiters + ":@/%");
    private static readonly SearchValues<char> QueryCharacters = SearchValues.Create(Unreserved + SubDelimiters + ":@/?%");
    private static readonly SearchValues<char> UserCharacters = SearchValues.Create(Unreserved + SubDelimiters + ":%");
    private static readonly SearchValues<char> HostCharacters = SearchValues.Create(Unreserved + SubDelimiters + "%");

    /// <param name="international">Whether characters beyond ASCII may stand unescaped.</param>
    /// <param name="absolute">Whether a scheme is needed.</param>
    public static bool IsReference(ReadOnlySpan<char> text, bool international, bool absolute)
    {
        if (Cut(ref text, '#', out ReadOnlySpan<char> fragment) && !Has(fragment, QueryCharacters, international)) return false;
        if (Cut(ref text, '?', out ReadOnlySpan<char> query) && !Has(query, QueryCharacters, international, isQuery: true)) return false;

        int colon = text.IndexOf(':');
        int slash = text.IndexOf('/');
        if (colon >= 0 && (slash < 0 || colon < slash))
        {
            // A first segment with a colon would be taken for a scheme, so it has to be one.
            if (!Scheme().IsMatch(text[..colon])) return false;
            text = text[(colon + 1)..];
        }
        else if (absolute)
        {
            return false;
        }

        if (text.StartsWith("//"))
        {
            text = text[2..];
            slash = text.IndexOf('/');
            if (!IsAuthority(slash < 0 ? text : text[..slash], international)) return false;
            text = slash < 0 ? [] : text[slash..];
        }

        return Has(text, PathCharacters, international);
    }

    /// <summary>Literals and expressions; an expression is an operator and variables with modifiers.</summary>
    public static bool IsTemplate(string text) => Template().IsMatch(text);

    private static bool IsAuthority(ReadOnlySpan<char> authority, bool international)
    {
        int at = authority.LastIndexOf('@');
        if (at >= 0)
        {
            if (!Has(authority[..at], UserCharacters, international)) return false;
            authority = authority[(at + 1)..];
        }

        if (authority.StartsWith('['))
        {
            int end = authority.IndexOf(']');
            if (end < 0) return false;
            ReadOnlySpan<char> literal = authority[1..end];
            if (!HostFormats.IsIpv6(literal) && !FutureAddress().IsMatch(literal)) return false;
            authority = authority[(end + 1)..];
            return authority.IsEmpty || (authority[0] == ':' && authority[1..].IndexOfAnyExceptInRange('0', '9') < 0);
        }

        int colon = authority.IndexOf(':');
        if (colon >= 0)
        {
            if (authority[(colon + 1)..].IndexOfAnyExceptInRange('0', '9') >= 0) return false;
            authority = authority[..colon];
        }

        return Has(authority, HostCharacters, international);
    }

    private static bool Cut(ref ReadOnlySpan<char> text, char at, out ReadOnlySpan<char> tail)
    {
        int index = text.IndexOf(at);
        tail = index < 0 ? [] : text[(index + 1)..];
        if (index >= 0) text = text[..index];
        return index >= 0;
    }

    private static bool Has(ReadOnlySpan<char> text, SearchValues<char> allowed, bool international, bool isQuery = false)
    {
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == '%')
            {
                if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2])) return false;
            }
            else if (c > 127)
            {
                // Surrogate pairs are let through; private characters belong into queries only.
                bool character = c is >= '\u00A0' and < '\uE000' or (>= '\uF900' and <= '\uFDCF') or (>= '\uFDF0' and <= '\uFFEF');
                if (!international || !(character || (isQuery && c is >= '\uE000' and <= '\uF8FF'))) return false;
            }
            else if (!allowed.Contains(c))
            {
                return false;
            }
        }

        return true;
    }

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9+.-]*\z", RegexOptions.NonBacktracking)]
    private static partial Regex Scheme();

    [GeneratedRegex(@"^v[0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+\z", RegexOptions.NonBacktracking | RegexOptions.IgnoreCase)]
    private static partial Regex FutureAddress();

    [GeneratedRegex(
        @"^(?:[^\x00-\x20""%<>\\^`{|}\x7F]|%[0-9A-Fa-f]{2}|\{[+#./;?&=,!@|]?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})(?:\.?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2}))*(?:\*|:[1-9][0-9]{0,3})?(?:,(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})(?:\.?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2}))*(?:\*|:[1-9][0-9]{0,3})?)*\})*\z",
        RegexOptions.NonBacktracking)]
    private static partial Regex Template();
}
