using System.Collections.Concurrent;
using System.Diagnostics;
using AgentFlow.Server.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary>How the endpoints of this process do, each over the last minute.</summary>
internal sealed class EndpointLatencies(TimeProvider clock)
{
    private readonly ConcurrentDictionary<(Endpoint Endpoint, string Method), RollingLatency> _byEndpoint = new();
    private readonly ConcurrentDictionary<string, RollingLatency> _byName = new(StringComparer.Ordinal);

    /// <summary>Every endpoint that was called, by its name: method and route, such as <c>GET /api/v1/runs/{id}</c>.</summary>
    public IEnumerable<(string Name, LatencyReading Reading)> Read() => _byName.Select(e => (e.Key, e.Value.Read()));

    /// <summary>One endpoint; empty when it was not called.</summary>
    public LatencyReading Read(string name) => _byName.TryGetValue(name, out RollingLatency? latency) ? latency.Read() : default;

    /// <summary>Counts an answered request. Addresses that do not exist are not endpoints: anybody can think of many.</summary>
    public void Add(HttpContext context, TimeSpan took)
    {
        if (context.GetEndpoint() is RouteEndpoint endpoint && context.Features.Get<Untimed>() is null)
        {
            int status = context.Response.StatusCode;
            _byEndpoint.GetOrAdd((endpoint, context.Request.Method), static (key, all) => all.Of(key.Method, (RouteEndpoint)key.Endpoint), this)
                .Add(took, isFailure: status >= StatusCodes.Status500InternalServerError, isRefusal: status is >= StatusCodes.Status400BadRequest and < StatusCodes.Status500InternalServerError);
        }
    }

    private RollingLatency Of(string method, RouteEndpoint endpoint) =>
        _byName.GetOrAdd($"{method} /{endpoint.RoutePattern.RawText?.TrimStart('/')}", static (_, time) => new RollingLatency(time), clock);
}

/// <summary>Times every request, from its first to its last middleware.</summary>
internal sealed class LatencyMiddleware(RequestDelegate next, EndpointLatencies latencies, TimeProvider clock)
{
    public async Task InvokeAsync(HttpContext context)
    {
        long started = clock.GetTimestamp();
        try
        {
            await next(context).ConfigureAwait(false);
        }
        finally
        {
            latencies.Add(context, clock.GetElapsedTime(started));
            if (context.Features.Get<IHttpActivityFeature>()?.Activity is { IsAllDataRequested: true } span)
            {
                Describe(span, context);
            }
        }
    }

    /// <summary>Gives the framework's span what OpenTelemetry's conventions for HTTP servers ask for.</summary>
    private static void Describe(Activity span, HttpContext context)
    {
        string method = context.Request.Method;
        string? route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
        span.DisplayName = route is null ? method : $"{method} /{route.TrimStart('/')}";
        span.SetTag("http.request.method", method);
        span.SetTag("http.route", route);
        span.SetTag("http.response.status_code", context.Response.StatusCode);
        span.SetTag("url.path", context.Request.Path.Value);
        if (context.Response.StatusCode >= StatusCodes.Status500InternalServerError)
        {
            span.SetStatus(ActivityStatusCode.Error);
        }
    }
}
