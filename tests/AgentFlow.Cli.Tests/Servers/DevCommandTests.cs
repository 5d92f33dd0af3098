using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Servers;

public sealed class DevCommandTests : IDisposable
{
    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Dev_Changes_AreValidatedAndRegistered()
    {
        _af.Write("flows/echo.yaml", Af.Echo);
        using AfProcess dev = _af.Start("dev", "flows", "--url", "unix:./af.sock");
        await dev.LineAsync("echo 1.0.0 is registered");
        await dev.ErrorLineAsync("watching 1 workflow file");

        _af.Write("flows/echo.yaml", Af.Echo.Replace("skill.echo", "skill.ekko", StringComparison.Ordinal));
        Assert.Contains("echo.yaml:9:", await dev.LineAsync("error"), StringComparison.Ordinal);

        _af.Write("flows/echo.yaml", Af.Echo.Replace("outcome: said", "outcome: shouted", StringComparison.Ordinal));
        await dev.LineAsync("echo 1.0.1-dev.");
        _af.Environment["AF_SERVER"] = $"unix:{_af.Folder}/af.sock";
        AfResult run = await _af.RunAsync("run", "echo", "-i", "message=x", "-o", "json");
        Assert.True(run.Code == ExitCode.Ok, $"{run}");
        Assert.Equal("shouted", JsonElement.Parse(run.Out).GetProperty("outcome").GetString());

        _af.Write("flows/new/hold.yaml", Af.Hold);
        await dev.LineAsync("hold 1.0.0 is registered");
        dev.SendInterrupt();
        Assert.Equal(ExitCode.Ok, (await dev.EndAsync()).Code);
    }

    [Fact]
    public async Task Dev_NoFolder_IsMisuse() => Assert.Equal(ExitCode.Usage, (await _af.RunAsync("dev", "nowhere")).Code);
}
