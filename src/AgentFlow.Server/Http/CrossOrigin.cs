namespace AgentFlow.Server.Http;

/// <summary>
/// Lets the pages of named origins use the API from a browser (CORS). Whoever is behind such a page still shows who they are by a
/// header, never by a cookie, so that credentials in the browser's sense are not allowed.
/// </summary>
/// <param name="origins">Such as <c>http://localhost:3000</c>.</param>
internal sealed class CrossOrigin(RequestDelegate next, IReadOnlyList<string> origins)
{
    private const string Exposed = "ETag, Location, Retry-After, Idempotency-Replayed, X-Trace-Id";
    private const string Methods = "GET, POST, PUT, DELETE";
    private const string RequestHeaders = "Authorization, Content-Type, Accept, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Tenant-ID, X-Trace-Id, traceparent";
    private const string MaxAgeSeconds = "600";

    public Task InvokeAsync(HttpContext context)
    {
        if (context.Request.Headers.Origin.Count == 0)
        {
            return next(context);
        }

        bool allowed = Allows(origins, context.Request.Headers.Origin.ToString());
        // At the last moment: an answer that turns into a problem begins anew.
        context.Response.OnStarting(
            static state =>
            {
                var (response, allowedOrigin) = ((HttpResponse, string?))state;
                response.Headers.Append("Vary", "Origin");
                if (allowedOrigin is not null)
                {
                    response.Headers.AccessControlAllowOrigin = allowedOrigin;
                    response.Headers.AccessControlExposeHeaders = Exposed;
                }

                return Task.CompletedTask;
            },
            (context.Response, allowed ? context.Request.Headers.Origin.ToString() : null));
        return allowed && HttpMethods.IsOptions(context.Request.Method) && context.Request.Headers.AccessControlRequestMethod.Count > 0
            ? AnswerPreflight(context.Response)
            : next(context);
    }

    public static bool Allows(IReadOnlyList<string> origins, string origin) => origins.Contains(origin, StringComparer.OrdinalIgnoreCase);

    /// <summary>Asked by the browser itself, which shows nobody's credentials: it is answered before anybody is asked who they are.</summary>
    private static Task AnswerPreflight(HttpResponse response)
    {
        response.Headers.AccessControlAllowMethods = Methods;
        response.Headers.AccessControlAllowHeaders = RequestHeaders;
        response.Headers.AccessControlMaxAge = MaxAgeSeconds;
        response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }
}
