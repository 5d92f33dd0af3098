using System.Buffers.Text;
using System.Net;
using System.Net.ServerSentEvents;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Access.Tokens;

namespace AgentFlow.Server.Tests.Features.Access.Tokens;

/// <summary>Tokens over HTTP: logging in, staying so, logging out, and what does not get in.</summary>
public sealed class TokenEndpointsTests : IAsyncLifetime
{
    private GuardedServer _guarded = null!;

    private RunningServer Server => _guarded.Server;

    public async ValueTask InitializeAsync() => _guarded = await GuardedServer.StartAsync();

    public ValueTask DisposeAsync() => _guarded.DisposeAsync();

    private Task<Answer> TokenAsync(object body) => Server.PostAsync("/api/v1/auth/token", JsonSerializer.Serialize(body));

    private async Task<(string Access, string Refresh)> LogInAsync() => Of(await TokenAsync(new { grant_type = "password", username = "admin", password = _guarded.AdminPassword }));

    private async Task<(string Access, string Refresh)> ExchangeAsync(string refresh) => Of(await TokenAsync(new { grant_type = "refresh_token", refresh_token = refresh }));

    private static (string Access, string Refresh) Of(Answer answer)
    {
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
        Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
        return (answer.Json.GetProperty("access_token").GetString()!, answer.Json.GetProperty("refresh_token").GetString()!);
    }

    private async Task<HttpStatusCode> StatusAsync(string token) => (await Server.GetAsync("/api/v1/auth/whoami", GuardedServer.Bearer(token))).Status;

    [Fact]
    public async Task Login_GivesAShortTokenThatIsTaken()
    {
        Answer answer = await TokenAsync(new { grant_type = "password", tenant = "default", username = "admin", password = _guarded.AdminPassword });
        Assert.Equal(("Bearer", 600), (answer.Json.GetProperty("token_type").GetString(), (int)Math.Ceiling(answer.Json.GetProperty("expires_in").GetInt64() / 10.0) * 10));
        JsonElement me = (await Server.GetAsync("/api/v1/auth/whoami", GuardedServer.Bearer(Of(answer).Access))).Json;
        Assert.Equal(("user", "admin", "default"), (me.GetProperty("kind").GetString(), me.GetProperty("name").GetString(), me.GetProperty("tenant").GetString()));
        Assert.InRange(me.GetProperty("expires_at").GetDateTimeOffset(), DateTimeOffset.UtcNow.AddMinutes(8), DateTimeOffset.UtcNow.AddMinutes(11));
    }

