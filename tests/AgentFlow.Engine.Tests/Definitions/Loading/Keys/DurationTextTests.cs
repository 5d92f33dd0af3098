using AgentFlow.Engine.Definitions.Loading.Keys;

namespace AgentFlow.Engine.Tests.Definitions.Loading.Keys;

public class DurationTextTests
{
    [Theory]
    [InlineData("200ms", 200)]
    [InlineData("10s", 10_000)]
    [InlineData("5m", 300_000)]
    [InlineData("2h", 7_200_000)]
    [InlineData("7d", 604_800_000)]
    [InlineData("1m30s", 90_000)]
    [InlineData("1d2h3m4s5ms", 93_784_005)]
    [InlineData("0s", 0)]
    [InlineData("007s", 7_000)]
    [InlineData("90m", 5_400_000)]
    public void Parse_NumbersWithUnits_AreAddedUp(string text, long milliseconds) => Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), DurationText.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("s")]
    [InlineData("10 s")]
    [InlineData("-10s")]
    [InlineData("1.5s")]
    [InlineData("30s1m")]
    [InlineData("1s1s")]
    [InlineData("10sec")]
    [InlineData("10S")]
    [InlineData("1h30")]
    [InlineData("PT10S")]
    [InlineData("१0s")]
    public void Parse_AnythingElse_IsNoDuration(string text) => Assert.Null(DurationText.Parse(text));

    [Theory]
    [InlineData("3651d")]
    [InlineData("99999999999999999999999d")]
    public void Parse_BeyondTenYears_IsLongerThanTheLongest(string text) => Assert.True(DurationText.Parse(text) > DurationText.Longest);
}
