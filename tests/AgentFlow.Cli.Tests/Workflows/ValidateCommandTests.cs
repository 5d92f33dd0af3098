using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Workflows;

public sealed class ValidateCommandTests : IDisposable
{
    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Validate_GoodFile_SaysWhatItIs()
    {
        _af.Write("echo.yaml", Af.Echo);
        AfResult result = await _af.RunAsync("validate", "echo.yaml");
        Assert.Equal((ExitCode.Ok, "echo.yaml: ok, echo 1.0.0 (fsm)\n"), (result.Code, result.Out));
        Assert.False(Directory.Exists(Path.Combine(_af.Folder, ".af")));
    }

    [Fact]
    public async Task Validate_BadFile_PrintsEveryProblemOnALine()
    {
        _af.Write("bad.yaml", Af.Echo.Replace("skill.echo", "skill.ekko", StringComparison.Ordinal).Replace("final_states", "final_state", StringComparison.Ordinal));
        AfResult result = await _af.RunAsync("validate", "bad.yaml");
        Assert.Equal(ExitCode.Failed, result.Code);
        string[] lines = result.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(lines, l => l.StartsWith("bad.yaml:7:1: error ", StringComparison.Ordinal) && l.Contains("final_states", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("bad.yaml:9:", StringComparison.Ordinal) && l.Contains("skill.echo", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Validate_Json_IsAnArrayOfFiles()
    {
        _af.Write("a/echo.yaml", Af.Echo);
        _af.Write("a/b/bad.yaml", Af.Echo.Replace("skill.echo", "skill.ekko", StringComparison.Ordinal));
        _af.Write("a/other.yaml", "not: a workflow");
        _af.Write("a/.hidden/bad.yaml", "planner: fsm");
        AfResult result = await _af.RunAsync("validate", "a", "-o", "json");
        Assert.Equal((ExitCode.Failed, ""), (result.Code, result.Error));
        JsonElement[] files = [.. JsonElement.Parse(result.Out).EnumerateArray()];
        Assert.Equal([("a/echo.yaml", true), ("a/b/bad.yaml", false)], files.Select(f => (f.GetProperty("file").GetString()!, f.GetProperty("valid").GetBoolean())));
        JsonElement problem = files[1].GetProperty("diagnostics")[0];
        Assert.Equal(("error", 9), (problem.GetProperty("severity").GetString(), problem.GetProperty("line").GetInt32()));
    }

    [Fact]
    public async Task Validate_WorkflowsThatStartEachOther_AreWarnedOf()
    {
        static string Starts(string name, string other, string more = "") => $"language: 1\nname: {name}\nversion: 1.0.0\nplanner: dag\nsteps:\n  - {{ id: a, tool: skill.echo, input: {{}} }}\n  - {{ id: go, depends_on: [a], workflow: {{ name: {other} }}{more} }}\n";
        _af.Write("ping.yaml", Starts("ping", "pong"));
        _af.Write("pong.yaml", Starts("pong", "peng"));
        _af.Write("peng.yaml", Starts("peng", "ping"));
        AfResult result = await _af.RunAsync("validate", "ping.yaml");
        Assert.Equal(ExitCode.Ok, result.Code);
        Assert.Contains("ping.yaml:7:50: warning endless-starts: Every run of 'ping' starts another one in step 'go' (ping → pong → peng → ping), and nothing ends that but the limit: 16 runs deep, all of them fail. Let a condition decide", result.Out, StringComparison.Ordinal);

        // Something decides, somewhere on the way; or nobody knows what one of them does.
        _af.Write("peng.yaml", Starts("peng", "ping", ", condition: input.again"));
        Assert.DoesNotContain("endless-starts", (await _af.RunAsync("validate", "ping.yaml")).Out, StringComparison.Ordinal);
        _af.Write("peng.yaml", Starts("peng", "ping").Replace("skill.echo", "skill.ekko", StringComparison.Ordinal));
        Assert.DoesNotContain("endless-starts", (await _af.RunAsync("validate", "ping.yaml")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Validate_CalledWorkflows_AreLookedForInTheFilesBeside()
    {
        _af.Write("bill.yaml", "language: 1\nname: bill\nversion: 1.2.0\nplanner: dag\nsteps: [{ id: a, tool: skill.echo }]\n");
        _af.Write("shop.yaml", "language: 1\nname: shop\nversion: 1.0.0\nplanner: dag\nsteps:\n  - { id: a, workflow: { name: bill, version: 1.x } }\n  - { id: b, workflow: { name: bill, version: 2.x } }\n  - { id: c, workflow: { name: blil } }\n");
        AfResult result = await _af.RunAsync("validate", "shop.yaml", "-o", "json");
        Assert.Equal(
            ["No version of 'bill' fits '2.x' yet: there is 1.2.0.", "There is no workflow 'blil' yet; a step that calls it fails with WORKFLOW_NOT_FOUND."],
            JsonElement.Parse(result.Out)[0].GetProperty("diagnostics").EnumerateArray().Select(d => d.GetProperty("message").GetString()));
    }

    [Fact]
    public async Task Validate_OnATerminal_PointsAtThePlace()
    {
        _af.Write("bad.yaml", Af.Echo.Replace("skill.echo", "skill.ekko", StringComparison.Ordinal));
        AfResult result = await _af.RunOnTerminalAsync("validate", "bad.yaml", "--no-color");
        string[] lines = [.. result.Out.Split('\n').Select(l => l.TrimEnd())];
        int at = Array.FindIndex(lines, l => l.Contains("    9 |", StringComparison.Ordinal));
        Assert.True(at > 0, $"{result}");
        Assert.Equal(lines[at].IndexOf("skill.ekko", StringComparison.Ordinal), lines[at + 1].IndexOf('^'));
    }

    [Theory]
    [InlineData("none.yaml", "there is no file or folder none.yaml.")]
    [InlineData("empty", "there is no workflow file in empty")]
    public async Task Validate_Nothing_IsMisuse(string path, string message)
    {
        Directory.CreateDirectory(Path.Combine(_af.Folder, "empty"));
        AfResult result = await _af.RunAsync("validate", path);
        Assert.Equal(ExitCode.Usage, result.Code);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }
}
