using System.Net;

namespace AgentFlow.Server.Tests.Features.Health;

public sealed class HealthEndpointsTests
{
    [Fact]
    public async Task Health_RunningServer_IsAliveAndReady()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        Assert.Equal("""{"status":"alive"}""", (await server.GetAsync("/healthz")).Text);
        Answer ready = await server.GetAsync("/readyz");
        Assert.Equal((HttpStatusCode.OK, """{"status":"ready","store":"ok","resident_runs":0,"backlog":0}"""), (ready.Status, ready.Text));
    }

    [Fact]
    public async Task Ready_StoreGone_Is503AndAliveStays()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        server.BreakStore();
        Answer refused = await server.GetAsync("/readyz");
        Assert.True(refused.Problem(HttpStatusCode.ServiceUnavailable, "STORE_UNAVAILABLE").GetProperty("retryable").GetBoolean());
        Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter!.Delta);
        (await server.GetAsync("/api/v1/runs")).Problem(HttpStatusCode.ServiceUnavailable, "STORE_UNAVAILABLE");
        Assert.Equal(HttpStatusCode.OK, (await server.GetAsync("/healthz")).Status);
    }
}
