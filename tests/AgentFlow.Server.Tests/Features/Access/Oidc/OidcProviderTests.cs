using System.Net;
using System.Text.Json;
using AgentFlow.Server.Features.Access.Oidc;

namespace AgentFlow.Server.Tests.Features.Access.Oidc;

/// <summary>The whole way: a real provider, a real server, its tokens.</summary>
public sealed class OidcProviderTests : IAsyncLifetime
{
    private OidcProvider _provider = null!;

    public async ValueTask InitializeAsync() => _provider = await OidcProvider.StartAsync();

    public ValueTask DisposeAsync()
    {
        _provider?.Dispose();
        return default;
    }

    private Task<GuardedServer> StartAsync(Func<OidcOptions, OidcOptions>? change = null)
    {
        var options = new OidcOptions { Issuer = _provider.Issuer, RolesClaim = "/realm_access/roles" };
        return GuardedServer.StartAsync(o => o with { Oidc = change?.Invoke(options) ?? options });
    }

    [Theory]
    [InlineData("RS256")]
    [InlineData("ES256")]
    public async Task AccessToken_OfTheProvider_IsTakenWithItsRoles(string alg)
    {
        await using GuardedServer server = await StartAsync(o => o with { RoleMap = new Dictionary<string, string> { ["staff"] = "operator", ["lead"] = "developer" } });
        string token = await _provider.AccessTokenAsync(alg, ("test_roles", "staff lead unknown admin"));
        JsonElement me = (await server.Server.GetAsync("/api/v1/auth/whoami", GuardedServer.Bearer(token))).Json;
        Assert.Equal(($"user:oidc:app-{alg}", "user", "default"), (me.GetProperty("actor").GetString(), me.GetProperty("kind").GetString(), me.GetProperty("tenant").GetString()));
        Assert.Equal(["operator", "developer"], me.GetProperty("roles").EnumerateArray().Select(r => r.GetString()));
        Assert.Equal(HttpStatusCode.OK, (await server.Server.GetAsync("/api/v1/runs", GuardedServer.Bearer(token))).Status);
        (await server.Server.GetAsync("/api/v1/access/users", GuardedServer.Bearer(token))).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
    }

    [Theory]
    [InlineData("RS256")]
    [InlineData("ES256")]
    public async Task Login_GivesAnAccessTokenThatIsTakenAndAnIdTokenThatIsNot(string alg)
    {
        await using GuardedServer server = await StartAsync();
        (string access, string id) = await _provider.LogInAsync(alg);
        Assert.Equal("user:oidc:ann", (await server.Server.GetAsync("/api/v1/auth/whoami", GuardedServer.Bearer(access))).Json.GetProperty("actor").GetString());
        (await server.Server.GetAsync("/api/v1/auth/whoami", GuardedServer.Bearer(id))).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
    }

    [Fact]
    public async Task AccessToken_ForSomebodyElse_IsRefused()
    {
        await using GuardedServer server = await StartAsync();
        string token = await _provider.AccessTokenAsync("ES256", ("test_audience", "another"));
        (await server.Server.GetAsync("/api/v1/runs", GuardedServer.Bearer(token))).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
    }

    [Fact]
    public async Task Tenant_IsTheClaimsAndMustExist()
    {
        await using GuardedServer server = await StartAsync(o => o with { TenantClaim = "org" });
        string token = await _provider.AccessTokenAsync("ES256", ("test_tenant", "acme"), ("test_roles", "viewer"));
        (await server.Server.GetAsync("/api/v1/runs", GuardedServer.Bearer(token))).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        await server.AddTenantAsync("acme");
        Assert.Equal("acme", (await server.Server.GetAsync("/api/v1/auth/whoami", GuardedServer.Bearer(token))).Json.GetProperty("tenant").GetString());
        (await server.Server.GetAsync("/api/v1/runs", GuardedServer.Bearer(token), ("X-Tenant-ID", "default"))).Problem(HttpStatusCode.Forbidden, "TENANT_MISMATCH");
        foreach (string bad in (string[])["", "Ac Me", "../default"])
        {
            string other = await _provider.AccessTokenAsync("ES256", ("test_tenant", bad));
            (await server.Server.GetAsync("/api/v1/runs", GuardedServer.Bearer(other))).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        }
    }

    [Fact]
    public async Task Tokens_InAnyNumber_FetchTheKeysOnce()
    {
        await using GuardedServer server = await StartAsync();
        Assert.Equal(0, await _provider.FetchesAsync());
        string[] tokens = [await _provider.AccessTokenAsync("ES256"), await _provider.AccessTokenAsync("RS256"), await _provider.AccessTokenAsync("ES256")];
        await Task.WhenAll(Enumerable.Range(0, 30).Select(async i => Assert.Equal(HttpStatusCode.OK, (await server.Server.GetAsync("/api/v1/auth/whoami", GuardedServer.Bearer(tokens[i % 3]))).Status)));
        // Its discovery document and its keys.
        Assert.Equal(2, await _provider.FetchesAsync());
        await _provider.RotateAsync();
        string unknown = await _provider.AccessTokenAsync("ES256");
        foreach (int _ in Enumerable.Range(0, 20))
        {
            (await server.Server.GetAsync("/api/v1/auth/whoami", GuardedServer.Bearer(unknown))).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        }

        // Within ten seconds of the last fetch nobody makes the server ask again.
        Assert.Equal(2, await _provider.FetchesAsync());
    }
}
