using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Alerts;

public sealed class AlertsCommandTests
{
    [Fact]
    public async Task Alerts_RuleAndSilence_ComeAndGo()
    {
        using var af = new Af();
        Assert.Equal("nothing calls for attention", (await af.RunAsync("alerts", "list")).Out.Trim());
        AfResult saved = await af.RunAsync("alerts", "save-rule", "quick", "--signal", "agent_silence_seconds", "--target", "work*", "--warn", "10", "--critical", "20.5", "--for", "1m");
        Assert.Equal((0, "quick: agent_silence_seconds of work* warns above 10, is critical above 20.5"), (saved.Code, saved.Out.Trim()));
        JsonElement[] rules = [.. JsonElement.Parse((await af.RunAsync("alerts", "rules", "-o", "json")).Out).EnumerateArray()];
        Assert.Equal(["agent-offline", "bridge-errors", "bridge-latency", "quick"], rules.Select(r => r.GetProperty("name").GetString()));
        Assert.Equal(60, rules[3].GetProperty("for_seconds").GetDouble());
        Assert.Contains("bridge-latency", (await af.RunAsync("alerts", "rules")).Out, StringComparison.Ordinal);

        AfResult silence = await af.RunAsync("alerts", "silence", "bridge-*", "--for", "2h", "--reason", "moving", "-o", "json");
        Assert.Equal(0, silence.Code);
        string id = JsonElement.Parse(silence.Out).GetProperty("id").GetString()!;
        Assert.Contains(id, (await af.RunAsync("alerts", "silences")).Out, StringComparison.Ordinal);
        Assert.Equal(0, (await af.RunAsync("alerts", "unsilence", id)).Code);
        Assert.Equal("[]", (await af.RunAsync("alerts", "silences", "-o", "json")).Out.Trim());
        Assert.Equal(0, (await af.RunAsync("alerts", "remove-rule", "quick")).Code);
        Assert.Equal("[]", (await af.RunAsync("alerts", "events", "-o", "json")).Out.Trim());
    }

    [Theory]
    [InlineData(2, "30s, 5m or 2h", "alerts", "silence", "*", "--for", "soon")]
    [InlineData(2, "--signal", "alerts", "save-rule", "quick")]
    [InlineData(1, "agent_silence_seconds", "alerts", "save-rule", "quick", "--signal", "agent_silence", "--warn", "1")]
    [InlineData(1, "agent-offline", "alerts", "remove-rule", "agent-offlin")]
    [InlineData(1, "alerts/silences", "alerts", "unsilence", "x")]
    public async Task Alerts_Impossible_SaysTheRemedy(int code, string words, params string[] arguments)
    {
        using var af = new Af();
        AfResult result = await af.RunAsync(arguments);
        Assert.Equal(code, result.Code);
        Assert.Contains(words, result.Error, StringComparison.Ordinal);
    }
}
