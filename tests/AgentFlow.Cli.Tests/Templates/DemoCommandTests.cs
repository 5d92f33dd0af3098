using System.Text.Json;
using System.Text.RegularExpressions;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Templates;

public sealed partial class DemoCommandTests : IDisposable
{
    private const int Messages = 40;
    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Demo_Support_AccountsForEveryMessageAndLeavesNothingBehind()
    {
        AfResult result = await _af.RunAsync("demo", "support", "-o", "json");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        JsonElement[] rows = [.. JsonElement.Parse(result.Out).EnumerateArray()];
        Assert.Equal(Enumerable.Range(1, Messages), rows.Select(r => r.GetProperty("row").GetInt32()));
        Assert.All(rows, row =>
        {
            Assert.Equal("completed", row.GetProperty("status").GetString());
            Assert.Contains(row.GetProperty("outcome").GetString(), new[] { "answered", "human_review", "escalated" });
            Assert.Equal("classify", row.GetProperty("path")[0].GetString());
            Assert.True(row.GetProperty("ms").GetDouble() >= 0);
            Assert.False(row.TryGetProperty("run_id", out _));
        });
        Assert.All(rows.Where(r => r.GetProperty("outcome").GetString() == "answered"), row =>
        {
            Assert.InRange(row.GetProperty("confidence").GetDouble(), 0, 1);
            Assert.Equal("local", row.GetProperty("provider").GetString());
        });
        Assert.InRange(Answered(result), 1, Messages);
        Assert.Contains(rows, r => r.GetProperty("outcome").GetString() == "human_review");
        Assert.Contains($"{Messages} of {Messages} messages accounted for: ", result.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_af.Folder));
    }

    [Fact]
    public async Task Demo_Twice_PrintsTheSameButForTheMilliseconds()
    {
        AfResult first = await _af.RunAsync("demo", "support");
        AfResult second = await _af.RunAsync("demo", "support", "--concurrency", "1");
        Assert.Equal(ExitCode.Ok, first.Code);
        Assert.Equal(WithoutMs(first.Out), WithoutMs(second.Out));
        Assert.Contains("Try next:", first.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Demo_Database_KeepsTheRuns()
    {
        AfResult demo = await _af.RunAsync("demo", "support", "--db", "kept.db", "-o", "json");
        string id = JsonElement.Parse(demo.Out)[0].GetProperty("run_id").GetString()!;
        _af.Environment["AF_DB_DSN"] = "sqlite:kept.db";
        JsonElement run = JsonElement.Parse((await _af.RunAsync("runs", "show", id, "-o", "json")).Out);
        Assert.Equal(("support", "completed"), (run.GetProperty("workflow").GetString(), run.GetProperty("status").GetString()));
    }

    [Fact]
    public async Task Demo_Parameter_ChangesThePaths()
    {
        AfResult usual = await _af.RunAsync("demo", "support", "-o", "json");
        AfResult strict = await _af.RunAsync("demo", "support", "-p", "min_confidence=0.999", "-o", "json");
        Assert.True(strict.Code == ExitCode.Ok, $"{strict}");
        Assert.InRange(Answered(strict), 0, Answered(usual) - 1);
    }

    [Theory]
    [InlineData("there is no template 'sport'. There are: content-pipeline, devops-automation, support.", "demo", "sport")]
    [InlineData("has no parameter 'colour'. It has: provider, ", "demo", "support", "-p", "colour=red")]
    [InlineData("'min_confidence' takes a number from 0 to 1.", "demo", "support", "-p", "min_confidence=2")]
    [InlineData("'provider' takes one of local, openai,", "demo", "support", "-p", "provider=me")]
    public async Task Demo_Misuse_NamesWhatThereIs(string message, params string[] arguments)
    {
        AfResult result = await _af.RunAsync(arguments);
        Assert.Equal((ExitCode.Usage, ""), (result.Code, result.Out));
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }

    private static int Answered(AfResult result) =>
        JsonElement.Parse(result.Out).EnumerateArray().Count(row => row.GetProperty("outcome").GetString() == "answered");

    /// <summary>Milliseconds are the numbers before a cost; their column is as wide as its widest number.</summary>
    private static string WithoutMs(string text) => Spaces().Replace(Milliseconds().Replace(text, " $1"), " ");

    [GeneratedRegex(@" [0-9.]+( +\$[0-9.]+)$", RegexOptions.Multiline)]
    private static partial Regex Milliseconds();

    [GeneratedRegex(" +")]
    private static partial Regex Spaces();
}
