using System.Net;
using AgentFlow.Server.Features.Access.Limits;

namespace AgentFlow.Server.Tests.Features.Access.Limits;

public sealed class RateLimitTests
{
    private static int Header(Answer answer, string name) => int.Parse(answer.Headers.GetValues(name).Single(), System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public async Task Caller_BeyondTheBurst_Is429AndOthersAreNot()
    {
        await using GuardedServer guarded = await GuardedServer.StartAsync(o => o with { CallerRate = new RateLimit(8, 0.01) });
        (string, string) ann = await guarded.AddUserAsync(guarded.Admin, "ann", "viewer");
        for (int left = 7; left >= 0; left--)
        {
            Answer answer = await guarded.Server.GetAsync("/api/v1/runs", ann);
            Assert.Equal((HttpStatusCode.OK, 8, left), (answer.Status, Header(answer, "X-RateLimit-Limit"), Header(answer, "X-RateLimit-Remaining")));
            Assert.InRange(Header(answer, "X-RateLimit-Reset"), (8 - left - 1) * 100, (8 - left) * 100);
        }

        Answer refused = await guarded.Server.GetAsync("/api/v1/runs", ann);
        refused.Problem(HttpStatusCode.TooManyRequests, "RATE_LIMITED");
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 90, 100);
        Assert.Equal((8, 0), (Header(refused, "X-RateLimit-Limit"), Header(refused, "X-RateLimit-Remaining")));
        Assert.Equal(HttpStatusCode.OK, (await guarded.Server.GetAsync("/api/v1/runs", guarded.Admin)).Status);
        Assert.Equal(HttpStatusCode.OK, (await guarded.Server.GetAsync("/healthz", ann)).Status);
    }

    [Fact]
    public async Task User_WithManyKeys_HasOneRate()
    {
        await using GuardedServer guarded = await GuardedServer.StartAsync(o => o with { CallerRate = new RateLimit(6, 0.001) });
        (string, string) first = await guarded.AddUserAsync(guarded.Admin, "ann", "viewer");
        (string, string) second = GuardedServer.Bearer(await guarded.KeyAsync(first, new { name = "second" }));
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await guarded.Server.GetAsync("/api/v1/runs", i % 2 == 0 ? first : second)).Status);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, (await guarded.Server.GetAsync("/api/v1/runs", second)).Status);
    }

    [Fact]
    public async Task Tenant_BeyondItsRate_Is429ForAllOfItAndNobodyElse()
    {
        await using GuardedServer guarded = await GuardedServer.StartAsync(o => o with { CallerRate = new RateLimit(100, 1), TenantRate = new RateLimit(12, 0.001) });
        (string, string) acme = await guarded.AddTenantAsync("acme");
        (string, string) ann = await guarded.AddUserAsync(acme, "ann", "viewer");
        Answer last = null!;
        for (int i = 0; i < 11; i++)
        {
            last = await guarded.Server.GetAsync("/api/v1/runs", ann);
        }

        last.Problem(HttpStatusCode.TooManyRequests, "RATE_LIMITED");
        Assert.Equal(HttpStatusCode.TooManyRequests, (await guarded.Server.GetAsync("/api/v1/runs", acme)).Status);
        Assert.Equal(HttpStatusCode.OK, (await guarded.Server.GetAsync("/api/v1/runs", guarded.Admin)).Status);
    }

    [Fact]
    public async Task OpenServer_CountsNobody()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        Assert.False((await server.GetAsync("/api/v1/runs")).Headers.Contains("X-RateLimit-Limit"));
    }
}
