using System.Text.Json.Serialization;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary><c>GET /health</c>: how the Agent Bridge does, in its own shape.</summary>
internal sealed class Health(EndpointLatencies latencies, IAgentPresence agents, TimeProvider clock)
{
    public const string Register = "POST /orchestrator/register";
    public const string Heartbeat = "POST /orchestrator/heartbeat";

    private const double MostMilliseconds = 120;
    private const double MostErrors = 0.01;

    // Below it the 95th percentile is the slowest request: one that found a cold process would call the server ill.
    private const long Enough = 20;

    private readonly long _started = clock.GetTimestamp();

    public async Task AnswerAsync(HttpContext context, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        IReadOnlyList<AgentPresence> present = await agents.CountAsync(cancellationToken).ConfigureAwait(false);
        long total = present.Sum(a => a.Total);
        long online = present.Sum(a => a.Online);
        LatencyReading register = latencies.Read(Register);
        LatencyReading heartbeat = latencies.Read(Heartbeat);
        bool degraded = IsDegraded(register) || IsDegraded(heartbeat);
        var view = new BridgeHealthView(
            degraded ? "degraded" : "healthy",
            clock.GetUtcNow(),
            Math.Round(clock.GetElapsedTime(_started).TotalSeconds, 3),
            new BridgeAgentsView(total, online, total - online),
            new BridgeLatencyView(Math.Round(register.P95, 3), Math.Round(heartbeat.P95, 3), Math.Round(register.ErrorRate, 6), Math.Round(heartbeat.ErrorRate, 6)));
        await Reply.JsonAsync(context, degraded ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK, view, ServerJson.Default.BridgeHealthView).ConfigureAwait(false);
    }

    private static bool IsDegraded(LatencyReading reading) => reading.Requests >= Enough && (reading.P95 > MostMilliseconds || reading.ErrorRate > MostErrors);
}

internal static class BridgeHealthFeature
{
    public static void MapBridgeHealth(this IEndpointRouteBuilder root, Health health) => root.MapGet("/health", health.AnswerAsync)
        .Says("getHealth", "Health", "How the Agent Bridge does", "Over the last minute. 503 when degraded: a 95th percentile above 120 ms, or more than 1 % of the requests failed by the server, of at least 20.")
        .IsOpenToAnyone("A load balancer asks; it says how many agents there are, and nothing of any.")
        .Gives<BridgeHealthView>(200, "Healthy.").Gives<BridgeHealthView>(503, "Degraded.")
        .Fails();
}

/// <param name="Status"><c>healthy</c> or <c>degraded</c>.</param>
/// <param name="Uptime">Seconds.</param>
internal sealed record BridgeHealthView(string Status, DateTimeOffset Timestamp, double Uptime, BridgeAgentsView Agents, BridgeLatencyView Orchestrator);

internal sealed record BridgeAgentsView(long Total, long Online, long Offline);

/// <summary>Latencies in milliseconds, rates from 0 to 1.</summary>
internal sealed record BridgeLatencyView(
    [property: JsonPropertyName("p95_latency_register")] double P95LatencyRegister,
    [property: JsonPropertyName("p95_latency_heartbeat")] double P95LatencyHeartbeat,
    [property: JsonPropertyName("error_rate_register")] double ErrorRateRegister,
    [property: JsonPropertyName("error_rate_heartbeat")] double ErrorRateHeartbeat);
