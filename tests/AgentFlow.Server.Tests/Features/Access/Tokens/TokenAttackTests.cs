using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AgentFlow.Server.Features.Access.Tokens;

namespace AgentFlow.Server.Tests.Features.Access.Tokens;

/// <summary>What attackers send. Each is refused for its own reason; next to each stands what would be taken.</summary>
public sealed class TokenAttackTests : IAsyncLifetime
{
    private TokenWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await TokenWorld.CreateAsync();

    public ValueTask DisposeAsync()
    {
        _world.Dispose();
        return default;
    }

    [Fact]
    public async Task Genuine_IsTaken()
    {
        Assert.Null(await _world.FaultAsync(_world.ForeignToken()));
        Assert.Null(await _world.FaultAsync(_world.ForeignToken(header: Forge.Header("ES256", "ec"), sign: _world.Ec.Sign)));
        Assert.Null(await _world.FaultAsync(await _world.OwnTokenAsync()));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("NONE")]
    [InlineData("nOnE")]
    [InlineData("")]
    [InlineData("HS256")]
    [InlineData("RS384")]
    [InlineData("PS256")]
    [InlineData("ES384")]
    [InlineData("rs256")]
    [InlineData("RS256 ")]
    [InlineData("\\u0052S256")]
    public async Task Algorithm_ThatIsNotListedByteForByte_IsRefused(string alg)
    {
        string header = Forge.Header(alg, "rsa");
        Assert.Equal(TokenFault.AlgorithmRefused, await _world.FaultAsync(_world.ForeignToken(header: header)));
        Assert.Equal(TokenFault.AlgorithmRefused, await _world.FaultAsync(_world.ForeignToken(header: header, sign: static _ => [])));
    }

    [Theory]
    [InlineData("1")]
    [InlineData("null")]
    [InlineData("[\"RS256\"]")]
    [InlineData("{}")]
    public async Task Algorithm_ThatIsNoText_IsRefused(string alg) =>
        Assert.Equal(TokenFault.AlgorithmRefused, await _world.FaultAsync(_world.ForeignToken(header: $$"""{"alg":{{alg}},"typ":"at+jwt","kid":"rsa"}""")));

    [Fact]
    public async Task Signature_StrippedOrOfAnotherKeyOrText_IsRefused()
    {
        string token = _world.ForeignToken();
        string bare = token[..(token.LastIndexOf('.') + 1)];
        Assert.Equal(TokenFault.SignatureWrong, await _world.FaultAsync(bare));
        Assert.Equal(TokenFault.Malformed, await _world.FaultAsync(bare[..^1]));
        using var other = RSA.Create(2048);
        Assert.Equal(TokenFault.SignatureWrong, await _world.FaultAsync(_world.ForeignToken(sign: other.Sign)));
        string[] parts = token.Split('.');
        string claims = Forge.Claims(_world.Clock.GetUtcNow(), TokenWorld.Foreign, TokenWorld.Audience, c => c["roles"] = new JsonArray("admin"));
        Assert.Equal(TokenFault.SignatureWrong, await _world.FaultAsync($"{parts[0]}.{Forge.Encode(claims)}.{parts[2]}"));
        Assert.Null(await _world.FaultAsync(token));
    }

    [Fact]
    public async Task PublicKey_AsSecretOfAnHmac_SignsNothing()
    {
        byte[][] secrets =
        [
            _world.Rsa.ExportSubjectPublicKeyInfo(),
            _world.Rsa.ExportRSAPublicKey(),
            Encoding.ASCII.GetBytes(_world.Rsa.ExportSubjectPublicKeyInfoPem()),
            Encoding.ASCII.GetBytes(_world.Rsa.ExportSubjectPublicKeyInfoPem() + "\n"),
            Encoding.ASCII.GetBytes(Forge.Jwk(_world.Rsa, "rsa").ToJsonString()),
            _world.Rsa.ExportParameters(false).Modulus!,
        ];
        foreach (byte[] secret in secrets)
        {
            byte[] Hmac(byte[] data) => HMACSHA256.HashData(secret, data);
            Assert.Equal(TokenFault.AlgorithmRefused, await _world.FaultAsync(_world.ForeignToken(header: Forge.Header("HS256", "rsa"), sign: Hmac)));
            Assert.Equal(TokenFault.SignatureWrong, await _world.FaultAsync(_world.ForeignToken(header: Forge.Header("RS256", "rsa"), sign: Hmac)));
        }
    }

