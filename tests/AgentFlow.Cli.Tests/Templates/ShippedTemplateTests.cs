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

    [Theory]
    [InlineData("""{"approved": true}""", "published")]
    [InlineData("""{"approved": false, "reason": "too thin"}""", "rejected")]
    public async Task Pipeline_Approval_WaitsForAPerson(string answer, string outcome)
    {
        AfResult init = await _af.RunAsync("init", "mine", "--template", "content-pipeline");
        Assert.Equal(ExitCode.Ok, init.Code);
        using AfProcess run = _af.Start("run", "mine/", "-i", "topic=When is honey ready to be harvested?");
        string note = await run.ErrorLineAsync("waits for a person");
        run.SendInterrupt();
        await run.EndAsync();
        JsonElement task = Assert.Single(JsonElement.Parse((await _af.RunAsync("tasks", "list", "-o", "json")).Out).EnumerateArray());
        string id = task.GetProperty("id").GetString()!;
        Assert.Contains($"tasks complete {id}", note, StringComparison.Ordinal);
        Assert.Equal("approver", task.GetProperty("assignee").GetProperty("role").GetString());
        AfResult answered = await _af.RunAsync("tasks", "complete", id, "--answer", answer);
        Assert.True(answered.Code == ExitCode.Ok, $"{answered}");
        string runId = task.GetProperty("run_id").GetString()!;
        AfResult watched = await _af.RunAsync("runs", "watch", runId);
        Assert.True(watched.Code == ExitCode.Ok, $"{watched}");
        JsonElement ended = JsonElement.Parse((await _af.RunAsync("runs", "show", runId, "-o", "json")).Out);
        Assert.Equal(outcome, ended.GetProperty("outcome").GetString());
    }
}
