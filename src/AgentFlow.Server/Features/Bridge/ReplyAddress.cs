using System.Net;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>Where agents answer: where the deployment says that they reach it, otherwise where it listens.</summary>
internal sealed class ReplyAddress(Uri? given, ListenAddress listen)
{
    private volatile Uri? _listens = listen is ListenAddress.Tcp { Port: > 0 } tcp ? Of(tcp) : null;

    /// <summary><see langword="null"/> while nobody could answer.</summary>
    public Uri? Value => given ?? _listens;

    /// <summary>Whether there will be one once the server listens.</summary>
    public bool IsPending => Value is null && listen is ListenAddress.Tcp;

    /// <summary>Notes the port that the server was given.</summary>
    public void ListensAt(int port)
    {
        if (listen is ListenAddress.Tcp tcp)
        {
            _listens = Of(tcp with { Port = port });
        }
    }

    // Nobody connects to "any address"; from this machine its own name leads there.
    private static Uri Of(ListenAddress.Tcp tcp) => new(
        (tcp.Address.Equals(IPAddress.Any) ? tcp with { Address = IPAddress.Loopback } : tcp.Address.Equals(IPAddress.IPv6Any) ? tcp with { Address = IPAddress.IPv6Loopback } : tcp).ToString());
}
