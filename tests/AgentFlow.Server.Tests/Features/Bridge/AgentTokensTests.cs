using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentFlow.Server.Tests.Features.Bridge;

/// <summary>Tokens of agents over HTTP: what deployed agents send is taken, and nothing else is.</summary>
public sealed class AgentTokensTests : IAsyncLifetime
{
    private const string Own = "own-key-0123456789abcdef0123456789abcdef";
    private const string Old = "old-secret-0123456789abcdef0123456789ab";

    private static readonly object Body = new { agent_id = "a1", status = "online", last_seen = "2026-01-01T00:00:00.000Z" };

    private BridgeServer _bridge = null!;

    private static long Now => DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    public async ValueTask InitializeAsync()
    {
        _bridge = await BridgeServer.StartAsync(s => s with { Secrets = [BridgeServer.Secret, Old], AgentKeys = new Dictionary<string, IReadOnlyList<string>> { ["own"] = [Own] } });
        await _bridge.RegisterAsync("a1");
    }

    public ValueTask DisposeAsync() => _bridge.DisposeAsync();

    private Task<Answer> HeartbeatAsync(string token, object? body = null) => _bridge.SendAsync("heartbeat", token, JsonSerializer.Serialize(body ?? Body));

    private static JsonObject Claims(Action<JsonObject>? change = null)
    {
        JsonObject claims = BridgeServer.Claims(Body, "a1");
        change?.Invoke(claims);
        return claims;
    }

