using System.Net;
using System.Net.Sockets;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn;
using AgentFlow.Tools.BuiltIn.Http;

namespace AgentFlow.Tools;

/// <summary>
/// The one way out for HTTP tools: pooled connections to addresses that were checked when they were connected to. It follows
/// no redirect, keeps no cookie, reads no proxy from the environment and adds no trace header. Shared by all registries of
/// a host; dispose it after them.
/// </summary>
public sealed class HttpTransport : IDisposable
{
    // A name that moves is followed within this time.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    private const int MaxConnectionsPerServer = 256;

    private readonly HttpMessageInvoker _invoker;
    private readonly AddressAllowList _allow;
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _resolve;

    /// <exception cref="ToolConfigurationException">An option is malformed.</exception>
    public HttpTransport(HttpTransportOptions options)
    {
        List<string> problems = [];
        _allow = AddressAllowList.Parse(options.Allow, problems);
        if (options.ConnectTimeout <= TimeSpan.Zero || options.MaxHeaderKilobytes <= 0)
            problems.Add("the connect timeout and the header limit must be above 0");
        if (problems.Count > 0)
            throw new ToolConfigurationException(problems);
        _resolve = options.Resolve;
        _invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            ConnectCallback = ConnectAsync,
            ConnectTimeout = options.ConnectTimeout,
            MaxResponseHeadersLength = options.MaxHeaderKilobytes,
            // Decompression happens while the body is read up to its limit, so a bomb costs what it is allowed to.
            AutomaticDecompression = DecompressionMethods.GZip | DecompressionMethods.Deflate | DecompressionMethods.Brotli,
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            ActivityHeadersPropagator = null,
            // A body that is not wanted is not read to keep its connection.
            MaxResponseDrainSize = 0,
            MaxConnectionsPerServer = MaxConnectionsPerServer,
            PooledConnectionLifetime = ConnectionLifetime,
        });
    }

    public void Dispose() => _invoker.Dispose();

    /// <summary>
    /// Says why nothing is sent to a place that is written as an address, or as this machine's name; <see langword="null"/> when it is, and
    /// for other names, which are judged when they are connected to.
    /// </summary>
    public string? Problem(Uri url)
    {
        string host = url.IdnHost.Trim('[', ']');
        bool isThis = host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase);
        IPAddress? address = isThis ? IPAddress.Loopback : IPAddress.TryParse(host, out IPAddress? literal) ? AddressRules.Unmap(literal) : null;
        return address is not null && AddressRules.Blocks(address) is { } rule && !_allow.Permits(host, url.Port, address) ? $"{host}:{url.Port} is {rule}" : null;
    }

    internal Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        _invoker.SendAsync(request, cancellationToken);

    // What is resolved here is what is connected to: a name that resolves differently a moment later changes nothing.
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        (string host, int port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        IPAddress[] addresses = IPAddress.TryParse(host, out IPAddress? literal)
            ? [literal]
            : await ResolveAsync(host, cancellationToken).ConfigureAwait(false);
        StepError? error = null;
        foreach (IPAddress address in addresses.Select(AddressRules.Unmap))
        {
            if (AddressRules.Blocks(address) is { } rule && !_allow.Permits(literal?.ToString() ?? host, port, address))
            {
                error ??= Blocked(host, port, literal is null ? $"resolves to {address}, {rule}" : $"is {rule}");
                continue;
            }

            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, port), cancellationToken).ConfigureAwait(false);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                error = ExchangeException.ConnectFailed($"{host}:{port}", e.SocketErrorCode.ToString());
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw new ExchangeException(error ?? NotFound(host, "it has no address"));
    }

    private async Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        try
        {
            return await _resolve(host, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException e)
        {
            throw new ExchangeException(NotFound(host, e.SocketErrorCode.ToString()), e);
        }
    }

    private static StepError NotFound(string host, string reason) => new(
        "HOST_NOT_FOUND", ErrorCategory.Transient, $"the host '{InputObject.Cut(host)}' cannot be resolved ({reason}): check its spelling and the DNS");

    private static StepError Blocked(string host, int port, string why) => new(
        "NETWORK_BLOCKED",
        ErrorCategory.Permission,
        $"{InputObject.Cut(host)}:{port} {why}: tools reach public addresses only; the operator can open this place with AF_HTTP_ALLOW={InputObject.Cut(host)}:{port}");
}
