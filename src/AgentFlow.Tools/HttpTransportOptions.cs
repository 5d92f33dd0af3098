using System.Net;

namespace AgentFlow.Tools;

/// <summary>How the host's tools reach the network.</summary>
public sealed record HttpTransportOptions
{
    /// <summary>
    /// Non-public places that tools may connect to: <c>host:port</c>, <c>address:port</c> or a network such as <c>10.1.0.0/16</c>.
    /// Public addresses need no entry. Default: none.
    /// </summary>
    public IReadOnlyList<string> Allow { get; init; } = [];

    /// <summary>Upper bound of establishing one connection, TLS included. Default 10 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Upper bound of a response's headers in KiB. Default 64.</summary>
    public int MaxHeaderKilobytes { get; init; } = 64;

    /// <summary>Resolves a host name. Default: the system's resolver.</summary>
    public Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = Dns.GetHostAddressesAsync;
}
