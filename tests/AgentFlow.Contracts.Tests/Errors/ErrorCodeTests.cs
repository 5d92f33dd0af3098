using System.Text.RegularExpressions;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Contracts.Tests.Errors;

public sealed partial class ErrorCodeTests
{
    private static readonly string Pages = Path.Combine(Repository.Root, "docs", "errors");

    public static TheoryData<string> Codes => [.. ErrorCode.All.Select(c => c.Code)];

    [Fact]
    public void Pages_Set_IsTheTable() => Assert.Equal(
        ErrorCode.All.Select(c => c.Code),
        Directory.GetFiles(Pages, "*.md").Select(f => Path.GetFileNameWithoutExtension(f)).Where(n => n != "README").Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Codes))]
    public void Page_Facts_AreTheTables(string code)
    {
        ErrorCode entry = ErrorCode.Find(code)!;
        string page = File.ReadAllText(Path.Combine(Pages, $"{code}.md"));
        string retry = entry.Retryable ? "retryable" : "not retryable";
        Assert.StartsWith($"# {code}\n\n{entry.Title}. HTTP {entry.Status}, {entry.Category.Word()}, {retry}.\n", page);
        Assert.Matches(@"\n## Cause\n\n[^\n#]{30,}\n\n## What to do\n\n[^\n#]{20,}\n$", page);
    }

    [Theory]
    [MemberData(nameof(Codes))]
    public void Index_Row_IsTheTables(string code)
    {
        ErrorCode entry = ErrorCode.Find(code)!;
        string index = File.ReadAllText(Path.Combine(Pages, "README.md"));
        Assert.Contains($"\n| [{code}]({code}.md) | {entry.Status} | {entry.Category.Word()} | {entry.Title} |\n", index);
    }

    [Theory]
    [MemberData(nameof(Codes))]
    public void Entry_Fields_AreWellFormed(string code)
    {
        ErrorCode entry = ErrorCode.Find(code)!;
        Assert.Matches(ScreamingSnake(), entry.Code);
        Assert.InRange(entry.Status, 400, 504);
        Assert.Equal(entry.Category is ErrorCategory.Transient or ErrorCategory.Resource, entry.Retryable);
        Assert.False(entry.Title.EndsWith('.'));
    }

    [Fact]
    public void Find_UnknownCode_IsNull() => Assert.Null(ErrorCode.Find("NO_SUCH_CODE"));

    [GeneratedRegex("^[A-Z]+(_[A-Z]+)*$")]
    private static partial Regex ScreamingSnake();
}