    [Fact]
    public async Task SigningKeys_RotatedAndRetired_ByWhoeverOperatesTheDeploymentAlone()
    {
        (string access, string refresh) = await LogInAsync();
        JsonElement keys = (await Server.GetAsync("/api/v1/access/signing-keys", _guarded.Admin)).Json;
        string id = keys.GetProperty("items")[0].GetProperty("id").GetString()!;
        (string, string) tenant = await _guarded.AddTenantAsync("acme");
        (await Server.GetAsync("/api/v1/access/signing-keys", tenant)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        (await Server.PostAsync("/api/v1/access/signing-keys/rotate", null, tenant)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");
        (await Server.PostAsync($"/api/v1/access/signing-keys/{id}/retire", null, tenant)).Problem(HttpStatusCode.Forbidden, "PERMISSION_DENIED");

        Answer rotated = await Server.PostAsync("/api/v1/access/signing-keys/rotate", null, _guarded.Admin);
        Assert.Equal(id, rotated.Json.GetProperty("retired")[0].GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(access));
        (string next, _) = await ExchangeAsync(refresh);
        Assert.NotEqual(access.Split('.')[0], next.Split('.')[0]);

        Assert.Equal(HttpStatusCode.OK, (await Server.PostAsync($"/api/v1/access/signing-keys/{id}/retire", null, _guarded.Admin)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(access));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(next));
        foreach (string unknown in (string[])[id, "nothing", "..%2f..%2fetc", Uri.EscapeDataString("' OR 1=1 --")])
        {
            (await Server.PostAsync($"/api/v1/access/signing-keys/{unknown}/retire", null, _guarded.Admin)).Problem(HttpStatusCode.NotFound, "SIGNING_KEY_NOT_FOUND");
        }

        await Server.PostAsync("/api/v1/audit/verify", null, _guarded.Admin);
        string audit = (await Server.GetAsync("/api/v1/audit?page[size]=500", _guarded.Admin)).Text;
        Assert.Contains($"signing_key:{id}", audit, StringComparison.Ordinal);
        Assert.Contains("signing_key.rotate", audit, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("admin", "wrong", "default")]
    [InlineData("nobody", "wrong", "default")]
    [InlineData("admin", "wrong", "nowhere")]
    [InlineData("admin", "wrong", "../default")]
    public async Task Login_ThatIsWrong_SaysNotWhat(string username, string password, string tenant)
    {
        JsonElement problem = (await TokenAsync(new { grant_type = "password", tenant, username, password })).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        Assert.Equal("There is no such user with this password.", problem.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task Login_TriedTooOften_Is429ForThatNameAlone()
    {
        Answer last = null!;
        for (int i = 0; i < 11; i++)
        {
            last = await TokenAsync(new { grant_type = "password", username = "victim", password = "wrong" });
        }

        last.Problem(HttpStatusCode.TooManyRequests, "RATE_LIMITED");
        Assert.InRange((int)last.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 6);
        Assert.Equal("0", last.Headers.GetValues("X-RateLimit-Remaining").Single());
        await LogInAsync();
    }

    [Theory]
    [InlineData("""{}""")]
    [InlineData("""{"grant_type":"client_credentials"}""")]
    [InlineData("""{"grant_type":"password","username":"admin"}""")]
    [InlineData("""{"grant_type":"refresh_token"}""")]
    [InlineData("""{"grant_type":"password","username":"admin","password":"x","scope":"all"}""")]
    public async Task Token_BodyThatMakesNoSense_Is422(string body) => (await Server.PostAsync("/api/v1/auth/token", body)).Problem(HttpStatusCode.UnprocessableEntity, "VALIDATION_FAILED");

    [Fact]
    public async Task Refresh_Exchanged_GivesTheNext()
    {
        (string access, string refresh) = await LogInAsync();
        for (int i = 0; i < 3; i++)
        {
            (string newer, string next) = await ExchangeAsync(refresh);
            Assert.NotEqual((access, refresh), (newer, next));
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(newer));
            (access, refresh) = (newer, next);
        }
    }

    [Fact]
    public async Task Refresh_UsedTwice_EndsTheWholeLogin()
    {
        (string other, _) = await LogInAsync();
        (string first, string stolen) = await LogInAsync();
        (string second, string next) = await ExchangeAsync(stolen);
        (await TokenAsync(new { grant_type = "refresh_token", refresh_token = stolen })).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        (await TokenAsync(new { grant_type = "refresh_token", refresh_token = next })).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.OK), (await StatusAsync(first), await StatusAsync(second), await StatusAsync(other)));
    }

    [Fact]
    public async Task AccessToken_SaysNothingOfItsFamily()
    {
        (string access, string refresh) = await LogInAsync();
        string family = refresh.Split('.')[1];
        Assert.DoesNotContain(family, Forge.Decode(access.Split('.')[1]), StringComparison.Ordinal);
        Assert.DoesNotContain(family[..20], Forge.Decode(access.Split('.')[1]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Revoke_EitherToken_EndsWhatItStandsFor()
    {
        (string access, string refresh) = await LogInAsync();
        (string newer, string next) = await ExchangeAsync(refresh);
        Assert.Equal(HttpStatusCode.NoContent, (await Server.PostAsync("/api/v1/auth/revoke", JsonSerializer.Serialize(new { token = newer }))).Status);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Unauthorized), (await StatusAsync(access), await StatusAsync(newer)));
        Assert.Equal(HttpStatusCode.NoContent, (await Server.PostAsync("/api/v1/auth/revoke", JsonSerializer.Serialize(new { token = next }))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(access));
        (await TokenAsync(new { grant_type = "refresh_token", refresh_token = next })).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        foreach (string unknown in (string[])["x", "afr_default.01ARZ3NDEKTSV4RRFFQ69G5FAV." + new string('A', 43)])
        {
            Assert.Equal(HttpStatusCode.NoContent, (await Server.PostAsync("/api/v1/auth/revoke", JsonSerializer.Serialize(new { token = unknown }))).Status);
        }
    }

    [Fact]
    public async Task DisabledUser_LosesTokensAtOnce()
    {
        await _guarded.AddUserAsync(_guarded.Admin, "ann", "viewer");
        await Server.SendAsync(HttpMethod.Put, "/api/v1/access/users/ann/password", RunningServer.Content("""{"password":"correct horse battery"}"""u8.ToArray(), "application/json"), _guarded.Admin);
        (string access, string refresh) = Of(await TokenAsync(new { grant_type = "password", username = "ann", password = "correct horse battery" }));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(access));
        await Server.PostAsync("/api/v1/access/users/ann/disable", "{}", _guarded.Admin);
        await Server.PostAsync("/api/v1/access/users/ann/enable", "{}", _guarded.Admin);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(access));
        (await TokenAsync(new { grant_type = "refresh_token", refresh_token = refresh })).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Of(await TokenAsync(new { grant_type = "password", username = "ann", password = "correct horse battery" })).Access));
    }

