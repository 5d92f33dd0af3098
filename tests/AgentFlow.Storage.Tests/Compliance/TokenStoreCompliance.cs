using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every store of token families, revocations and signing keys promises.</summary>
public abstract class TokenStoreCompliance
{
    private static readonly byte[] First = [1, 1, 1];
    private static readonly byte[] Second = [2, 2, 2];
    private static readonly byte[] Third = [3, 3, 3];

    protected abstract ITokenStore Store { get; }

    private static Ulid Id(int n) => new(1_700_000_000_000 + n, 7, (ulong)n);

    private static TokenFamily Family(int n, string subject = "user:1") => new(Id(n), subject, First, 1000, 9000);

    [Fact]
    public async Task Rotate_CurrentToken_IsReplaced()
    {
        await Store.AddFamilyAsync("t1", Family(1), default);
        Assert.Equal(RotateOutcome.Rotated, await Store.RotateAsync("t1", Id(1), First, Second, 2000, default));
        Assert.Equal(RotateOutcome.Rotated, await Store.RotateAsync("t1", Id(1), Second, Third, 2001, default));
        TokenFamily family = (await Store.FindFamilyAsync("t1", Id(1), default))!;
        Assert.Equal(("user:1", 1000L, 9000L, null), (family.Subject, family.CreatedAt, family.ExpiresAt, family.RevokedAt));
        Assert.Equal(Third, family.Current.ToArray());
    }

    [Fact]
    public async Task Rotate_TokenOfBefore_RevokesTheFamily()
    {
        await Store.AddFamilyAsync("t1", Family(1), default);
        await Store.AddFamilyAsync("t1", Family(2), default);
        await Store.RotateAsync("t1", Id(1), First, Second, 2000, default);
        Assert.Equal(RotateOutcome.Reused, await Store.RotateAsync("t1", Id(1), First, Third, 2001, default));
        Assert.Equal(2001, (await Store.FindFamilyAsync("t1", Id(1), default))!.RevokedAt);
        Assert.Equal(RotateOutcome.Ended, await Store.RotateAsync("t1", Id(1), Second, Third, 2002, default));
        Assert.Null((await Store.FindFamilyAsync("t1", Id(2), default))!.RevokedAt);
    }

    [Fact]
    public async Task Rotate_ManyAtOnce_AtMostOneSucceeds()
    {
        await Store.AddFamilyAsync("t1", Family(1), default);
        RotateOutcome[] outcomes = await Task.WhenAll(Enumerable.Range(10, 8).Select(n => Task.Run(async () => await Store.RotateAsync("t1", Id(1), First, new[] { (byte)n }, 2000, default))));
        Assert.Single(outcomes, RotateOutcome.Rotated);
        Assert.Contains(RotateOutcome.Reused, outcomes);
        Assert.NotNull((await Store.FindFamilyAsync("t1", Id(1), default))!.RevokedAt);
    }

    [Fact]
    public async Task Rotate_ExpiredForeignOrMissing_IsNot()
    {
        await Store.AddFamilyAsync("t1", Family(1), default);
        Assert.Equal(RotateOutcome.Ended, await Store.RotateAsync("t1", Id(1), First, Second, 9000, default));
        Assert.Equal(RotateOutcome.Missing, await Store.RotateAsync("t2", Id(1), First, Second, 2000, default));
        Assert.Equal(RotateOutcome.Missing, await Store.RotateAsync("t1", Id(2), First, Second, 2000, default));
        Assert.Null(await Store.FindFamilyAsync("t2", Id(1), default));
        Assert.False(await Store.RevokeFamilyAsync("t2", Id(1), 2000, default));
        await Store.RevokeFamiliesAsync("t2", "user:1", 2000, default);
        Assert.Null((await Store.FindFamilyAsync("t1", Id(1), default))!.RevokedAt);
    }

