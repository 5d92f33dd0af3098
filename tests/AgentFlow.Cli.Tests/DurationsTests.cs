namespace AgentFlow.Cli.Tests;

public sealed class DurationsTests
{
    [Theory]
    [InlineData(0, "0s")]
    [InlineData(1, "0.001s")]
    [InlineData(50_914, "50.914s")]
    [InlineData(60_000, "1m")]
    [InlineData(91_400, "1m31s")]
    [InlineData(600_000, "10m")]
    [InlineData(93_604_000, "1d2h4s")]
    [InlineData(259_200_000, "3d")]
    public void Of_Time_IsSpelledAsInFiles(long milliseconds, string text) => Assert.Equal(text, Durations.Of(TimeSpan.FromMilliseconds(milliseconds)));
}