    [Fact]
    public async Task Algorithm_OfAnotherKindThanTheKey_IsRefused()
    {
        Assert.Equal(TokenFault.AlgorithmRefused, await _world.FaultAsync(_world.ForeignToken(header: Forge.Header("ES256", "rsa"), sign: _world.Ec.Sign)));
        Assert.Equal(TokenFault.AlgorithmRefused, await _world.FaultAsync(_world.ForeignToken(header: Forge.Header("RS256", "ec"), sign: _world.Rsa.Sign)));
    }

    [Theory]
    [InlineData("../../../../../../etc/passwd")]
    [InlineData("/dev/null")]
    [InlineData("file:///etc/passwd")]
    [InlineData("x' OR '1'='1")]
    [InlineData("'; DROP TABLE signing_keys; --")]
    [InlineData("x' UNION SELECT 'AAAA' --")]
    [InlineData("rsa\u0000")]
    [InlineData("RSA")]
    [InlineData("")]
    public async Task KeyId_ThatNamesNoKey_IsOnlyLookedUp(string kid)
    {
        Assert.Equal(TokenFault.KeyUnknown, await _world.FaultAsync(_world.ForeignToken(header: Forge.Header("RS256", kid))));
        // The key of /dev/null is an empty secret.
        Assert.Equal(TokenFault.AlgorithmRefused, await _world.FaultAsync(_world.ForeignToken(header: Forge.Header("HS256", kid), sign: data => HMACSHA256.HashData(Array.Empty<byte>(), data))));
        string own = Forge.Token(Forge.Header("ES256", kid), Forge.Claims(_world.Clock.GetUtcNow(), _world.Own.Issuer, _world.Own.Audience), _world.Ec.Sign);
        Assert.Equal(TokenFault.KeyUnknown, await _world.FaultAsync(own));
        Assert.Empty(await _world.Store.ListSigningKeysAsync(default));
        Assert.Null(await _world.FaultAsync(_world.ForeignToken()));
    }

    [Fact]
    public async Task Header_ThatBringsOrPointsToAKey_IsRefusedAndNothingIsFetched()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string url = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/keys";
        using var mine = RSA.Create(2048);
        string jwk = Forge.Jwk(mine, "rsa").ToJsonString();
        foreach (string more in (string[])[$"\"jku\":\"{url}\"", $"\"x5u\":\"{url}\"", $"\"jwk\":{jwk}", "\"x5c\":[\"AAAA\"]", "\"crit\":[\"exp\"]", "\"b64\":false,\"crit\":[\"b64\"]", "\"zip\":\"DEF\"", $"\"j\\u006bu\":\"{url}\""])
        {
            Assert.Equal(TokenFault.HeaderRefused, await _world.FaultAsync(_world.ForeignToken(header: Forge.Header("RS256", "rsa", more: more), sign: mine.Sign)));
            // Even what is signed by the right key.
            Assert.Equal(TokenFault.HeaderRefused, await _world.FaultAsync(_world.ForeignToken(header: Forge.Header("RS256", "rsa", more: more))));
        }

