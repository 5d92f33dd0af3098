using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Templates;

public sealed class ShippedTemplateTests : IDisposable
{
    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Theory]
    [InlineData("content-pipeline", "published", "no_sources")]
    [InlineData("devops-automation", "resolved", "paged", "rolled_back")]
    public async Task Demo_Template_AccountsForEveryInput(string template, params string[] outcomes)
    {
        AfResult result = await _af.RunAsync("demo", template, "-o", "json");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        JsonElement[] rows = [.. JsonElement.Parse(result.Out).EnumerateArray()];
        Assert.All(rows, row => Assert.Equal("completed", row.GetProperty("status").GetString()));
        Assert.Equal(outcomes.Order(StringComparer.Ordinal), rows.Select(r => r.GetProperty("outcome").GetString()!).Distinct().Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("content-pipeline", "max_drafts=2")]
    [InlineData("devops-automation", "settle=1s")]
    public async Task Init_Template_GivesAProjectWhoseScenariosPass(string template, string parameter)
    {
        AfResult init = await _af.RunAsync("init", "mine", "--template", template);
        Assert.True(init.Code == ExitCode.Ok, $"{init}");
        Assert.Contains("af test mine", init.Out, StringComparison.Ordinal);
        Assert.True((await _af.RunAsync("validate", "mine")).Code == ExitCode.Ok);
        AfResult test = await _af.RunAsync("test", "mine", "--ci");
        Assert.True(test.Code == ExitCode.Ok, $"{test}");
        AfResult changed = await _af.RunAsync("init", "changed", "--template", template, "-p", parameter);
        Assert.True(changed.Code == ExitCode.Ok, $"{changed}");
    }

    [Fact]
    public async Task Pipeline_Approval_WaitsForAPerson()
    {
        AfResult init = await _af.RunAsync("init", "mine", "--template", "content-pipeline");
        Assert.Equal(ExitCode.Ok, init.Code);
        using AfProcess run = _af.Start("run", "mine/", "-i", "topic=When is honey ready to be harvested?");
        await run.ErrorLineAsync("waits for the signal approval");
        run.SendInterrupt();
        await run.EndAsync();
        string id = JsonElement.Parse((await _af.RunAsync("runs", "list", "-o", "json")).Out)[0].GetProperty("id").GetString()!;
        Assert.Equal(ExitCode.Ok, (await _af.RunAsync("runs", "signal", id, "approval", "--payload", """{"approved": true}""")).Code);
        AfResult watched = await _af.RunAsync("runs", "watch", id);
        Assert.True(watched.Code == ExitCode.Ok, $"{watched}");
        JsonElement ended = JsonElement.Parse((await _af.RunAsync("runs", "show", id, "-o", "json")).Out);
        Assert.Equal("published", ended.GetProperty("outcome").GetString());
    }
}
