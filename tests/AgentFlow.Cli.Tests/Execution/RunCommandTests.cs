using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Execution;

public sealed class RunCommandTests : IDisposable
{
    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Run_OneInput_PrintsItsOutput()
    {
        _af.Write("echo.yaml", Af.Echo);
        AfResult result = await _af.RunAsync("run", "echo.yaml", "-i", "message=Hello");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        Assert.Equal("Hello", JsonElement.Parse(result.Out).GetProperty("message").GetString());
        Assert.Contains("completed · said · say · confidence 0.50 · ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_OneInputAsJson_PrintsTheRun()
    {
        _af.Write("echo.yaml", Af.Echo);
        AfResult result = await _af.RunAsync("run", "echo.yaml", "--input-json", """{"message":"Hello"}""", "-o", "json");
        JsonElement run = JsonElement.Parse(result.Out);
        Assert.Equal(("completed", "said", "Hello"), (Text(run, "status"), Text(run, "outcome"), Text(run.GetProperty("output"), "message")));
    }

    [Theory]
    [InlineData("m.csv", "id;Text\n1;\"one; and a half\"\n2;\"two\nlines\"\n3;three\n")]
    [InlineData("m.json", """[{"text":"one; and a half"},"two\nlines",{"message":"three"}]""")]
    [InlineData("m.jsonl", "{\"message\":\"one; and a half\"}\n{\"body\":\"two\\nlines\"}\n\"three\"\n")]
    public async Task Run_Files_GiveRowsInTheirOrder(string name, string text)
    {
        _af.Write("echo.yaml", Af.Echo);
        _af.Write(name, text);
        AfResult result = await _af.RunAsync("run", "echo.yaml", "--input", name, "-o", "json");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        JsonElement[] rows = [.. JsonElement.Parse(result.Out).EnumerateArray()];
        Assert.Equal(["one; and a half", "two\nlines", "three"], rows.Select(r => Text(r.GetProperty("output"), "message")));
        Assert.Equal([1, 2, 3], rows.Select(r => r.GetProperty("row").GetInt32()));
        Assert.All(rows, row => Assert.Equal(("completed", "said", 0.5), (Text(row, "status"), Text(row, "outcome"), row.GetProperty("confidence").GetDouble())));
    }

    [Fact]
    public async Task Run_StandardInput_IsRead()
    {
        _af.Write("echo.yaml", Af.Echo);
        AfResult result = await _af.RunAsync("message\nfrom a pipe\n", ["run", "echo.yaml", "--input", "-", "-o", "json"]);
        Assert.Equal("from a pipe", Text(JsonElement.Parse(result.Out)[0].GetProperty("output"), "message"));
    }

    [Fact]
    public async Task Run_ManyRowsAtOnce_AllComeBackOnce()
    {
        const int Rows = 300;
        _af.Write("echo.yaml", Af.Echo);
        _af.Write("m.csv", "message\n" + string.Concat(Enumerable.Range(0, Rows).Select(i => $"row {i}\n")));
        AfResult result = await _af.RunAsync("run", "echo.yaml", "--input", "m.csv", "--concurrency", "64", "-o", "json");
        Assert.Equal(Enumerable.Range(0, Rows).Select(i => $"row {i}"), JsonElement.Parse(result.Out).EnumerateArray().Select(r => Text(r.GetProperty("output"), "message")));
    }

    [Fact]
    public async Task Run_Table_IsPlainTextOffTheTerminal()
    {
        _af.Write("echo.yaml", Af.Echo);
        _af.Write("m.csv", "message\none\ntwo \u001b[31mred\n");
        AfResult result = await _af.RunAsync("run", "echo.yaml", "--input", "m.csv");
        string[] lines = result.Out.Split('\n');
        Assert.Matches("^ROW  MESSAGE +PATH +OUTCOME +CONF. +MS +COST$", lines[0]);
        Assert.Matches(@"^  1  one +say +said +0\.50 +\d+ +\$0$", lines[1]);
        Assert.Matches(@"^  2  two \[31mred +say +said", lines[2]);
        Assert.DoesNotContain('\u001b', result.Out);
    }

    [Fact]
    public async Task Run_SomeRowsFail_SaysWhichAndFails()
    {
        _af.Write("fussy.yaml", Af.Fussy);
        _af.Write("m.csv", "message\nok\nnot ok\n");
        AfResult result = await _af.RunAsync("run", "fussy.yaml", "--input", "m.csv");
        Assert.Equal(ExitCode.Failed, result.Code);
        Assert.Contains("NO_TRANSITION", result.Out, StringComparison.Ordinal);
        Assert.Contains("row 2: ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_OneFails_ExitsWithOneAndSaysWhy()
    {
        _af.Write("fussy.yaml", Af.Fussy);
        AfResult result = await _af.RunAsync("run", "fussy.yaml", "-i", "message=no");
        Assert.Equal((ExitCode.Failed, ""), (result.Code, result.Out));
        Assert.Contains("NO_TRANSITION", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_InputAgainstTheSchema_IsARefusedRow()
    {
        _af.Write("echo.yaml", Af.Echo);
        _af.Write("m.jsonl", "{\"message\":\"fine\"}\n{\"message\":7}\n");
        AfResult result = await _af.RunAsync("run", "echo.yaml", "--input", "m.jsonl", "-o", "json");
        Assert.Equal(ExitCode.Failed, result.Code);
        JsonElement[] rows = [.. JsonElement.Parse(result.Out).EnumerateArray()];
        Assert.Equal(["completed", "refused"], rows.Select(r => Text(r, "status")));
        Assert.Equal("INPUT_INVALID", Text(rows[1].GetProperty("error"), "code"));
        Assert.Contains("/message", Text(rows[1].GetProperty("error"), "message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_NoUsableColumn_NamesItAndRunsNothing()
    {
        _af.Write("echo.yaml", Af.Echo);
        _af.Write("m.csv", "id,date\n1,today\n");
        AfResult result = await _af.RunAsync("run", "echo.yaml", "--input", "m.csv");
        Assert.Equal((ExitCode.Failed, ""), (result.Code, result.Out));
        Assert.Contains("m.csv:2: row 1: no column 'message'", result.Error, StringComparison.Ordinal);
        Assert.Equal("[]", (await _af.RunAsync("runs", "list", "-o", "json")).Out.Trim());
    }

    [Fact]
    public async Task Run_FileWithErrors_ShowsThemAndFails()
    {
        _af.Write("bad.yaml", Af.Echo.Replace("tool: skill.echo", "tool: skill.ekko", StringComparison.Ordinal));
        AfResult result = await _af.RunAsync("run", "bad.yaml", "-i", "message=x");
        Assert.Equal((ExitCode.Failed, ""), (result.Code, result.Out));
        Assert.Matches(@"bad\.yaml:9:\d+: error .*skill\.ekko", result.Error);
    }

    [Theory]
    [InlineData("none.yaml", "there is no file none.yaml")]
    [InlineData("none", "'none' is no file, no template (content-pipeline, devops-automation, support) and no workflow")]
    public async Task Run_NothingOfThatName_IsMisuse(string name, string message)
    {
        AfResult result = await _af.RunAsync("run", name);
        Assert.Equal(ExitCode.Usage, result.Code);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_RegisteredName_RunsTheNewestRelease()
    {
        _af.Write("echo.yaml", Af.Echo);
        await _af.RunAsync("run", "echo.yaml", "-i", "message=1");
        AfResult result = await _af.RunAsync("run", "echo", "-i", "message=2");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        Assert.Equal("2", Text(JsonElement.Parse(result.Out), "message"));
    }

    [Fact]
    public async Task Run_ChangedContentUnderOneVersion_RunsApartAndIsNotTheNewest()
    {
        _af.Write("echo.yaml", Af.Echo);
        await _af.RunAsync("run", "echo.yaml", "-i", "message=1");
        _af.Write("echo.yaml", Af.Echo.Replace("outcome: said", "outcome: shouted", StringComparison.Ordinal));
        AfResult changed = await _af.RunAsync("run", "echo.yaml", "-i", "message=2", "-o", "json");
        JsonElement run = JsonElement.Parse(changed.Out);
        Assert.Equal("shouted", Text(run, "outcome"));
        Assert.StartsWith("1.0.0-0.local.", Text(run, "version"), StringComparison.Ordinal);
        Assert.Contains("Raise 'version'", changed.Error, StringComparison.Ordinal);
        Assert.Equal("said", Text(JsonElement.Parse((await _af.RunAsync("run", "echo", "-i", "message=3", "-o", "json")).Out), "outcome"));
    }

    [Fact]
    public async Task Run_OnATerminal_ShowsATableWithLines()
    {
        _af.Write("echo.yaml", Af.Echo);
        _af.Write("m.csv", "message\none\ntwo\n");
        AfResult result = await _af.RunOnTerminalAsync("run", "echo.yaml", "--input", "m.csv");
        Assert.Equal(ExitCode.Ok, result.Code);
        Assert.Contains('╭', result.Out);
        Assert.Contains("\u001b[38;5;2msaid", result.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("\u001b[38", (await _af.RunOnTerminalAsync("run", "echo.yaml", "--input", "m.csv", "--no-color")).Out, StringComparison.Ordinal);
    }

    private static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();
}