    public static TheoryData<string, string> Forged()
    {
        string none = Base64Url.EncodeToString("""{"alg":"none","typ":"JWT"}"""u8);
        string claims = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Claims().ToJsonString()));
        string good = BridgeServer.Sign(Claims());
        return new TheoryData<string, string>
        {
            { "alg none without a signature", $"{none}.{claims}." },
            { "alg none with one", $"{none}.{claims}.{good[(good.LastIndexOf('.') + 1)..]}" },
            { "alg in lower case", BridgeServer.Sign(Claims(), header: """{"alg":"hs256","typ":"JWT"}""") },
            { "HS512", BridgeServer.Sign(Claims(), header: """{"alg":"HS512","typ":"JWT"}""") },
            { "RS256 over the secret", BridgeServer.Sign(Claims(), header: """{"alg":"RS256","typ":"JWT"}""") },
            { "alg twice", BridgeServer.Sign(Claims(), header: """{"alg":"none","alg":"HS256"}""") },
            { "jwk in the header", BridgeServer.Sign(Claims(), header: """{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}""") },
            { "jku in the header", BridgeServer.Sign(Claims(), header: """{"alg":"HS256","jku":"https://evil.example.com/keys"}""") },
            { "crit in the header", BridgeServer.Sign(Claims(), header: """{"alg":"HS256","crit":["x"]}""") },
            { "unencoded payload", BridgeServer.Sign(Claims(), header: """{"alg":"HS256","b64":false}""") },
            { "access token type", BridgeServer.Sign(Claims(), header: """{"alg":"HS256","typ":"at+jwt"}""") },
            { "another secret", BridgeServer.Sign(Claims(), "another-secret-0123456789abcdef012345") },
            { "empty secret", BridgeServer.Sign(Claims(), "") },
            { "signature cut", good[..^1] },
            { "signature gone", good[..(good.LastIndexOf('.') + 1)] },
            { "two parts", good[..good.LastIndexOf('.')] },
            { "four parts", good + ".AAAA" },
            { "padding", good + "=" },
            { "another audience", BridgeServer.Sign(Claims(c => c["aud"] = "scholar-sync-agents")) },
            { "no audience", BridgeServer.Sign(Claims(c => c.Remove("aud"))) },
            { "audience as an object", BridgeServer.Sign(Claims(c => c["aud"] = new JsonObject())) },
            { "no issuer", BridgeServer.Sign(Claims(c => c.Remove("iss"))) },
            { "issuer as a number", BridgeServer.Sign(Claims(c => c["iss"] = 1)) },
            { "issuer that is no id", BridgeServer.Sign(Claims(c => c["iss"] = "../a1")) },
            { "expiry as a text", BridgeServer.Sign(Claims(c => c["exp"] = "tomorrow")) },
            { "expiry beyond time", BridgeServer.Sign(Claims(c => c["exp"] = 1e300)) },
            { "not valid yet", BridgeServer.Sign(Claims(c => c["nbf"] = Now + 3600)) },
            { "a claim that differs", BridgeServer.Sign(Claims(c => c["status"] = "degraded")) },
            { "a claim that the body lacks", BridgeServer.Sign(Claims(c => c["base_url"] = "https://evil.example.com")) },
            { "a member that is not signed", BridgeServer.Sign(Claims(c => c.Remove("status"))) },
            { "nothing of the body", BridgeServer.Sign(new JsonObject { ["iss"] = "a1", ["aud"] = "auto-com-center" }) },
            { "claims that are no object", BridgeServer.Sign(new JsonArray()) },
            { "an agent with a key of its own, under the shared secret", BridgeServer.Sign(Claims(c => c["iss"] = "own")) },
        };
    }

    [Theory]
    [MemberData(nameof(Forged))]
    public async Task Heartbeat_ForgedToken_Is401(string what, string token)
    {
        Assert.NotEqual("", what);
        Answer answer = await HeartbeatAsync(token);
        BridgeServer.Error(answer, HttpStatusCode.Unauthorized, "INVALID_TOKEN");
        Assert.DoesNotContain(BridgeServer.Secret, answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Heartbeat_EachRightToken_IsTaken()
    {
        foreach (string token in new[]
        {
            BridgeServer.Sign(Claims()),
            BridgeServer.Sign(Claims(), Old),
            BridgeServer.Sign(Claims(c => c.Remove("iat"))),
            BridgeServer.Sign(Claims(c => c["aud"] = new JsonArray("x", "auto-com-center"))),
            BridgeServer.Sign(Claims(c => c["exp"] = Now + 300)),
            BridgeServer.Sign(Claims(c => c["exp"] = Now - 5)),
            BridgeServer.Sign(Claims(), header: """{"typ":"JWT","alg":"HS256"}"""),
            BridgeServer.Sign(Claims(), header: """{"alg":"HS256"}"""),
        })
        {
            Answer answer = await HeartbeatAsync(token);
            Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
        }
    }

    [Fact]
    public async Task Heartbeat_Expired_SaysSo() =>
        BridgeServer.Error(await HeartbeatAsync(BridgeServer.Sign(Claims(c => c["exp"] = Now - 60))), HttpStatusCode.Unauthorized, "TOKEN_EXPIRED");

    [Fact]
    public async Task Heartbeat_WithoutToken_SaysSo()
    {
        foreach ((string, string)[] headers in new[] { [], new[] { ("Authorization", "Basic eDp5") } })
        {
            Answer answer = await _bridge.Server.PostAsync("/orchestrator/heartbeat", JsonSerializer.Serialize(Body), headers);
            BridgeServer.Error(answer, HttpStatusCode.Unauthorized, "MISSING_TOKEN");
            Assert.Equal("Bearer", answer.Headers.WwwAuthenticate.ToString());
        }
    }

    [Fact]
    public async Task Token_OfAnotherAgent_IsAMismatch()
    {
        BridgeServer.Error(await HeartbeatAsync(BridgeServer.Sign(BridgeServer.Claims(Body, "a2"))), HttpStatusCode.Forbidden, "AGENT_MISMATCH");
        BridgeServer.Error(await _bridge.SendAsync("register", "a2", new { agent_id = "a1", name = "x", base_url = "https://x.example.com", capabilities = Array.Empty<string>() }), HttpStatusCode.Forbidden, "AGENT_MISMATCH");
        Answer named = await _bridge.Server.PostAsync("/orchestrator/heartbeat", JsonSerializer.Serialize(Body), ("Authorization", $"Bearer {BridgeServer.Sign(Claims())}"), ("X-Agent-Id", "a2"));
        BridgeServer.Error(named, HttpStatusCode.Forbidden, "AGENT_MISMATCH");
    }

    [Fact]
    public async Task Token_OfAHeartbeat_RegistersNothing()
    {
        // It never expires, and whoever overheard it must not be able to move the agent elsewhere.
        string token = BridgeServer.Sign(Claims());
        Answer answer = await _bridge.SendAsync("register", token, """{"agent_id":"a1","status":"online","last_seen":"2026-01-01T00:00:00.000Z","name":"x","base_url":"https://evil.example.com","capabilities":[]}""");
        BridgeServer.Error(answer, HttpStatusCode.Unauthorized, "INVALID_TOKEN");
    }

    [Fact]
    public async Task Agent_WithItsOwnKey_UsesThat()
    {
        await _bridge.SendAsync("register", "own", new { agent_id = "own", name = "x", base_url = "https://x.example.com", capabilities = Array.Empty<string>() }, Own);
        Answer answer = await _bridge.SendAsync("heartbeat", "own", new { agent_id = "own" }, Own);
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
        BridgeServer.Error(await _bridge.SendAsync("heartbeat", "a1", new { agent_id = "a1" }, Own), HttpStatusCode.Unauthorized, "INVALID_TOKEN");
    }

    [Fact]
    public async Task Token_WithoutExpiry_IsAsOldAsItMayBe()
    {
        await using BridgeServer strict = await BridgeServer.StartAsync(s => s with { TokenAge = TimeSpan.FromMinutes(10) });
        await strict.RegisterAsync("a1");
        Answer old = await strict.SendAsync("heartbeat", BridgeServer.Sign(Claims(c => c["iat"] = Now - 3600)), JsonSerializer.Serialize(Body));
        BridgeServer.Error(old, HttpStatusCode.Unauthorized, "TOKEN_EXPIRED");
        BridgeServer.Error(await strict.SendAsync("heartbeat", BridgeServer.Sign(Claims(c => c.Remove("iat"))), JsonSerializer.Serialize(Body)), HttpStatusCode.Unauthorized, "TOKEN_EXPIRED");
    }

    [Fact]
    public async Task EveryAgentAddress_WithoutASecret_NamesTheRemedy()
    {
        await using BridgeServer off = await BridgeServer.StartAsync(s => s with { Secrets = [] });
        foreach (string path in new[] { "register", "heartbeat", "tasks/x/callback", "events" })
        {
            Assert.Contains("SHARED_SECRET", BridgeServer.Error(await off.SendAsync(path, "x.y.z", "{}"), HttpStatusCode.InternalServerError, "AUTH_ERROR").GetProperty("message").GetString());
        }

        BridgeServer.Error(await off.Server.PostAsync("/orchestrator/tasks/dispatch", """{"action":"a","payload":{}}"""), HttpStatusCode.InternalServerError, "AUTH_ERROR");
    }

    [Fact]
    public async Task Token_ChangedAnywhere_IsNeverTaken()
    {
        int seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        string good = BridgeServer.Sign(Claims());
        for (int i = 0; i < 300; i++)
        {
            char[] text = good.ToCharArray();
            int at = random.Next(text.Length);
            text[at] = (char)random.Next(33, 127);
            if (text[at] != good[at])
            {
                Answer answer = await HeartbeatAsync(new string(text));
                Assert.True(answer.Status == HttpStatusCode.Unauthorized, $"seed {seed}, {at}: {answer.Text}");
            }
        }

        Assert.Equal(HMACSHA256.HashSizeInBytes, Base64Url.DecodeFromChars(good.AsSpan(good.LastIndexOf('.') + 1)).Length);
    }
}
