using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Execution;

/// <summary>A workflow whose plan <c>local</c> makes, from the file to the answer, without a key or a network.</summary>
public sealed class PlannedRunTests : IDisposable
{
    private const string Workflow = """
        language: 1
        name: night-shift
        version: 1.0.0
        input: { type: object, required: [alert, host], properties: { alert: { type: string }, host: { type: string } } }
        assets: [data/plans.jsonl]
        planner: llm
        plan:
          goal: "${input.alert}"
          model: { provider: local }
          examples: data/plans.jsonl
          tools: [skill.echo, skill.json_transform]
          branches:
            - { id: ignore, condition: "input.alert.startsWith('test:')", tool: skill.echo, input: { ignored: "${input.alert}" } }
          fallback: human
        """;

    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    private static string Example(string goal, string command) =>
        $$$"""{"input":"{{{goal}}}","steps":[{"step_id":"act","skill":"skill.echo","params":{"command":"{{{command}}}","host":"{{input.host}}"}},{"step_id":"note","skill":"skill.json_transform","params":{"operation":"pick","data":"{{act}}","fields":["host"]},"depends_on":["act"]}]}""";

    private void Write()
    {
        Directory.CreateDirectory(Path.Combine(_af.Folder, "data"));
        _af.Write("workflow.yaml", Workflow);
        _af.Write("data/plans.jsonl", string.Join('\n',
            Example("the web server does not answer", "restart"), Example("http requests time out, the service hangs", "restart"),
            Example("no space left on device", "clean"), Example("the disk is full of old logs", "clean")));
    }

    [Theory]
    [InlineData("requests to the web server hang", "restart")]
    [InlineData("disk full, no space left", "clean")]
    public async Task Run_LocalPlanner_PlansLikeTheExamples(string alert, string command)
    {
        Write();
        AfResult valid = await _af.RunAsync("validate", "workflow.yaml");
        Assert.True(valid.Code == ExitCode.Ok, $"{valid}");
        AfResult result = await _af.RunAsync("run", "workflow.yaml", "-i", $"alert={alert}", "-i", "host=web-3", "-o", "json");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        JsonElement run = JsonElement.Parse(result.Out);
        Assert.Equal(["plan.model", "act", "note"], run.GetProperty("path").EnumerateArray().Select(p => p.GetString()!));
        Assert.Equal("web-3", run.GetProperty("output").GetProperty("output").GetProperty("host").GetString());
        AfResult events = await _af.RunAsync("runs", "events", run.GetProperty("id").GetString()!, "-o", "json");
        Assert.Contains($"\\\"command\\\":\\\"{command}\\\"", events.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_Branch_AsksNobody()
    {
        Write();
        AfResult result = await _af.RunAsync("run", "workflow.yaml", "-i", "alert=test: ping", "-i", "host=web-3");
        Assert.Equal("test: ping", JsonElement.Parse(result.Out).GetProperty("ignored").GetString());
        Assert.DoesNotContain("plan.model", result.Error, StringComparison.Ordinal);
    }
}
