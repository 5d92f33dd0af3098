using System.Net;

namespace AgentFlow.Tools.BuiltIn.Http;

/// <summary>
/// The non-public places that a host's operator opens: <c>host:port</c>, <c>address:port</c> or a network in CIDR notation.
/// Naming a host trusts its DNS for that port.
/// </summary>
internal sealed class AddressAllowList
{
    private readonly List<IPNetwork> _networks = [];
    private readonly HashSet<(string Host, int Port)> _places = [];

    public static AddressAllowList Parse(IReadOnlyList<string> entries, List<string> problems)
    {
        var list = new AddressAllowList();
        foreach (string entry in entries)
        {
            // 10.1.2.3/8 opens more than whoever wrote it may think.
            if (IPNetwork.TryParse(entry, out IPNetwork network) && entry.StartsWith(network.BaseAddress + "/", StringComparison.OrdinalIgnoreCase))
                list._networks.Add(network);
            else if (HostPatterns.TrySplit(entry, out string host, out int? port) && port is { } number)
                list._places.Add((host, number));
            else
                problems.Add($"allow entry '{entry}': write host:port (db.internal:8080, 127.0.0.1:8080, [::1]:8080) or a network (10.1.0.0/16; its host bits are 0)");
        }

        return list;
    }

    public bool Permits(string host, int port, IPAddress address) =>
        _places.Contains((host, port))
        || _places.Contains((address.ToString(), port))
        || _networks.Exists(n => n.Contains(address));
}
