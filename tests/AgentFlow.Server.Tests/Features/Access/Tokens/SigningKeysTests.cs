using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access.Tokens;

namespace AgentFlow.Server.Tests.Features.Access.Tokens;

public sealed class SigningKeysTests : IAsyncLifetime
{
    private TokenWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await TokenWorld.CreateAsync();

    public ValueTask DisposeAsync()
    {
        _world.Dispose();
        return default;
    }

    [Fact]
    public async Task Sign_FirstTime_PublishesThePublicHalfAlone()
    {
        Assert.Empty(await _world.Store.ListSigningKeysAsync(default));
        await _world.OwnTokenAsync();
        await _world.OwnTokenAsync();
        SigningKey key = Assert.Single(await _world.Store.ListSigningKeysAsync(default));
        Assert.True(key.PrivateKey.IsEmpty);
        Assert.Equal("ES256", key.Algorithm);
    }

    [Fact]
    public async Task Rotation_TokensOfTheKeyBefore_AreTakenUntilTheyExpire()
    {
        _world.Clock.Advance(TimeSpan.FromHours(1));
        await _world.Revocations.ReadAsync(default);
        string first = await _world.OwnTokenAsync();
        _world.Clock.Advance(TimeSpan.FromHours(24) - TimeSpan.FromMinutes(1));
        string last = await _world.OwnTokenAsync();
        _world.Clock.Advance(TimeSpan.FromMinutes(1));
        await _world.Revocations.ReadAsync(default);
        string next = await _world.OwnTokenAsync();
        static string Kid(string token) => System.Text.Json.JsonElement.Parse(Forge.Decode(token.Split('.')[0])).GetProperty("kid").GetString()!;
        Assert.Equal(Kid(first), Kid(last));
        Assert.NotEqual(Kid(last), Kid(next));
        Assert.Null(await _world.FaultAsync(last));
        Assert.Null(await _world.FaultAsync(next));
        Assert.Equal(2, (await _world.Keys.PublishedAsync(default)).Count);

        _world.Clock.Advance(TokenValidator.MaxLifetime + TokenValidator.Leeway);
        await _world.Revocations.ReadAsync(default);
        Assert.Single(await _world.Keys.PublishedAsync(default));
        Assert.Null(await _world.Keys.FindAsync(Kid(last), default));
    }

    [Fact]
    public async Task RotateAll_KeysOfEveryProcess_SignNothingMoreAndVerifyOn()
    {
        using var other = new SigningKeys(_world.Store, _world.Ids, _world.Clock, TimeSpan.FromHours(24));
        var elsewhere = new OwnIssuer(other, _world.Ids, _world.Clock, TimeSpan.FromMinutes(10));
        async Task<string> ThereAsync() => (await elsewhere.IssueAsync("acme", "01ARZ3NDEKTSV4RRFFQ69G5FAV", [], "s2", default)).Text;
        static string Kid(string token) => System.Text.Json.JsonElement.Parse(Forge.Decode(token.Split('.')[0])).GetProperty("kid").GetString()!;
        string here = await _world.OwnTokenAsync();
        string there = await ThereAsync();
        Assert.Equal(2, (await _world.Keys.RotateAllAsync(default)).Count);
        Assert.NotEqual(Kid(here), Kid(await _world.OwnTokenAsync()));
        await other.FollowAsync(default);
        Assert.NotEqual(Kid(there), Kid(await ThereAsync()));
        Assert.Null(await _world.FaultAsync(here));
        Assert.Null(await _world.FaultAsync(there));
        Assert.Equal(4, (await _world.Keys.PublishedAsync(default)).Count);

        // What nobody signs with is not rotated once more.
        Assert.Equal(2, (await _world.Keys.RotateAllAsync(default)).Count);
    }

    [Fact]
    public async Task Retire_Key_EndsItsTokensAndItSignsNothingMore()
    {
        using var other = new SigningKeys(_world.Store, _world.Ids, _world.Clock, TimeSpan.FromHours(24));
        string token = await _world.OwnTokenAsync();
        string id = (await _world.Keys.PublishedAsync(default)).Single().Id;
        Assert.NotNull(await other.FindAsync(id, default));
        Assert.Null(await _world.FaultAsync(token));
        Assert.Null(await other.RetireAsync("nothing", default));
        Assert.Equal(id, (await other.RetireAsync(id, default))!.Id);
        Assert.Null(await other.RetireAsync(id, default));
        Assert.Null(await other.FindAsync(id, default));

        // The process whose key it is hears of it with its next look.
        await _world.Keys.FollowAsync(default);
        Assert.NotNull(await _world.FaultAsync(token));
        _world.Clock.Advance(TimeSpan.FromSeconds(2));
        string next = await _world.OwnTokenAsync();
        Assert.Null(await _world.FaultAsync(next));
        Assert.NotEqual(id, (await _world.Keys.PublishedAsync(default)).Single().Id);
    }

    [Fact]
    public async Task Find_KeyOfAnotherProcess_IsFoundInTheStore()
    {
        using var other = new SigningKeys(_world.Store, _world.Ids, _world.Clock, TimeSpan.FromHours(1));
        var issuer = new OwnIssuer(other, _world.Ids, _world.Clock, TimeSpan.FromMinutes(10));
        string token = (await issuer.IssueAsync("acme", "u1", [], "s2", default)).Text;
        Assert.Null(await _world.FaultAsync(token));
    }

    [Fact]
    public async Task Find_NameThatIsNoneOfOurs_DoesNotAskTheStore()
    {
        var store = new CountingStore(_world.Store);
        using var keys = new SigningKeys(store, _world.Ids, _world.Clock, TimeSpan.FromHours(1));
        foreach (string name in (string[])["", "x", "../../etc/passwd", "' OR 1=1 --"])
        {
            Assert.Null(await keys.FindAsync(name, default));
        }

        Assert.Equal(0, store.Lists);
        Assert.Null(await keys.FindAsync(_world.Ids.Create().ToString(), default));
        Assert.Equal(1, store.Lists);
    }

    private sealed class CountingStore(ITokenStore store) : ITokenStore
    {
        public int Lists { get; private set; }

        public ValueTask<IReadOnlyList<SigningKey>> ListSigningKeysAsync(CancellationToken cancellationToken)
        {
            Lists++;
            return store.ListSigningKeysAsync(cancellationToken);
        }

        public ValueTask AddFamilyAsync(string tenant, TokenFamily family, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<TokenFamily?> FindFamilyAsync(string tenant, AgentFlow.Contracts.Ids.Ulid id, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<RotateOutcome> RotateAsync(string tenant, AgentFlow.Contracts.Ids.Ulid id, ReadOnlyMemory<byte> presented, ReadOnlyMemory<byte> next, long now, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<bool> RevokeFamilyAsync(string tenant, AgentFlow.Contracts.Ids.Ulid id, long now, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask RevokeFamiliesAsync(string tenant, string subject, long now, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask RevokeAsync(string tenant, Revocation revocation, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<IReadOnlyList<(string Tenant, Revocation Revocation)>> RevocationsAsync(long now, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask ForgetExpiredAsync(long now, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<bool> AddSigningKeyAsync(SigningKey key, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<bool> RetireSigningKeyAsync(string id, long at, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
