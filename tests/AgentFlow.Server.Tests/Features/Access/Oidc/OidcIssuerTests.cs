using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Server.Features.Access.Oidc;
using AgentFlow.Server.Features.Access.Tokens;
using AgentFlow.Server.Tests.Features.Access.Tokens;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentFlow.Server.Tests.Features.Access.Oidc;

public sealed class OidcIssuerTests : IAsyncLifetime
{
    private readonly SetTime _clock = new();
    private readonly OidcDocuments _documents = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly CancellationTokenSource _stop = new();
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private Task _serving = Task.CompletedTask;
    private Func<string, string> _answer = null!;
    private int _fetches;

    private string Address { get; set; } = "";

    private OidcIssuer Issuer { get; set; } = null!;

    public ValueTask InitializeAsync()
    {
        _listener.Start();
        Address = $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";
        _answer = path => path == "/keys" ? Ok(Keys("k1")) : Ok($$"""{"issuer":"{{Address}}","jwks_uri":"{{Address}}/keys"}""");
        _serving = ServeAsync();
        Issuer = new OidcIssuer(new OidcOptions { Issuer = Address }, _documents, _clock, NullLogger.Instance);
        return default;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _serving;
        Issuer.Dispose();
        _documents.Dispose();
    }

    private static string Ok(string body) => $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n\r\n{body}";

    private string Keys(params string[] ids) => new JsonObject { ["keys"] = new JsonArray([.. ids.Select(id => (JsonNode)Forge.Jwk(_key, id))]) }.ToJsonString();

    private async Task<TokenFault?> FindAsync(string id)
    {
        (VerificationKey? key, TokenFault fault) = await Issuer.FindKeyAsync(id, default);
        return key is null ? fault : null;
    }

    [Fact]
    public async Task Find_UnknownKey_IsLookedForAtABoundedRate()
    {
        Assert.Null(await FindAsync("k1"));
        Assert.Equal(2, _fetches);
        _answer = path => path == "/keys" ? Ok(Keys("k1", "k2")) : Ok($$"""{"issuer":"{{Address}}","jwks_uri":"{{Address}}/keys"}""");
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(TokenFault.KeyUnknown, await FindAsync($"guess {i}"));
        }

