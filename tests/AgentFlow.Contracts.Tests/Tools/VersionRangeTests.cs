using AgentFlow.Contracts.Randomness;
using AgentFlow.Contracts.Tools;

namespace AgentFlow.Contracts.Tests.Tools;

public sealed class VersionRangeTests
{
    [Theory]
    [InlineData("1.2.0", "1.2.0", "1.2.1 1.1.9 1.2.0-a 2.0.0")]
    [InlineData("=1.2.0", "1.2.0", "1.2.1")]
    [InlineData("1.2.0-rc.1", "1.2.0-rc.1", "1.2.0 1.2.0-rc.2")]
    [InlineData("~1.2", "1.2.0 1.2.1 1.2.999", "1.1.9 1.3.0 2.2.0 1.2.1-a 1.3.0-a")]
    [InlineData("~1.2.3", "1.2.3 1.2.4", "1.2.2 1.3.0")]
    [InlineData("~1", "1.0.0 1.9.9", "0.9.9 2.0.0")]
    [InlineData("~1.2.3-b", "1.2.3-b 1.2.3-c 1.2.3 1.2.9", "1.2.3-a 1.2.4-b 1.3.0")]
    [InlineData("1.x", "1.0.0 1.99.99", "0.9.9 2.0.0 2.0.0-a 1.0.0-a")]
    [InlineData("1.X.x", "1.0.0 1.99.99", "2.0.0")]
    [InlineData("1.*", "1.5.0", "2.0.0")]
    [InlineData("1.2.x", "1.2.0 1.2.7", "1.3.0 1.1.0")]
    [InlineData("*", "0.0.0 9.9.9", "1.0.0-a")]
    [InlineData("x", "0.0.0 9.9.9", "1.0.0-a")]
    [InlineData(">=1.5 <2.0", "1.5.0 1.99.0", "1.4.9 2.0.0 2.0.0-beta 1.5.0-a")]
    [InlineData(">= 1.5   < 2.0", "1.5.0 1.99.0", "1.4.9 2.0.0")]
    [InlineData(">1.5", "1.6.0 2.0.0", "1.5.0 1.5.9")]
    [InlineData(">1.5.0", "1.5.1", "1.5.0")]
    [InlineData("<=1.5", "1.5.0 1.5.9 0.1.0", "1.6.0")]
    [InlineData("<=1.5.0", "1.5.0", "1.5.1")]
    [InlineData("<1.5", "1.4.9", "1.5.0 1.5.0-a")]
    [InlineData("<1.5.0-b", "1.4.9 1.5.0-a", "1.5.0-b 1.5.0 1.4.0-a")]
    [InlineData(">=1.0.0-a <1.0.1", "1.0.0-a 1.0.0-b 1.0.0", "1.0.1-a 1.0.1")]
    [InlineData("1.x >=1.3 <=1.4.2", "1.3.0 1.4.2", "1.2.9 1.4.3")]
    [InlineData(">=1.0.0 >1.0.0", "1.0.1", "1.0.0")]
    [InlineData("<=2.0.0 <2.0.0", "1.9.9", "2.0.0")]
    [InlineData("2147483647.x >=2147483647.0.1", null, null)]
    [InlineData(">=0.0.0", "0.0.0 1.0.0", "0.0.0-a")]
    public void Contains_Version_AsTheRangeSays(string text, string? inside, string? outside)
    {
        if (inside is null)
        {
            Assert.False(VersionRange.TryParse(text, out _));
            return;
        }

        VersionRange range = VersionRange.Parse(text);
        Assert.All(inside.Split(' '), v => Assert.True(range.Contains(SemanticVersion.Parse(v)), $"{v} should fit {text}"));
        Assert.All(outside!.Split(' '), v => Assert.False(range.Contains(SemanticVersion.Parse(v)), $"{v} should not fit {text}"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("latest")]
    [InlineData("1")]
    [InlineData("1.2")]
    [InlineData("v1.2.0")]
    [InlineData("^1.2")]
    [InlineData("1.2.3.x")]
    [InlineData("1.2.x.x")]
    [InlineData("~1.x")]
    [InlineData(">=1.x")]
    [InlineData(">=")]
    [InlineData("~")]
    [InlineData("1.x-a")]
    [InlineData(">=1.2-a")]
    [InlineData("01.x")]
    [InlineData("1.0.0 || 2.0.0")]
    [InlineData("1.0.0 - 2.0.0")]
    [InlineData("1.0.0 2.0.0")]
    [InlineData(">=2.0 <1.5")]
    [InlineData(">1.0.0 <1.0.0")]
    [InlineData(">=1.0.0 <1.0.0")]
    [InlineData("2147483648.x")]
    [InlineData("1.2.٣")]
    public void TryParse_NoRangeOrAnEmptyOne_IsFalse(string? text) => Assert.False(VersionRange.TryParse(text, out _));

    [Fact]
    public void Parse_NoRange_NamesTheForms() =>
        Assert.Contains("~1.2", Assert.Throws<FormatException>(() => VersionRange.Parse("latest")).Message);

    [Theory]
    [InlineData("1.x", "1.9.0")]
    [InlineData("~1.2", "1.2.10")]
    [InlineData(">=1.5 <2.0", "1.9.0")]
    [InlineData("*", "2.0.0")]
    [InlineData("3.x", null)]
    [InlineData("2.1.0-rc.2", "2.1.0-rc.2")]
    public void Best_OfSome_IsTheHighestThatFits(string text, string? best) =>
        Assert.Equal(best, VersionRange.Parse(text).Best(new[] { "1.2.9", "1.2.10", "1.9.0", "2.0.0", "2.1.0-rc.2", "0.1.0" }.Select(SemanticVersion.Parse))?.ToString());

    /// <summary>Whatever is compared, written behind each other comparisons are an intersection, and a range is an interval of releases.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Contains_GeneratedRanges_AreIntersectionsAndIntervals(ulong seed)
    {
        var random = new SeededRandom(seed);
        SemanticVersion[] all = [.. from a in Enumerable.Range(0, 4) from b in Enumerable.Range(0, 4) from c in Enumerable.Range(0, 4) select new SemanticVersion(a, b, c)];
        for (int i = 0; i < 2_000; i++)
        {
            string left = Comparison(random), right = Comparison(random), both = $"{left} {right}";
            bool[] expected = [.. all.Select(v => VersionRange.Parse(left).Contains(v) && VersionRange.Parse(right).Contains(v))];
            bool[] found = [.. all.Select(v => VersionRange.TryParse(both, out VersionRange? range) && range.Contains(v))];
            Assert.True(expected.SequenceEqual(found), $"seed {seed}: {both}");
            int first = Array.IndexOf(found, true), last = Array.LastIndexOf(found, true);
            Assert.True(first < 0 || found[first..(last + 1)].All(f => f), $"seed {seed}: {both} has a gap");
            Assert.True(!VersionRange.TryParse(both, out VersionRange? parsed) || parsed.ToString() == VersionRange.Parse(parsed.ToString()).ToString());
        }
    }

    private static string Comparison(SeededRandom random)
    {
        int numbers = (int)(random.NextUInt64() % 3) + 1;
        string version = string.Join('.', Enumerable.Range(0, numbers).Select(_ => random.NextUInt64() % 3));
        return (random.NextUInt64() % 6) switch
        {
            0 => "~" + version,
            1 => ">=" + version,
            2 => ">" + version,
            3 => "<=" + version,
            4 when version.Any(c => c is not '0' and not '.') => "<" + version,
            _ => numbers < 3 ? version + ".x" : version,
        };
    }
}