    [Fact]
    public async Task RevokeFamilies_OfASubject_EndsThemAndNoOthers()
    {
        await Store.AddFamilyAsync("t1", Family(1), default);
        await Store.AddFamilyAsync("t1", Family(2), default);
        await Store.AddFamilyAsync("t1", Family(3, "user:2"), default);
        Assert.True(await Store.RevokeFamilyAsync("t1", Id(1), 1500, default));
        Assert.False(await Store.RevokeFamilyAsync("t1", Id(1), 1600, default));
        await Store.RevokeFamiliesAsync("t1", "user:1", 2000, default);
        Assert.Equal(1500, (await Store.FindFamilyAsync("t1", Id(1), default))!.RevokedAt);
        Assert.Equal(2000, (await Store.FindFamilyAsync("t1", Id(2), default))!.RevokedAt);
        Assert.Null((await Store.FindFamilyAsync("t1", Id(3), default))!.RevokedAt);
    }

    [Fact]
    public async Task Revoke_Again_KeepsTheLater()
    {
        await Store.RevokeAsync("t1", new Revocation("user:1", 100, 500), default);
        await Store.RevokeAsync("t1", new Revocation("user:1", 90, 400), default);
        await Store.RevokeAsync("t2", new Revocation("user:1", 100, 300), default);
        Assert.Equal([("t1", new Revocation("user:1", 100, 500)), ("t2", new Revocation("user:1", 100, 300))], await Store.RevocationsAsync(200, default));
        Assert.Equal(["t1"], (await Store.RevocationsAsync(300, default)).Select(r => r.Tenant));
        Assert.Empty(await Store.RevocationsAsync(500, default));
    }

    [Fact]
    public async Task ForgetExpired_LeavesWhatStillMatters()
    {
        await Store.AddFamilyAsync("t1", Family(1), default);
        await Store.AddFamilyAsync("t1", Family(2) with { ExpiresAt = 100 }, default);
        await Store.RevokeAsync("t1", new Revocation("user:1", 10, 100), default);
        await Store.RevokeAsync("t1", new Revocation("user:2", 10, 101), default);
        await Store.AddSigningKeyAsync(new SigningKey("old", "ES256", First, Second, 1, 100), default);
        await Store.AddSigningKeyAsync(new SigningKey("new", "ES256", First, Second, 2), default);
        await Store.ForgetExpiredAsync(100, default);
        Assert.NotNull(await Store.FindFamilyAsync("t1", Id(1), default));
        Assert.Null(await Store.FindFamilyAsync("t1", Id(2), default));
        Assert.Equal(["user:2"], (await Store.RevocationsAsync(0, default)).Select(r => r.Revocation.Key));
        Assert.Equal(["new"], (await Store.ListSigningKeysAsync(default)).Select(k => k.Id));
    }

    [Fact]
    public async Task SigningKeys_AreReadAsTheyWere()
    {
        Assert.True(await Store.AddSigningKeyAsync(new SigningKey("a", "ES256", First, Second, 1), default));
        Assert.True(await Store.AddSigningKeyAsync(new SigningKey("b", "ES256", Third, ReadOnlyMemory<byte>.Empty, 2), default));
        Assert.False(await Store.AddSigningKeyAsync(new SigningKey("a", "ES256", Third, Third, 3), default));
        Assert.True(await Store.RetireSigningKeyAsync("a", 50, default));
        Assert.True(await Store.RetireSigningKeyAsync("a", 90, default));
        Assert.False(await Store.RetireSigningKeyAsync("c", 50, default));
        IReadOnlyList<SigningKey> keys = await Store.ListSigningKeysAsync(default);
        Assert.Equal([("b", null), ("a", 50L)], keys.Select(k => (k.Id, k.RetiresAt)));
        Assert.Equal(First, keys[1].PublicKey.ToArray());
        Assert.Equal(Second, keys[1].PrivateKey.ToArray());
        Assert.Empty(keys[0].PrivateKey.ToArray());
    }
}
