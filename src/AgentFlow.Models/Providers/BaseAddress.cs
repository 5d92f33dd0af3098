using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace AgentFlow.Models.Providers;

/// <summary>A provider's address: what is allowed as one, and whether it lies on the premises.</summary>
internal static class BaseAddress
{
    private static readonly string[] PrivateSuffixes = [".local", ".localhost", ".internal", ".intranet", ".lan", ".home.arpa", ".svc", ".cluster.local"];

    public static bool TryParse(string text, [NotNullWhen(true)] out Uri? uri, out string problem)
    {
        problem = "";
        if (!Uri.TryCreate(text, UriKind.Absolute, out uri) || uri.Scheme is not ("http" or "https"))
            problem = "it is not an absolute http or https address. Write for example http://127.0.0.1:8001/v1.";
        else if (uri.UserInfo.Length > 0)
            problem = "it carries a user name or password. Leave them out and set the provider's key variable.";
        else if (uri.Query.Length > 0 || uri.Fragment.Length > 0)
            problem = "it has a query or a fragment. End it with the path.";
        if (problem.Length > 0)
            uri = null;
        return uri is not null;
    }

    public static Uri Append(Uri baseUrl, string path) => new(baseUrl.AbsoluteUri.TrimEnd('/') + path);

    /// <summary>
    /// Loopback, private and link-local addresses, single-label names, names of private zones, and the hosts that the operator named.
    /// A public name is never looked up: where it points can change after the look.
    /// </summary>
    public static bool IsOnPremises(Uri uri, IReadOnlyList<string> namedHosts)
    {
        string host = uri.IdnHost.Trim('[', ']').TrimEnd('.').ToLowerInvariant();
        if (namedHosts.Contains(host, StringComparer.OrdinalIgnoreCase))
            return true;
        if (IPAddress.TryParse(host, out var address))
            return IsPrivate(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);
        return !host.Contains('.') || PrivateSuffixes.Any(s => host.EndsWith(s, StringComparison.Ordinal));
    }

    private static bool IsPrivate(IPAddress address)
    {
        if (IPAddress.IsLoopback(address))
            return true;
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
            return address.IsIPv6LinkLocal || address.IsIPv6UniqueLocal;
        Span<byte> b = stackalloc byte[4];
        address.TryWriteBytes(b, out _);
        return b[0] == 10 || (b[0] == 172 && b[1] is >= 16 and < 32) || (b[0] == 192 && b[1] == 168) || (b[0] == 169 && b[1] == 254);
    }
}