        Assert.False(listener.Pending());
    }

    [Theory]
    [InlineData("JWT")]
    [InlineData("jwt")]
    [InlineData("rt+jwt")]
    [InlineData("AT+JWT")]
    [InlineData("logout+jwt")]
    [InlineData("dpop+jwt")]
    [InlineData("")]
    public async Task Type_ThatIsNoAccessTokens_IsRefused(string typ) =>
        Assert.Equal(TokenFault.WrongType, await _world.FaultAsync(_world.ForeignToken(header: Forge.Header("RS256", "rsa", typ))));

    [Fact]
    public async Task IdToken_AsAccessToken_IsRefused()
    {
        // As providers write them: no typ or JWT, the client's id as audience, and a nonce.
        string claims = Forge.Claims(_world.Clock.GetUtcNow(), TokenWorld.Foreign, TokenWorld.Audience, c => c["nonce"] = "n");
        Assert.Equal(TokenFault.WrongType, await _world.FaultAsync(Forge.Token("""{"alg":"RS256","kid":"rsa"}""", claims, _world.Rsa.Sign)));
        Assert.Equal(TokenFault.WrongType, await _world.FaultAsync(Forge.Token(Forge.Header("RS256", "rsa", "JWT"), claims, _world.Rsa.Sign)));
    }

    [Fact]
    public async Task RefreshToken_AsAccessToken_IsRefused()
    {
        var refresh = RefreshToken.Begin("acme", _world.Clock.GetUtcNow());
        Assert.Equal(TokenFault.Malformed, await _world.FaultAsync(refresh.Text));
        Assert.False(RefreshToken.TryParse(await _world.OwnTokenAsync(), out _));
    }

    [Fact]
    public async Task IssuerOrAudience_ThatIsAnother_IsRefused()
    {
        foreach (string? issuer in (string?[])["https://login.example.com/", "https://evil.example.com", "", null])
        {
            Assert.Equal(TokenFault.IssuerUnknown, await _world.FaultAsync(_world.ForeignToken(c => c["iss"] = issuer)));
        }

        foreach (JsonNode? audience in (JsonNode?[])["other", "Agentflow", "", null, new JsonArray("other"), new JsonArray(), new JsonArray(new JsonArray("agentflow")), 7])
        {
            Assert.Equal(TokenFault.AudienceWrong, await _world.FaultAsync(_world.ForeignToken(c => c["aud"] = audience?.DeepClone())));
        }

        Assert.Null(await _world.FaultAsync(_world.ForeignToken(c => c["aud"] = new JsonArray("other", "agentflow"))));
        // A foreign key cannot speak for this deployment.
        Assert.Equal(TokenFault.KeyUnknown, await _world.FaultAsync(_world.ForeignToken(c => c["iss"] = _world.Own.Issuer)));
    }

    [Fact]
    public async Task Time_OutsideOfTheToken_IsRefused()
    {
        long now = _world.Clock.GetUtcNow().ToUnixTimeSeconds();
        Assert.Null(await _world.FaultAsync(_world.ForeignToken(c => (c["iat"], c["exp"]) = (now - 600, now - 29))));
        Assert.Equal(TokenFault.Expired, await _world.FaultAsync(_world.ForeignToken(c => (c["iat"], c["exp"]) = (now - 600, now - 30))));
        Assert.Null(await _world.FaultAsync(_world.ForeignToken(c => c["nbf"] = now + 30)));
        Assert.Equal(TokenFault.NotYetValid, await _world.FaultAsync(_world.ForeignToken(c => c["nbf"] = now + 31)));
        Assert.Equal(TokenFault.NotYetValid, await _world.FaultAsync(_world.ForeignToken(c => c["iat"] = now + 31)));
        Assert.Equal(TokenFault.LifetimeTooLong, await _world.FaultAsync(_world.ForeignToken(c => c["exp"] = now + 86_401)));
        foreach (string claim in (string[])["exp", "iat", "nbf"])
        {
            foreach (JsonNode? value in (JsonNode?[])[null, "soon", -1, 1e300, 99999999999999, 1.5, new JsonArray()])
            {
                Assert.Equal(TokenFault.ClaimMissing, await _world.FaultAsync(_world.ForeignToken(c => c[claim] = value?.DeepClone())));
            }
        }

        Assert.Null(await _world.FaultAsync(_world.ForeignToken(c => c.Remove("nbf"))));
        Assert.Equal(TokenFault.ClaimMissing, await _world.FaultAsync(_world.ForeignToken(c => c.Remove("sub"))));
    }

    [Fact]
    public async Task EcSignature_ThatIsNoneOfTheCurves_IsRefused()
    {
        byte[] order = Convert.FromHexString("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
        byte[] zero = new byte[32];
        byte[] one = [.. zero.AsSpan(1), 1];
        string header = Forge.Header("ES256", "ec");
        foreach (byte[] signature in (byte[][])[
            [], [.. zero, .. zero], [.. zero, .. one], [.. one, .. zero], [.. order, .. order], [.. one, .. one], [.. order, .. one],
            [.. Enumerable.Repeat((byte)0xFF, 64)], new byte[63], new byte[65], new byte[128]])
        {
            Assert.Equal(TokenFault.SignatureWrong, await _world.FaultAsync(_world.ForeignToken(header: header, sign: _ => signature)));
        }

        // The same signature in DER, and longer or shorter by a byte.
        Assert.Equal(TokenFault.SignatureWrong, await _world.FaultAsync(_world.ForeignToken(header: header, sign: d => _world.Ec.SignData(d, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence))));
        Assert.Equal(TokenFault.SignatureWrong, await _world.FaultAsync(_world.ForeignToken(header: header, sign: d => [.. _world.Ec.Sign(d), 0])));
        Assert.Equal(TokenFault.SignatureWrong, await _world.FaultAsync(_world.ForeignToken(header: header, sign: d => _world.Ec.Sign(d)[..^1])));
        Assert.Equal(TokenFault.SignatureWrong, await _world.FaultAsync(_world.ForeignToken(sign: d => [0, .. _world.Rsa.Sign(d)])));
    }

    [Fact]
    public async Task Text_ThatIsNoToken_IsRefused()
    {
        string good = _world.ForeignToken();
        string[] parts = good.Split('.');
        string twice = """{"alg":"RS256","alg":"RS256","typ":"at+jwt","kid":"rsa"}""";
        string claims = Forge.Claims(_world.Clock.GetUtcNow(), TokenWorld.Foreign, TokenWorld.Audience);
        string claimTwice = claims[..^1] + ""","sub":"admin"}""";
        foreach (string bad in (string[])[
            "", ".", "..", "...", "a.b.c", good + ".", good + ".x", "." + good, good + "=", good + " ", good.Replace('.', ' '), good + "\n", good[..^1] + "é",
            $"{parts[0]}={'.'}{parts[1]}.{parts[2]}", $"{parts[0]}.{parts[1]}", parts[0] + ".." + parts[2],
            Forge.Token("[]", claims, _world.Rsa.Sign), Forge.Token("\"x\"", claims, _world.Rsa.Sign), Forge.Token("{", claims, _world.Rsa.Sign), Forge.Token(twice, claims, _world.Rsa.Sign),
            _world.ForeignToken(header: "\uFEFF" + Forge.Header("RS256", "rsa")), Forge.Token(Forge.Header("RS256", "rsa"), claimTwice, _world.Rsa.Sign), Forge.Token(Forge.Header("RS256", "rsa"), "null", _world.Rsa.Sign),
            Forge.Token(Forge.Header("RS256", "rsa"), """{"sub":"\ud800"}""", _world.Rsa.Sign), Forge.Token(Forge.Header("RS256", "rsa"), new string('[', 2000) + new string(']', 2000), _world.Rsa.Sign)])
        {
            Assert.True(await _world.FaultAsync(bad) == TokenFault.Malformed, bad);
        }

        Assert.Equal(TokenFault.TooLarge, await _world.FaultAsync(new string('a', TokenValidator.MaxLength + 1)));
        Assert.Equal(TokenFault.Malformed, await _world.FaultAsync(new string('a', TokenValidator.MaxLength)));
        Assert.Equal(TokenFault.TooLarge, await _world.FaultAsync(_world.ForeignToken(c => c["x"] = new string('x', 9000))));
        for (int cut = 0; cut < good.Length; cut++)
        {
            Assert.NotNull(await _world.FaultAsync(good[..cut]));
        }

        Assert.Null(await _world.FaultAsync(good));
    }

    [Fact]
    public async Task Text_WithAnyCharacterChanged_IsRefused()
    {
        string good = _world.ForeignToken(header: Forge.Header("ES256", "ec"), sign: _world.Ec.Sign);
        int seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        const string characters = "ABCabc019-_.= \"";
        for (int i = 0; i < good.Length; i++)
        {
            char other = characters[random.Next(characters.Length)];
            if (other != good[i])
            {
                Assert.True(await _world.FaultAsync(string.Concat(good.AsSpan(0, i), [other], good.AsSpan(i + 1))) is not null, $"character {i} as '{other}'");
            }
        }
    }
}