        Assert.Equal(2, _fetches);
        _clock.Advance(OidcIssuer.LookAgain);
        Assert.Null(await FindAsync("k2"));
        Assert.Null(await FindAsync("k1"));
        Assert.Equal(4, _fetches);
    }

    [Fact]
    public async Task Find_KeyTakenAway_IsWithdrawnAndOneThatStaysIsNot()
    {
        (VerificationKey? k1, _) = await Issuer.FindKeyAsync("k1", default);
        _answer = path => path == "/keys" ? Ok(Keys("k1", "k2")) : Ok($$"""{"issuer":"{{Address}}","jwks_uri":"{{Address}}/keys"}""");
        _clock.Advance(OidcIssuer.Fresh);
        (VerificationKey? again, _) = await Issuer.FindKeyAsync("k1", default);
        Assert.Same(k1, again);
        _answer = path => path == "/keys" ? Ok(Keys("k2")) : Ok($$"""{"issuer":"{{Address}}","jwks_uri":"{{Address}}/keys"}""");
        _clock.Advance(OidcIssuer.Fresh);
        Assert.Equal(TokenFault.KeyUnknown, await FindAsync("k1"));
        Assert.True(k1!.IsWithdrawn);
    }

    [Fact]
    public async Task Find_ProviderSilent_IsBelievedByTheKeysOfBeforeForADay()
    {
        Assert.Null(await FindAsync("k1"));
        _answer = _ => "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        _clock.Advance(OidcIssuer.Stale - TimeSpan.FromSeconds(1));
        Assert.Null(await FindAsync("k1"));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TokenFault.KeysUnavailable, await FindAsync("k1"));
    }

    [Theory]
    [InlineData("""{"issuer":"https://evil.example.com","jwks_uri":"ADDRESS/keys"}""")]
    [InlineData("""{"issuer":"ADDRESS","jwks_uri":"http://192.0.2.1/keys"}""")]
    [InlineData("""{"issuer":"ADDRESS","jwks_uri":"file:///etc/passwd"}""")]
    [InlineData("""{"issuer":"ADDRESS","jwks_uri":"ADDRESS/keys","issuer":"ADDRESS"}""")]
    [InlineData("""{"issuer":"ADDRESS"}""")]
    [InlineData("[]")]
    [InlineData("")]
    public async Task Find_DocumentThatIsNotTheIssuers_GivesNoKeys(string document)
    {
        _answer = path => path == "/keys" ? Ok(Keys("k1")) : Ok(document.Replace("ADDRESS", Address, StringComparison.Ordinal));
        Assert.Equal(TokenFault.KeysUnavailable, await FindAsync("k1"));
        Assert.Equal(1, _fetches);
    }

    [Fact]
    public async Task Find_RedirectOrTooMuch_GivesNoKeys()
    {
        _answer = path => path == "/keys" ? $"HTTP/1.1 302 Found\r\nLocation: {Address}/other\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" : Ok($$"""{"issuer":"{{Address}}","jwks_uri":"{{Address}}/keys"}""");
        Assert.Equal(TokenFault.KeysUnavailable, await FindAsync("k1"));
        Assert.Equal(2, _fetches);
        _clock.Advance(OidcIssuer.LookAgain);
        _answer = path => path == "/keys" ? Ok($$"""{"keys":[],"x":"{{new string('x', 300 * 1024)}}"}""") : Ok($$"""{"issuer":"{{Address}}","jwks_uri":"{{Address}}/keys"}""");
        Assert.Equal(TokenFault.KeysUnavailable, await FindAsync("k1"));
    }

    [Fact]
    public void Jwk_ThatIsForSomethingElse_IsNoKey()
    {
        using var rsa = RSA.Create(2048);
        using var small = RSA.Create(1024);
        using var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        static VerificationKey? Read(JsonObject jwk, Action<JsonObject>? change = null)
        {
            change?.Invoke(jwk);
            return VerificationKey.OfJwk(JsonElement.Parse(jwk.ToJsonString()));
        }

        Assert.NotNull(Read(Forge.Jwk(rsa, "k")));
        Assert.NotNull(Read(Forge.Jwk(_key, "k"), k => k.Remove("alg")));
        Assert.Null(Read(Forge.Jwk(small, "k")));
        Assert.Null(Read(Forge.Jwk(p384, "k")));
        Assert.Null(Read(Forge.Jwk(rsa, "")));
        Assert.Null(Read(Forge.Jwk(rsa, "k"), k => k["use"] = "enc"));
        Assert.Null(Read(Forge.Jwk(rsa, "k"), k => k["alg"] = "HS256"));
        Assert.Null(Read(Forge.Jwk(rsa, "k"), k => k["e"] = "AQ"));
        Assert.Null(Read(Forge.Jwk(rsa, "k"), k => k["e"] = "Ag"));
        Assert.Null(Read(Forge.Jwk(rsa, "k"), k => k["n"] = "!!"));
        Assert.Null(Read(Forge.Jwk(_key, "k"), k => k["x"] = k["y"]!.DeepClone()));
        Assert.Null(Read(new JsonObject { ["kty"] = "oct", ["kid"] = "k", ["k"] = "AAAA" }));
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
                Interlocked.Increment(ref _fetches);
                NetworkStream stream = client.GetStream();
                byte[] buffer = new byte[4096];
                int read = await stream.ReadAsync(buffer, _stop.Token);
                string path = Encoding.ASCII.GetString(buffer, 0, read).Split(' ')[1];
                await stream.WriteAsync(Encoding.UTF8.GetBytes(_answer(path)), _stop.Token);
            }
        }
        catch (Exception e) when (e is SocketException or IOException || _stop.IsCancellationRequested)
        {
            // The test is over.
        }
    }
}