    [Fact]
    public async Task Jwks_VerifiesTokensAndHoldsNothingPrivate()
    {
        string[] parts = (await LogInAsync()).Access.Split('.');
        JsonElement key = (await Server.GetAsync("/.well-known/jwks.json")).Json.GetProperty("keys").EnumerateArray().Single();
        Assert.Equal(["kty", "crv", "kid", "use", "alg", "x", "y"], key.EnumerateObject().Select(m => m.Name));
        Assert.Equal(JsonElement.Parse(Forge.Decode(parts[0])).GetProperty("kid").GetString(), key.GetProperty("kid").GetString());
        VerificationKey verifier = VerificationKey.OfJwk(key)!;
        Assert.True(verifier.Verify(Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2])));
    }

    [Fact]
    public async Task Token_OfAnEarlierProcess_IsTakenAfterTheRestart()
    {
        (string access, string refresh) = await LogInAsync();
        await using RunningServer second = await Server.RestartAsync(o => o with { Access = AccessMode.Required });
        Assert.Equal(HttpStatusCode.OK, (await second.GetAsync("/api/v1/auth/whoami", GuardedServer.Bearer(access))).Status);
        Assert.Equal(HttpStatusCode.OK, (await second.PostAsync("/api/v1/auth/token", JsonSerializer.Serialize(new { grant_type = "refresh_token", refresh_token = refresh }))).Status);
    }

    [Fact]
    public async Task Forgeries_OfAGenuineToken_Are401()
    {
        (string access, string refresh) = await LogInAsync();
        string[] parts = access.Split('.');
        string claims = Forge.Decode(parts[1]);
        JsonElement jwk = (await Server.GetAsync("/.well-known/jwks.json")).Json.GetProperty("keys").EnumerateArray().Single();
        byte[] secret = Encoding.UTF8.GetBytes(jwk.GetRawText());
        string kid = jwk.GetProperty("kid").GetString()!;
        using var mine = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string[] forged =
        [
            refresh,
            $"{parts[0]}.{parts[1]}.",
            $"{parts[0]}.{parts[1]}",
            .. ((string[])["none", "None", "NONE"]).SelectMany(alg => (string[])[Forge.Token(Forge.Header(alg, kid), claims, _ => []), Forge.Token($$"""{"alg":"{{alg}}"}""", claims, _ => [])]),
            Forge.Token(Forge.Header("HS256", kid), claims, d => HMACSHA256.HashData(secret, d)),
            .. ((string[])["../../../../etc/passwd", "' OR '1'='1", "/proc/self/environ", kid.ToLowerInvariant()]).Select(k => Forge.Token(Forge.Header("ES256", k), claims, mine.Sign)),
            Forge.Token(Forge.Header("ES256", kid, more: $"\"jwk\":{Forge.Jwk(mine, kid).ToJsonString()}"), claims, mine.Sign),
            Forge.Token(Forge.Header("ES256", kid), claims, mine.Sign),
            Forge.Token(Forge.Header("ES256", kid), claims, _ => new byte[64]),
            $"{parts[0]}.{Forge.Encode(claims.Replace("\"admin\"", "\"Admin\"", StringComparison.Ordinal))}.{parts[2]}",
            new string('x', 9000),
        ];
        foreach (string token in forged)
        {
            (await Server.GetAsync("/api/v1/auth/whoami", GuardedServer.Bearer(token))).Problem(HttpStatusCode.Unauthorized, "UNAUTHENTICATED");
        }

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(access));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Stream_OfARevokedToken_IsClosedWithAReason(bool isWebSocket)
    {
        (string access, string refresh) = await LogInAsync();
        await Server.SaveAsync(Flows.Wait, _guarded.Admin);
        string run = await Server.StartAsync("wait", "{}", _guarded.Admin);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        Task revoked;
        if (isWebSocket)
        {
            using var socket = new ClientWebSocket();
            socket.Options.SetRequestHeader("Authorization", "Bearer " + access);
            await socket.ConnectAsync(new UriBuilder(Server.Address) { Scheme = "ws", Path = $"/api/v1/runs/{run}/stream" }.Uri, limit.Token);
            revoked = Server.PostAsync("/api/v1/auth/revoke", JsonSerializer.Serialize(new { token = refresh }));
            byte[] buffer = new byte[64 * 1024];
            while ((await socket.ReceiveAsync(buffer.AsMemory(), limit.Token)).MessageType != WebSocketMessageType.Close)
            {
            }

            Assert.Equal((WebSocketCloseStatus.PolicyViolation, CallerWatch.Reason), (socket.CloseStatus, socket.CloseStatusDescription));
        }
        else
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/runs/{run}/stream");
            request.Headers.Add("Authorization", "Bearer " + access);
            using HttpResponseMessage response = await Server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            revoked = Server.PostAsync("/api/v1/auth/revoke", JsonSerializer.Serialize(new { token = refresh }));
            SseItem<string>? last = null;
            await foreach (SseItem<string> item in SseParser.Create(await response.Content.ReadAsStreamAsync(limit.Token)).EnumerateAsync(limit.Token))
            {
                last = item;
            }

            Assert.Equal("closed", last!.Value.EventType);
            Assert.Equal("UNAUTHENTICATED", JsonElement.Parse(last.Value.Data).GetProperty("code").GetString());
        }

        await revoked;
        Assert.Equal(HttpStatusCode.OK, (await Server.GetAsync($"/api/v1/runs/{run}", _guarded.Admin)).Status);
    }
}
