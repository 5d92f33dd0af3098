using System.Net;
using AgentFlow.Server.Tests.Features.Access;

namespace AgentFlow.Server.Tests.Http;

public sealed class CrossOriginTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static string? Header(Answer answer, string name) => answer.Headers.TryGetValues(name, out IEnumerable<string>? values) ? string.Join(", ", values) : null;

    private static Task<Answer> PreflightAsync(RunningServer server, string origin) =>
        server.SendAsync(HttpMethod.Options, "/api/v1/agents", null, ("Origin", origin), ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "content-type"));

    [Theory]
    [InlineData("http://localhost:3000")]
    [InlineData("http://localhost:5173")]
    public async Task DashboardOrigin_IsAllowed(string origin)
    {
        Answer preflight = await PreflightAsync(_server, origin);
        Assert.Equal((HttpStatusCode.NoContent, origin), (preflight.Status, Header(preflight, "Access-Control-Allow-Origin")));
        Assert.Contains("PUT", Header(preflight, "Access-Control-Allow-Methods"));
        Assert.Contains("Authorization", Header(preflight, "Access-Control-Allow-Headers"));
        Assert.Null(Header(preflight, "Access-Control-Allow-Credentials"));
        Answer created = await _server.PostAsync("/api/v1/agents", """{"name":"x"}""", ("Origin", origin));
        Assert.Equal((HttpStatusCode.Created, origin), (created.Status, Header(created, "Access-Control-Allow-Origin")));
        Assert.Contains("Origin", created.Headers.Vary);
        Answer refused = await _server.GetAsync("/api/v1/agents/nobody", ("Origin", origin));
        Assert.Equal((HttpStatusCode.NotFound, origin), (refused.Status, Header(refused, "Access-Control-Allow-Origin")));
    }

    [Theory]
    [InlineData("http://localhost:3001")]
    [InlineData("https://localhost:3000")]
    [InlineData("http://localhost:3000.evil.example")]
    [InlineData("http://evil.example")]
    [InlineData("null")]
    public async Task OtherOrigin_IsNotAllowed(string origin)
    {
        Answer preflight = await PreflightAsync(_server, origin);
        Assert.Equal(HttpStatusCode.Forbidden, preflight.Status);
        Assert.Null(Header(preflight, "Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task Preflight_OfAServerThatAsksWhoCalls_NeedsNoCredentials()
    {
        await using GuardedServer guarded = await GuardedServer.StartAsync(o => o with { CorsOrigins = ["https://dash.example"] });
        Assert.Equal(HttpStatusCode.NoContent, (await PreflightAsync(guarded.Server, "https://dash.example")).Status);
        Assert.Null(Header(await PreflightAsync(guarded.Server, "http://localhost:3000"), "Access-Control-Allow-Origin"));
        Answer anonymous = await guarded.Server.GetAsync("/api/v1/agents", ("Origin", "https://dash.example"));
        anonymous.Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        Assert.Equal("https://dash.example", Header(anonymous, "Access-Control-Allow-Origin"));
    }
}
