using System.Net;
using System.Net.Sockets;

namespace AgentFlow.Tools.BuiltIn.Http;

/// <summary>
/// Which addresses are not the public internet: the IANA special-purpose registries (RFC 6890 and its updates), IPv6 forms that
/// carry an IPv4 address, and the clouds' metadata services. What is connected to is judged, so no notation can get past.
/// </summary>
internal static class AddressRules
{
    private static readonly (IPNetwork Network, string Name)[] Version4 =
    [
        (IPNetwork.Parse("0.0.0.0/8"), "an unspecified address"),
        (IPNetwork.Parse("10.0.0.0/8"), "a private address"),
        (IPNetwork.Parse("100.64.0.0/10"), "a carrier-grade NAT address"),
        (IPNetwork.Parse("127.0.0.0/8"), "a loopback address"),
        (IPNetwork.Parse("168.63.129.16/32"), "a cloud metadata address"),
        (IPNetwork.Parse("169.254.0.0/16"), "a link-local address"),
        (IPNetwork.Parse("172.16.0.0/12"), "a private address"),
        (IPNetwork.Parse("192.0.0.0/24"), "a protocol assignment"),
        (IPNetwork.Parse("192.0.2.0/24"), "a documentation address"),
        (IPNetwork.Parse("192.88.99.0/24"), "a 6to4 relay"),
        (IPNetwork.Parse("192.168.0.0/16"), "a private address"),
        (IPNetwork.Parse("198.18.0.0/15"), "a benchmark address"),
        (IPNetwork.Parse("198.51.100.0/24"), "a documentation address"),
        (IPNetwork.Parse("203.0.113.0/24"), "a documentation address"),
        (IPNetwork.Parse("224.0.0.0/4"), "a multicast address"),
        (IPNetwork.Parse("255.255.255.255/32"), "the broadcast address"),
        (IPNetwork.Parse("240.0.0.0/4"), "a reserved address"),
    ];

    private static readonly (IPNetwork Network, string Name)[] Version6 =
    [
        (IPNetwork.Parse("::/128"), "the unspecified address"),
        (IPNetwork.Parse("::1/128"), "the loopback address"),
        (IPNetwork.Parse("fc00::/7"), "a unique local address"),
        (IPNetwork.Parse("fe80::/10"), "a link-local address"),
        (IPNetwork.Parse("fec0::/10"), "a site-local address"),
        (IPNetwork.Parse("ff00::/8"), "a multicast address"),
        (IPNetwork.Parse("2001::/32"), "a Teredo tunnel"),
        (IPNetwork.Parse("2001::/23"), "a protocol assignment"),
        (IPNetwork.Parse("2001:db8::/32"), "a documentation address"),
        (IPNetwork.Parse("2002::/16"), "a 6to4 tunnel"),
        (IPNetwork.Parse("3fff::/20"), "a documentation address"),
    ];

    private static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");

    private static readonly IPNetwork Nat64 = IPNetwork.Parse("64:ff9b::/96");

    /// <summary>An IPv4-mapped IPv6 address as the IPv4 address that the system would really connect to.</summary>
    public static IPAddress Unmap(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    /// <summary>What makes an address non-public, in words; <see langword="null"/> for a public one.</summary>
    public static string? Blocks(IPAddress address)
    {
        address = Unmap(address);
        if (address.AddressFamily == AddressFamily.InterNetwork)
            return Find(Version4, address);
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return "no internet address";
        // A gateway turns it back into the IPv4 address at its end; networks without IPv4 reach every public host this way.
        if (Nat64.Contains(address))
            return Find(Version4, new IPAddress(address.GetAddressBytes().AsSpan(12))) is { } inside ? $"{inside} behind NAT64" : null;
        return Find(Version6, address) ?? (GlobalUnicast.Contains(address) ? null : "a reserved address");
    }

    private static string? Find((IPNetwork Network, string Name)[] rules, IPAddress address)
    {
        foreach ((IPNetwork network, string name) in rules)
        {
            if (network.Contains(address))
                return name;
        }

        return null;
    }
}
