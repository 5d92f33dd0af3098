using System.Net;

namespace AgentFlow.Server.Configuration;

/// <summary>Where the server listens: an address and port, or a Unix domain socket.</summary>
public abstract record ListenAddress
{
    private const string UnixPrefix = "unix:";

    // sun_path holds 108 bytes with its final zero.
    private const int MaxSocketPath = 107;

    private ListenAddress()
    {
    }

    /// <param name="Port">0 takes a free one.</param>
    /// <param name="IsTls">Whether it speaks TLS there.</param>
    public sealed record Tcp(IPAddress Address, int Port, bool IsTls = false) : ListenAddress
    {
        public override string ToString() => $"{(IsTls ? "https" : "http")}://{(Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{Address}]" : Address)}:{Port}";
    }

    /// <param name="Path">Absolute.</param>
    public sealed record Unix(string Path) : ListenAddress
    {
        public override string ToString() => UnixPrefix + Path;
    }

    /// <summary>Whether nobody outside this machine can connect.</summary>
    public bool IsLocal => this is not Tcp { Address: var address } || IPAddress.IsLoopback(address);

    /// <summary>Reads <c>http://127.0.0.1:8000</c>, <c>https://0.0.0.0:8443</c> or <c>unix:/path</c>.</summary>
    public static ListenAddress? Parse(string text, out string problem)
    {
        problem = "";
        if (text.StartsWith(UnixPrefix, StringComparison.Ordinal))
        {
            string path = text[UnixPrefix.Length..];
            if (path.Length > 0 && !path.Contains('\0') && System.Text.Encoding.UTF8.GetByteCount(System.IO.Path.GetFullPath(path)) <= MaxSocketPath)
            {
                return new Unix(System.IO.Path.GetFullPath(path));
            }

            problem = $"a socket's path has 1 to {MaxSocketPath} bytes: name a shorter one";
            return null;
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("http" or "https") || uri.AbsolutePath != "/" || uri.Query.Length + uri.Fragment.Length + uri.UserInfo.Length > 0)
        {
            problem = "write http://127.0.0.1:8000 (any port) or unix:/path/to/socket";
            return null;
        }

        string host = uri.Host.Trim('[', ']');
        IPAddress? address = host == "localhost" ? IPAddress.Loopback : IPAddress.TryParse(host, out IPAddress? parsed) ? parsed : null;
        if (address is null)
        {
            problem = "a server listens on an address of this machine, not on a name: write http://127.0.0.1:8000, or http://0.0.0.0:8000 for every address";
            return null;
        }

        return new Tcp(address, uri.Port, uri.Scheme == "https");
    }
}
