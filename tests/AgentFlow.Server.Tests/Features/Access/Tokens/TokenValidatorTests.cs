using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access.Tokens;

namespace AgentFlow.Server.Tests.Features.Access.Tokens;

public sealed class TokenValidatorTests : IAsyncLifetime
{
    private TokenWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await TokenWorld.CreateAsync();

    public ValueTask DisposeAsync()
    {
        _world.Dispose();
        return default;
    }

    [Fact]
    public async Task Validate_OwnToken_SaysWhoseItIs()
    {
        var verdict = Assert.IsType<TokenVerdict.Accepted>(await _world.JudgeAsync(await _world.OwnTokenAsync()));
        DateTimeOffset now = _world.Clock.GetUtcNow();
        Assert.Equal(("agentflow", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "acme", "s1"), (verdict.Issuer, verdict.Subject, verdict.Tenant, verdict.Session));
        Assert.Equal(["operator"], verdict.Roles);
        Assert.Equal((now, now.AddMinutes(10).ToUnixTimeSeconds()), (verdict.IssuedAt, verdict.Expires.ToUnixTimeSeconds()));
        Assert.Equal("session:s1", verdict.Credential);
    }

    [Fact]
    public async Task Validate_AgainAndAgain_AsksForTheKeyOnceAndStillSeesTheExpiry()
    {
        string token = _world.ForeignToken();
        for (int i = 0; i < 3; i++)
        {
            Assert.Null(await _world.FaultAsync(token));
        }

        Assert.Single(_world.Provider.Asked);
        _world.Clock.Advance(TimeSpan.FromMinutes(10) + TokenValidator.Leeway);
        await _world.Revocations.ReadAsync(default);
        Assert.Equal(TokenFault.Expired, await _world.FaultAsync(token));
    }

    [Theory]
    [InlineData("user:01ARZ3NDEKTSV4RRFFQ69G5FAV")]
    [InlineData("session:s1")]
    public async Task Validate_AfterARevocation_RefusesWhatWasIssuedBeforeAndNothingElse(string key)
    {
        string before = await _world.OwnTokenAsync();
        string other = _world.ForeignToken();
        Assert.Null(await _world.FaultAsync(before));
        Assert.Null(await _world.FaultAsync(other));
        long now = _world.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        await _world.Revocations.AddAsync("other", new Revocation(key, now, now + 100_000), default);
        Assert.Null(await _world.FaultAsync(before));
        await _world.Revocations.AddAsync("acme", new Revocation(key, now, now + 100_000), default);
        Assert.Equal(TokenFault.Revoked, await _world.FaultAsync(before));
        Assert.Null(await _world.FaultAsync(other));
        // Within the same second: iat alone would not tell it from the one before.
        _world.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Null(await _world.FaultAsync(await _world.OwnTokenAsync()));
    }

    [Fact]
    public async Task Validate_RevokedInAnotherProcess_IsKnownAfterTheNextReading()
    {
        string token = await _world.OwnTokenAsync();
        Assert.Null(await _world.FaultAsync(token));
        long now = _world.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        await _world.Store.RevokeAsync("acme", new Revocation("session:s1", now, now + 1_000_000), default);
        Assert.Null(await _world.FaultAsync(token));
        await _world.Revocations.ReadAsync(default);
        Assert.Equal(TokenFault.Revoked, await _world.FaultAsync(token));
        Assert.True(Revocations.Interval + Revocations.MaxAge <= TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Validate_WhenNobodyTellsWhatIsRevoked_RefusesEverything()
    {
        string token = await _world.OwnTokenAsync();
        Assert.Null(await _world.FaultAsync(token));
        _world.Clock.Advance(Revocations.MaxAge + TimeSpan.FromMilliseconds(1));
        Assert.Equal(TokenFault.RevocationsUnknown, await _world.FaultAsync(token));
        await _world.Revocations.ReadAsync(default);
        Assert.Null(await _world.FaultAsync(token));
    }

    [Fact]
    public async Task Validate_KeyWithdrawn_VerifiesAnew()
    {
        string token = _world.ForeignToken();
        Assert.Null(await _world.FaultAsync(token));
        (VerificationKey? key, _) = await _world.Provider.FindKeyAsync("rsa", default);
        key!.Withdraw();
        await _world.FaultAsync(token);
        Assert.Equal(3, _world.Provider.Asked.Count);
    }

    [Fact]
    public void VerdictCache_BeyondItsCapacity_ForgetsWhatWasNotAskedFor()
    {
        var cache = new VerdictCache(100);
        var entry = new VerdictCache.Entry(new TokenVerdict.Accepted("i", "s", "t", [], "j", null, default, default), Forge.Public(_world.Ec, "ec"));
        TokenHash Hash(int n) => new((ulong)n, 1, 1, 1);
        cache.Add(Hash(0), entry);
        for (int n = 1; n < 10_000; n++)
        {
            cache.Add(Hash(n), entry);
            Assert.Same(entry, cache.Find(Hash(0)));
            Assert.True(cache.Count <= 100);
        }

        Assert.Null(cache.Find(Hash(1)));
        Assert.Same(entry, cache.Find(Hash(9_999)));
    }
}
