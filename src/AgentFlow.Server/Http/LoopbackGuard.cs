using System.Net;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Server.Http;

/// <summary>
/// Keeps web pages away from a server that asks nobody who they are. A browser on this machine can reach a loopback address
/// for any page that it shows: a foreign <c>Origin</c> is refused, and so is a <c>Host</c> that is not this machine's own
/// name, which a page gets by letting its name resolve to 127.0.0.1.
/// </summary>
/// <param name="origins">Of the pages that may use it all the same.</param>
internal sealed class LoopbackGuard(RequestDelegate next, IReadOnlyList<string> origins)
{
    public Task InvokeAsync(HttpContext context)
    {
        HostString host = context.Request.Host;
        if (!IsLoopback(host.Host))
        {
            throw new ProblemException(ErrorCode.PermissionDenied, $"This server listens on this machine only and answers to localhost, 127.0.0.1 and [::1], not to '{Shorten(host.Value ?? "")}'.");
        }

        string origin = context.Request.Headers.Origin.ToString();
        if (origin.Length > 0 && !IsOwn(origin, context.Request.Scheme, host) && !CrossOrigin.Allows(origins, origin))
        {
            throw new ProblemException(ErrorCode.PermissionDenied, $"Pages of '{Shorten(origin)}' may not use this server: it does not ask who is calling.");
        }

        return next(context);
    }

    private static bool IsOwn(string origin, string scheme, HostString host) =>
        Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) && uri.Scheme == scheme && IsLoopback(uri.Host) && uri.Port == (host.Port ?? (scheme == Uri.UriSchemeHttps ? 443 : 80));

    private static bool IsLoopback(string name) =>
        name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(name.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));

    private static string Shorten(string text) => text.Length <= 80 ? text : text[..80] + "…";
}
