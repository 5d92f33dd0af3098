using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;

namespace AgentFlow.Engine.Tests.Access;

public class CredentialTests
{
    private static readonly Ulid Id = Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FAV");

    [Fact]
    public void Verify_OwnPassword_IsRightAndOthersAreNot()
    {
        string stored = PasswordHash.Create("correct horse battery");
        Assert.StartsWith("pbkdf2-sha256$600000$", stored);
        Assert.Equal(new PasswordCheck(true, false), PasswordHash.Verify("correct horse battery", stored));
        Assert.False(PasswordHash.Verify("correct horse batterY", stored).Ok);
        Assert.NotEqual(stored, PasswordHash.Create("correct horse battery"));
        Assert.False(PasswordHash.Verify("", PasswordHash.Nobody).Ok);
    }

    [Fact]
    public void Verify_WeakerHash_IsOutdated() =>
        Assert.Equal(new PasswordCheck(true, true), PasswordHash.Verify("a password of 2015", PasswordHash.Create("a password of 2015", 10_000)));

    [Theory]
    [InlineData("")]
    [InlineData("correct horse battery")]
    [InlineData("pbkdf2-sha256$0$AAAA$AAAA")]
    [InlineData("pbkdf2-sha256$99999999999$AAAA$AAAA")]
    [InlineData("pbkdf2-sha256$1000$AAAA$")]
    [InlineData("pbkdf2-sha256$1000$!!$AAAA")]
    [InlineData("pbkdf2-sha1$1000$AAAA$AAAA")]
    public void Verify_UnreadableHash_MatchesNothing(string stored) => Assert.Equal(default, PasswordHash.Verify("correct horse battery", stored));

    /// <summary>RFC 7914, section 11: PBKDF2-HMAC-SHA-256 of "passwd" with salt "salt" and one iteration begins with these bytes.</summary>
    [Fact]
    public void Verify_KnownVector_Matches()
    {
        byte[] hash = Convert.FromHexString("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
        string stored = $"pbkdf2-sha256$1${System.Buffers.Text.Base64Url.EncodeToString("salt"u8)}${System.Buffers.Text.Base64Url.EncodeToString(hash)}";
        Assert.Equal(new PasswordCheck(true, true), PasswordHash.Verify("passwd", stored));
    }

    [Fact]
    public void TryParse_OwnKey_MatchesItsHashAlone()
    {
        ApiKeyText created = ApiKeyText.Create("tenant_a-1", Id, out string text);
        Assert.True(ApiKeyText.TryParse(text, out ApiKeyText? parsed));
        Assert.Equal(("tenant_a-1", Id), (parsed.Tenant, parsed.Id));
        Assert.True(parsed.Matches(created.Hash));
        ApiKeyText.Create("tenant_a-1", Id, out string other);
        Assert.True(ApiKeyText.TryParse(other, out ApiKeyText? another));
        Assert.False(another.Matches(created.Hash));
        Assert.DoesNotContain(Convert.ToHexString(created.Hash.Span), text, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("")]
    [InlineData("afk_")]
    [InlineData("afk_a.b.c")]
    [InlineData("afk_default.01ARZ3NDEKTSV4RRFFQ69G5FAV")]
    [InlineData("afk_default.01ARZ3NDEKTSV4RRFFQ69G5FAV.short")]
    [InlineData("afk_../etc.01ARZ3NDEKTSV4RRFFQ69G5FAV.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("afk_DEFAULT.01ARZ3NDEKTSV4RRFFQ69G5FAV.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public void TryParse_WhatIsNoKey_IsRefused(string text) => Assert.False(ApiKeyText.TryParse(text, out _));

    [Theory]
    [InlineData("default", true)]
    [InlineData("a", true)]
    [InlineData("1-_", true)]
    [InlineData("", false)]
    [InlineData("-a", false)]
    [InlineData("A", false)]
    [InlineData("a.b", false)]
    [InlineData("a\n", false)]
    public void IsValid_TenantName_IsAsThePatternSays(string name, bool valid)
    {
        Assert.Equal(valid, TenantName.IsValid(name));
        Assert.Equal(valid, System.Text.RegularExpressions.Regex.IsMatch(name, TenantName.Pattern.Replace("$", "\\z", StringComparison.Ordinal)));
    }
}
