using System.Globalization;
using System.Net;
using System.Text;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Tests.Features.Bridge;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace AgentFlow.Server.Tests.Features.Access;

/// <summary>Every address, REST, server-sent events and WebSocket: who gets in, and who does not.</summary>
public sealed class DefaultDenyTests : IAsyncLifetime
{
    private static readonly string[] OpenToAnyone = ["GET /.well-known/jwks.json", "GET /api/v1/openapi.json", "GET /docs", "GET /docs/errors/{code}", "GET /docs/{file}", "GET /health", "GET /healthz", "GET /readyz", "POST /api/v1/auth/revoke", "POST /api/v1/auth/token", "POST /api/v1/hooks/{tenant}/{workflow}/{name}", "POST /orchestrator/events", "POST /orchestrator/heartbeat", "POST /orchestrator/register", "POST /orchestrator/tasks/{id}/callback"];

    private GuardedServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GuardedServer.StartAsync(o => o with { Bridge = new BridgeSettings { Secrets = [BridgeServer.Secret] } });

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private IEnumerable<(string Method, string Route, AccessRule Rule)> Endpoints =>
        from endpoint in _server.Server.Endpoints
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods
        select (method, endpoint.RoutePattern.RawText!, endpoint.Metadata.GetMetadata<AccessRule>()!);

    [Fact]
    public void Rules_OpenToAnyone_AreThese() =>
        Assert.Equal(OpenToAnyone, Endpoints.Where(e => e.Rule.OpenBecause is { Length: > 10 }).Select(e => $"{e.Method} {e.Route}").Order(StringComparer.Ordinal));

    [Fact]
    public async Task EveryEndpoint_WithoutCredentials_Is401BeforeAnythingElse()
    {
        foreach ((string method, string route, AccessRule rule) in Endpoints)
        {
            Answer answer = await AskAsync(method, route);
            if (rule.OpenBecause is null)
            {
                Assert.Equal("Bearer", answer.Headers.WwwAuthenticate.ToString());
                if (IsBridge(route))
                {
                    BridgeServer.Error(answer, HttpStatusCode.Unauthorized, "MISSING_TOKEN");
                }
                else
                {
                    answer.Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
                }
            }
            else if (IsBridge(route))
            {
                // Agents show a token of their own kind.
                BridgeServer.Error(answer, HttpStatusCode.Unauthorized, "MISSING_TOKEN");
            }
            else if (route.Contains("/hooks/", StringComparison.Ordinal))
            {
                // Deliveries are signed.
                answer.Problem(HttpStatusCode.Unauthorized, "WEBHOOK_REFUSED");
            }
            else
            {
                Assert.True(answer.Status is HttpStatusCode.OK or HttpStatusCode.NotFound or HttpStatusCode.UnprocessableEntity, $"{method} {route}: {answer.Status}");
            }
        }
    }

    [Theory]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("Bearer x")]
    [InlineData("Basic YWRtaW46YWRtaW4=")]
    [InlineData("Bearer afk_default.01ARZ3NDEKTSV4RRFFQ69G5FAV.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("Bearer afk_default")]
    public async Task Request_WithCredentialsThatAreNone_Is401(string authorization) =>
        (await _server.Server.GetAsync("/api/v1/runs", ("Authorization", authorization))).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");

    [Fact]
    public async Task EveryEndpoint_WithoutItsPermission_Is403AndWithItIsNot()
    {
        string nothing = await _server.KeyAsync(_server.Admin, new { name = "nothing", scopes = Array.Empty<string>() });
        var keys = new Dictionary<Permission, string>();
        foreach ((string method, string route, AccessRule rule) in Endpoints.Where(e => e.Rule.Permission is not null))
        {
            Permission needed = rule.Permission!;
            Answer denied = await AskAsync(method, route, GuardedServer.Bearer(nothing));
            string? detail = IsBridge(route)
                ? BridgeServer.Error(denied, HttpStatusCode.Forbidden, "PERMISSION_DENIED").GetProperty("message").GetString()
                : denied.Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED").GetProperty("detail").GetString();
            Assert.Contains(needed.Name, detail);
            if (!keys.TryGetValue(needed, out string? key))
            {
                keys.Add(needed, key = await _server.KeyAsync(_server.Admin, new { name = needed.Name, scopes = new[] { needed.Name } }));
            }

            Answer allowed = await AskAsync(method, route, GuardedServer.Bearer(key));
            Assert.True(allowed.Status is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden), $"{method} {route} with {needed}: {allowed.Status} {allowed.Text}");
        }
    }

    [Theory]
    [InlineData(null, 401)]
    [InlineData("tools.read", 403)]
    [InlineData("runs.read", 404)]
    public async Task WebSocket_IsHeldLikeEveryOtherRequest(string? scope, int status)
    {
        string authorization = scope is null ? "" : $"Authorization: Bearer {await _server.KeyAsync(_server.Admin, new { name = "ws", scopes = new[] { scope } })}\r\n";
        string request = $"GET /api/v1/runs/01ARZ3NDEKTSV4RRFFQ69G5FAV/stream HTTP/1.1\r\nHost: {_server.Server.Address.Authority}\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{authorization}\r\n";
        string answer = await RawHttp.AskAsync(_server.Server.Address, Encoding.ASCII.GetBytes(request));
        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status} "), answer);
    }

    [Fact]
    public async Task RequireRules_EndpointWithoutARule_IsNamed()
    {
        await using WebApplication app = WebApplication.CreateSlimBuilder().Build();
        app.MapGet("/good", () => "").Needs(Permission.RunsRead);
        app.RequireRules();
        app.MapGet("/forgotten", () => "");
        app.MapGet("/twice", () => "").Needs(Permission.RunsRead).NeedsAnyCaller();
        string message = Assert.Throws<InvalidOperationException>(app.RequireRules).Message;
        Assert.Contains("/forgotten has no rule", message);
        Assert.Contains("/twice has 2 rules", message);
        Assert.DoesNotContain("/good", message);
    }

    private static bool IsBridge(string route) => route.StartsWith("/orchestrator/", StringComparison.Ordinal);

    private async Task<Answer> AskAsync(string method, string route, params (string Name, string Value)[] headers)
    {
        string path = System.Text.RegularExpressions.Regex.Replace(route, @"\{[^}]*\}", "01ARZ3NDEKTSV4RRFFQ69G5FAV");
        // Nobody waits for the end of a stream that has none: this one does not begin.
        string query = path is "/orchestrator/events/stream" or "/api/v1/agents/activity/stream" ? "?after=x" : "";
        return await _server.Server.SendAsync(new HttpMethod(method), path + query, null, [.. headers, ("Accept", path.EndsWith("/stream", StringComparison.Ordinal) ? "text/event-stream" : path.EndsWith("/aoa/events", StringComparison.Ordinal) ? "application/json" : "*/*")]);
    }
}
