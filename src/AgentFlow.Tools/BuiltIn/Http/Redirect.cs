using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.BuiltIn.Http;

/// <summary>Where a redirect leads and what may travel there. RFC 9110 §15.4; credentials as in the Fetch standard.</summary>
internal static class Redirect
{
    public const int Max = 5;

    private static readonly string[] Credentials = ["auth", "cookie", "token", "secret", "api-key", "apikey", "password", "signature"];

    public static bool Is(int status) => status is 301 or 302 or 303 or 307 or 308;

    /// <summary>The next request, or why there is none.</summary>
    public static (HttpCallRequest? Next, StepError? Error) Follow(HttpCallRequest request, int status, string location)
    {
        if (!Uri.TryCreate(request.Url, location, out Uri? target))
            return (null, Refused(request.Url, "to no valid URL"));
        // An absolute location is judged as it was written: joining has already repaired what is wrong with it.
        bool absolute = location.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || location.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
        if (UrlRule.Read(absolute ? location : target.AbsoluteUri, out string? problem) is not { } url)
            return (null, Refused(request.Url, $"to a URL that {problem}"));
        if (request.Url.Scheme == Uri.UriSchemeHttps && url.Scheme == Uri.UriSchemeHttp)
            return (null, Refused(request.Url, $"from https down to {UrlRule.Origin(url)}: call the http URL yourself if its answer can be trusted"));

        bool toGet = (status == 303 && request.Method != "HEAD") || (status is 301 or 302 && request.Method == "POST");
        bool crossOrigin = UrlRule.Origin(url) != UrlRule.Origin(request.Url);
        HttpCallRequest next = request with
        {
            Url = url,
            Headers = [.. request.Headers.Where(h => !(crossOrigin && IsCredential(h.Key)) && !(toGet && IsAboutBody(h.Key)))],
        };
        return (toGet ? next with { Method = "GET", Body = null, IdempotencyKey = null } : next, null);
    }

    private static bool IsCredential(string header) =>
        Array.Exists(Credentials, part => header.Contains(part, StringComparison.OrdinalIgnoreCase));

    private static bool IsAboutBody(string header) => header.StartsWith("Content-", StringComparison.OrdinalIgnoreCase);

    internal static StepError Refused(Uri from, string why) =>
        new("NETWORK_BLOCKED", ErrorCategory.Permission, $"{UrlRule.Origin(from)} redirects {why}");
}
