using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Config;

public sealed class ConfigCommandTests
{
    [Fact]
    public async Task Config_SetHistoryRollback_TellTheSameStory()
    {
        using var af = new Af();
        af.Write("agentflow.yml", "execute_wait: 50s\n");
        Assert.Equal("50s", (await af.RunAsync("config", "get", "execute_wait")).Out.Trim());
        AfResult set = await af.RunAsync("config", "set", "execute_wait", "20s", "--workflow", "echo");
        Assert.True(set.Code == 0, $"{set}");
        Assert.Equal("execute_wait is 20s (workflow)", set.Out.Trim());
        Assert.Equal("50s", (await af.RunAsync("config", "get", "execute_wait")).Out.Trim());
        Assert.Equal("20s", (await af.RunAsync("config", "get", "execute_wait", "--workflow", "echo")).Out.Trim());
        Assert.Equal(0, (await af.RunAsync("config", "set", "accept_runs", "off")).Code);
        AfResult history = await af.RunAsync("config", "history");
        Assert.Contains("accept_runs: (not set) -> off", history.Out, StringComparison.Ordinal);
        Assert.Contains("execute_wait of echo: (not set) -> 20s", history.Out, StringComparison.Ordinal);
        Assert.Equal(0, (await af.RunAsync("config", "rollback", "1")).Code);
        JsonElement[] changed = [.. JsonElement.Parse((await af.RunAsync("config", "list", "--changed", "--workflow", "echo", "-o", "json")).Out).EnumerateArray()];
        Assert.Equal(["execute_wait"], changed.Select(s => s.GetProperty("key").GetString()).Where(k => k != "url"));
        Assert.Equal(0, (await af.RunAsync("config", "set", "execute_wait", "--unset", "--workflow", "echo")).Code);
        Assert.Equal("50s", (await af.RunAsync("config", "get", "execute_wait", "--workflow", "echo")).Out.Trim());
    }

    [Theory]
    [InlineData(1, "AF_LEASE", "config", "set", "lease", "5s")]
    [InlineData(1, "write on or off", "config", "set", "accept_runs", "maybe")]
    [InlineData(1, "accept_runs", "config", "get", "acept_runs")]
    [InlineData(2, "--unset", "config", "set", "accept_runs")]
    public async Task Config_Impossible_SaysTheRemedy(int code, string words, params string[] arguments)
    {
        using var af = new Af();
        AfResult result = await af.RunAsync(arguments);
        Assert.Equal(code, result.Code);
        Assert.Contains(words, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_UnusableFile_NamesThePlace()
    {
        using var af = new Af();
        af.Write("agentflow.yml", "log_level: information\nmax_steps: many\n");
        AfResult result = await af.RunAsync("config", "list");
        Assert.Equal(2, result.Code);
        Assert.Contains("agentflow.yml:2:12: max_steps is 'many': write a whole number", result.Error, StringComparison.Ordinal);
    }
}
