using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Simulations;

public sealed class SimCommandTests : IDisposable
{
    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Sim_SameSeed_IsTheSameWorldInAnotherProcess()
    {
        AfResult one = await _af.RunAsync("sim", "--seed", "42", "-o", "json");
        AfResult other = await _af.RunAsync("sim", "--seed", "42", "-o", "json");
        Assert.Equal((ExitCode.Ok, one.Out), (other.Code, other.Out));
        JsonElement world = JsonElement.Parse(one.Out);
        Assert.Equal(42, world.GetProperty("seed").GetInt64());
        Assert.Matches("^[0-9a-f]{16}$", world.GetProperty("trace").GetString());
        Assert.NotEmpty(world.GetProperty("faults").EnumerateObject());
    }

    [Fact]
    public async Task Sim_SeveralSeeds_AreCountedByFault()
    {
        AfResult result = await _af.RunAsync("sim", "--seed", "1", "--count", "30");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        Assert.Contains("30 of 30 worlds kept every promise", result.Out, StringComparison.Ordinal);
        Assert.Matches(@"\ncrash +\d+ +\d+\n", result.Out);
    }

    [Theory]
    [InlineData("--seed", "-1")]
    [InlineData("--count", "0")]
    [InlineData("--seed", "x")]
    public async Task Sim_ImpossibleNumber_IsMisuse(string option, string value) => Assert.Equal(ExitCode.Usage, (await _af.RunAsync("sim", option, value)).Code);
}
