using System.Net;

namespace AgentFlow.Tools.BuiltIn.Http;

/// <summary>
/// Reads a URL strictly. Whatever two parsers could read differently is refused instead of repaired: the result's host is
/// the one that is checked, resolved and connected to.
/// </summary>
internal static class UrlRule
{
    private const int MaxLength = 16 * 1024;

    /// <returns>The URL with its host in canonical form; <see langword="null"/> after setting <paramref name="problem"/>.</returns>
    public static Uri? Read(string text, out string? problem)
    {
        problem = Problem(text);
        if (problem is not null)
            return null;
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || url.HostNameType is UriHostNameType.Unknown or UriHostNameType.Basic || url.Port is < 1 or > 65535)
        {
            problem = "is no valid URL: write scheme://host[:port]/path";
            return null;
        }

        if (url.IdnHost.EndsWith('.'))
            return Read($"{url.Scheme}://{url.IdnHost[..^1]}:{url.Port}{url.PathAndQuery}", out problem);
        if (url.HostNameType == UriHostNameType.Dns && EndsInNumber(url.IdnHost))
        {
            problem = $"the host '{InputObject.Cut(url.IdnHost)}' ends in a number but is no IPv4 address";
            return null;
        }

        return url;
    }

    /// <summary>The host as names and addresses are compared: lower case, addresses without brackets.</summary>
    public static string Host(Uri url) => IPAddress.TryParse(url.IdnHost, out IPAddress? address) ? address.ToString() : url.IdnHost;

    /// <summary>Scheme, host and port: what may stand in messages. Paths and queries may hold secrets.</summary>
    public static string Origin(Uri url) => url.GetLeftPart(UriPartial.Authority);

    private static string? Problem(string text)
    {
        if (text.Length > MaxLength)
            return $"is longer than {MaxLength} characters: send data in the body";
        if (text.AsSpan().ContainsAnyInRange('\0', ' ') || text.Contains('\u007f', StringComparison.Ordinal))
            return "contains blanks or control characters: percent-encode them";
        int scheme = text.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0 || !(text.AsSpan(0, scheme).Equals("http", StringComparison.OrdinalIgnoreCase) || text.AsSpan(0, scheme).Equals("https", StringComparison.OrdinalIgnoreCase)))
            return "must begin with http:// or https://";
        ReadOnlySpan<char> rest = text.AsSpan(scheme + 3);
        int end = rest.IndexOfAny('/', '?', '#');
        ReadOnlySpan<char> authority = end < 0 ? rest : rest[..end];
        if (authority.Contains('\\'))
            return "contains a backslash before its path";
        if (authority.Contains('@'))
            return "contains user information before the host: send credentials in a header";
        if (authority.Contains('%'))
            return "contains percent-encoding or a zone id in the host: write the host plainly";
        if (authority.ContainsAnyExceptInRange('!', '~'))
            return "has a host with letters outside ASCII: write its ASCII form (xn--…)";
        return authority.IsEmpty || authority[0] == ':' ? "names no host" : null;
    }

    // As in the URL standard: a last label that is a number announces an IPv4 address, so it must be one.
    private static bool EndsInNumber(string host)
    {
        ReadOnlySpan<char> last = host.AsSpan(host.LastIndexOf('.') + 1);
        return !last.ContainsAnyExceptInRange('0', '9') || (last.StartsWith("0x", StringComparison.Ordinal) && last[2..].ToString().All(char.IsAsciiHexDigit));
    }
}
