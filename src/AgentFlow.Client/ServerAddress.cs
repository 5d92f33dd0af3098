using System.Diagnostics.CodeAnalysis;

namespace AgentFlow.Client;

/// <summary>Where a server listens: a TCP address, or a Unix domain socket on the same machine.</summary>
public sealed record ServerAddress
{
    private const string UnixPrefix = "unix:";

    private ServerAddress(Uri baseAddress, string? socketPath)
    {
        BaseAddress = baseAddress;
        SocketPath = socketPath;
    }

    /// <summary>Scheme, host and port, and a path when the server stands behind one; ends with a slash.</summary>
    public Uri BaseAddress { get; }

    /// <summary>The socket's file; <see langword="null"/> for TCP.</summary>
    public string? SocketPath { get; }

    /// <summary>The server behind a socket file.</summary>
    public static ServerAddress Unix(string socketPath)
    {
        ArgumentException.ThrowIfNullOrEmpty(socketPath);
        return new ServerAddress(new Uri("http://localhost/"), socketPath);
    }

    /// <summary>Reads <c>http://host:port</c>, <c>https://host</c> or <c>unix:/path/to/socket</c>.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ServerAddress? address)
    {
        address = null;
        if (text is null)
        {
            return false;
        }

        if (text.StartsWith(UnixPrefix, StringComparison.Ordinal))
        {
            string path = text[UnixPrefix.Length..];
            address = path.StartsWith('/') ? Unix(path) : null;
        }
        else if (Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
            && uri.Host.Length > 0 && uri.Query.Length == 0 && uri.Fragment.Length == 0)
        {
            address = new ServerAddress(text.EndsWith('/') ? uri : new Uri(text + "/"), null);
        }

        return address is not null;
    }

    public override string ToString() => SocketPath is null ? BaseAddress.ToString().TrimEnd('/') : UnixPrefix + SocketPath;
}
