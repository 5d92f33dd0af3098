using System.Globalization;
using System.Net;

namespace AgentFlow.Tools;

/// <summary>A list of hosts by name: <c>api.example.com</c>, <c>*.example.com</c>, <c>192.0.2.1</c>, <c>[2001:db8::1]</c>, each with an optional <c>:port</c>.</summary>
internal sealed class HostPatterns
{
    private readonly List<(string Name, bool Subdomains, int? Port)> _patterns = [];

    public static HostPatterns Parse(IReadOnlyList<string> texts, List<string> problems)
    {
        var patterns = new HostPatterns();
        foreach (string text in texts)
        {
            bool subdomains = text.StartsWith("*.", StringComparison.Ordinal);
            if (TrySplit(subdomains ? text[2..] : text, out string name, out int? port) && !(subdomains && IPAddress.TryParse(name, out _)))
                patterns._patterns.Add((name, subdomains, port));
            else
                problems.Add($"'{text}' is no host: write a name (api.example.com), its subdomains (*.example.com) or an address, with :port if it matters");
        }

        return patterns;
    }

    public bool Match(string host, int port)
    {
        foreach ((string name, bool subdomains, int? only) in _patterns)
        {
            bool named = subdomains
                ? host.Length > name.Length + 1 && host[^(name.Length + 1)] == '.' && host.EndsWith(name, StringComparison.Ordinal)
                : host == name;
            if (named && (only is null || only == port))
                return true;
        }

        return false;
    }

    /// <summary>Splits <c>host[:port]</c> and brings the host into its canonical text: lower case, addresses without brackets.</summary>
    internal static bool TrySplit(string text, out string host, out int? port)
    {
        (host, port) = ("", null);
        int colon = text.LastIndexOf(':');
        // The colons of a bare IPv6 address are its own.
        bool bareAddress = !text.StartsWith('[') && text.IndexOf(':', StringComparison.Ordinal) != colon;
        string name = colon < 0 || bareAddress || text.EndsWith(']') ? text : text[..colon];
        if (name.Length != text.Length)
        {
            if (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number is < 1 or > 65535)
                return false;
            port = number;
        }

        if (IPAddress.TryParse(name, out IPAddress? address))
        {
            // Short forms such as "127.1" are typing errors in a list that decides about access.
            host = address.ToString();
            return host.Equals(name.Trim('[', ']'), StringComparison.OrdinalIgnoreCase);
        }

        host = name.ToLowerInvariant();
        return Uri.CheckHostName(host) == UriHostNameType.Dns && host.All(char.IsAscii) && !host.EndsWith('.');
    }
}
