using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests;

public sealed class ReadmeTests
{
    [Fact]
    public async Task Readme_Workflow_Runs()
    {
        string readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        int start = readme.IndexOf("```yaml\n", StringComparison.Ordinal) + "```yaml\n".Length;
        using var af = new Af();
        af.Write("greeting.yaml", readme[start..readme.IndexOf("```", start, StringComparison.Ordinal)]);
        AfResult result = await af.RunAsync("run", "greeting.yaml", "-i", "name=Ada");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        Assert.Equal("Hello Ada", JsonElement.Parse(result.Out).GetProperty("text").GetString());
    }
}
