using AgentFlow.Contracts.Tools;

namespace AgentFlow.Contracts.Tests.Tools;

public sealed class SemanticVersionTests
{
    [Theory]
    [InlineData("1.2.3", 1, 2, 3, "")]
    [InlineData("0.0.0", 0, 0, 0, "")]
    [InlineData("1.0.0-alpha.1", 1, 0, 0, "alpha.1")]
    [InlineData("1.0.0-0A.-+build.01", 1, 0, 0, "0A.-")]
    [InlineData("2147483647.0.0", int.MaxValue, 0, 0, "")]
    public void TryParse_Version_GivesItsParts(string text, int major, int minor, int patch, string preRelease)
    {
        Assert.True(SemanticVersion.TryParse(text, out SemanticVersion? version));
        Assert.Equal(new SemanticVersion(major, minor, patch, preRelease), version);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("1.2")]
    [InlineData("1.2.3.4")]
    [InlineData("v1.2.3")]
    [InlineData("01.2.3")]
    [InlineData("1.2.3-")]
    [InlineData("1.2.3-01")]
    [InlineData("1.2.3-a..b")]
    [InlineData("1.2.3+")]
    [InlineData("1.2.3\n")]
    [InlineData("2147483648.0.0")]
    [InlineData("1.2.٣")]
    public void TryParse_NotAVersion_IsFalse(string? text) => Assert.False(SemanticVersion.TryParse(text, out _));

    [Fact]
    public void Parse_NotAVersion_NamesTheForm() =>
        Assert.Contains("MAJOR.MINOR.PATCH", Assert.Throws<FormatException>(() => SemanticVersion.Parse("1.2")).Message);

    /// <summary>The chain of section 11 of the specification, with some neighbours.</summary>
    [Fact]
    public void CompareTo_SpecificationsChain_Ascends()
    {
        string[] chain =
        [
            "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
            "1.0.0-beta.99999999999999999999999", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0",
        ];
        SemanticVersion[] versions = [.. chain.Select(SemanticVersion.Parse)];
        for (int i = 0; i < versions.Length; i++)
        {
            for (int j = 0; j < versions.Length; j++)
            {
                Assert.Equal(i.CompareTo(j), Math.Sign(versions[i].CompareTo(versions[j])));
                Assert.Equal(i <= j, versions[i] <= versions[j]);
            }

            Assert.Equal(chain[i], versions[i].ToString());
        }
    }

    [Theory]
    [InlineData("1.2.0", "1.2.0", true, true)]
    [InlineData("1.2.0", "1.2.9", true, false)]
    [InlineData("1.2.3", "1.2.0", true, false)]
    [InlineData("1.2.0", "1.3.0", true, false)]
    [InlineData("1.2.0", "1.1.9", false, false)]
    [InlineData("1.2.0", "2.2.0", false, false)]
    [InlineData("2.0.0", "1.9.0", false, false)]
    [InlineData("1.2.0", "1.3.0-rc.1", false, false)]
    [InlineData("1.2.0-rc.1", "1.2.0", true, false)]
    [InlineData("1.2.0-rc.1", "1.2.0-rc.2", true, false)]
    [InlineData("1.2.0-rc.2", "1.2.0-rc.1", false, false)]
    [InlineData("1.2.0-rc.1", "1.2.0-rc.1", true, true)]
    public void Allows_WantedAndOffered_FollowsTheMatch(string wanted, string offered, bool compatible, bool strict)
    {
        Assert.Equal(compatible, VersionGate.Allows(SemanticVersion.Parse(wanted), SemanticVersion.Parse(offered)));
        Assert.Equal(strict, VersionGate.Allows(SemanticVersion.Parse(wanted), SemanticVersion.Parse(offered), VersionMatch.Strict));
    }
}
