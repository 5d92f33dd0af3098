using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Templates;

public sealed class InitCommandTests : IDisposable
{
    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Init_Support_GivesAWorkflowThatRuns()
    {
        AfResult init = await _af.RunAsync("init", "mine", "-p", "min_confidence=0.9", "-o", "json");
        Assert.True(init.Code == ExitCode.Ok, $"{init}");
        string[] files = [.. JsonElement.Parse(init.Out).GetProperty("files").EnumerateArray().Select(f => f.GetString()!)];
        Assert.Contains("workflow.yaml", files);
        Assert.DoesNotContain("template.yaml", files);
        Assert.All(files, file => Assert.True(File.Exists(Path.Combine(_af.Folder, "mine", file)), file));

        AfResult validate = await _af.RunAsync("validate", "mine");
        Assert.True(validate.Code == ExitCode.Ok, $"{validate}");
        AfResult run = await _af.RunAsync("run", "mine/", "-i", "message=Where is my parcel?", "-o", "json");
        Assert.True(run.Code == ExitCode.Ok, $"{run}");
    }

    [Fact]
    public async Task Init_Parameters_ChangeTheirValuesAndNothingElse()
    {
        await _af.RunAsync("init", "plain");
        await _af.RunAsync("init", "changed", "-p", "min_relevance=0.31", "-p", "provider=ollama", "-p", "model=llama3.2: 3b");
        string[] plain = File.ReadAllLines(Path.Combine(_af.Folder, "plain", "workflow.yaml"));
        string[] changed = File.ReadAllLines(Path.Combine(_af.Folder, "changed", "workflow.yaml"));
        var differences = plain.Zip(changed).Where(pair => pair.First != pair.Second).ToArray();
        Assert.Equal(plain.Length, changed.Length);
        Assert.Equal(3, differences.Length);
        Assert.All(differences, d => Assert.Equal(
            d.First.Replace("local", "ollama", StringComparison.Ordinal).Replace("few-shot", "\"llama3.2: 3b\"", StringComparison.Ordinal).Replace("0.15", "0.31", StringComparison.Ordinal),
            d.Second));
    }

    [Fact]
    public async Task Init_FileThatExists_WritesNothing()
    {
        _af.Write("mine/workflow.yaml", "precious");
        AfResult result = await _af.RunAsync("init", "mine");
        Assert.Equal((ExitCode.Failed, ""), (result.Code, result.Out));
        Assert.Contains($"{Path.Combine("mine", "workflow.yaml")} exists already; nothing was written.", result.Error, StringComparison.Ordinal);
        Assert.Equal([Path.Combine(_af.Folder, "mine", "workflow.yaml")], Directory.EnumerateFileSystemEntries(Path.Combine(_af.Folder, "mine")));
        Assert.Equal("precious", File.ReadAllText(Path.Combine(_af.Folder, "mine", "workflow.yaml")));
    }
}
