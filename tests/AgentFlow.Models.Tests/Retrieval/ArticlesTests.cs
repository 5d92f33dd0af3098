using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Retrieval;
using AgentFlow.Models.Tests.Support;

namespace AgentFlow.Models.Tests.Retrieval;

public class ArticlesTests
{
    [Fact]
    public void Read_Markdown_GivesAPassageASection()
    {
        var (passages, problems) = Read("kb", ("kb/returns.md", "# Returns\n\nThirty days.\n\n## How\nWith a label.\n\n### Abroad\nWrite to us.\n"), ("other.md", "# No\nNo."));

        Assert.Empty(problems);
        Assert.Equal(
            [new("returns", "Returns", "Thirty days."), new("returns#2", "Returns: How", "With a label."), new("returns#3", "Returns: Abroad", "Write to us.")],
            passages);
    }

    [Fact]
    public void Read_JsonLines_GivesAPassageALine()
    {
        var (passages, problems) = Read("kb.jsonl", ("kb.jsonl", "{\"id\":\"x\",\"title\":\"T\",\"text\":\"One.\"}\r\n\r\n{\"title\":\"U\",\"text\":\"Two.\"}"));

        Assert.Empty(problems);
        Assert.Equal([new("x", "T", "One."), new("kb#3", "U", "Two.")], passages);
    }

    [Theory]
    [InlineData("no heading here", "has no title"), InlineData("# Title only", "no text"), InlineData("#NoSpace\ntext", "has no title")]
    public void Read_MarkdownWithoutTitleOrText_SaysSo(string content, string message) =>
        Assert.Contains(message, Assert.Single(Read("kb", ("kb/a.md", content)).Problems).Message, StringComparison.Ordinal);

    [Theory, InlineData("{oops"), InlineData("[1]"), InlineData("{\"title\":\"T\"}"), InlineData("{\"title\":1,\"text\":\"x\"}")]
    public void Read_BadLine_NamesIt(string line) =>
        Assert.Contains("line 2", Assert.Single(Read("kb.jsonl", ("kb.jsonl", "{\"title\":\"T\",\"text\":\"One.\"}\n" + line)).Problems).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_SameIdTwice_IsAProblem() =>
        Assert.Contains("'a' occurs 2 times", Assert.Single(Read("kb", ("kb/x/a.md", "# A\nx"), ("kb/y/a.md", "# A\ny")).Problems).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_NotUtf8_IsAProblem()
    {
        var assets = new WorkflowAssets(new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal) { ["kb/a.md"] = new byte[] { 0x23, 0x20, 0xE9, 0x0A } });
        var problems = new List<AgentProblem>();

        Articles.Read("source", "kb", assets, problems);

        Assert.Contains("UTF-8", Assert.Single(problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MissingFolder_SuggestsTheNearest() =>
        Assert.Contains("'data/articles'", Assert.Single(Read("data/artikles", ("data/articles/a.md", "# A\nx")).Problems).Remedy, StringComparison.Ordinal);

    private static (List<Passage> Passages, List<AgentProblem> Problems) Read(string path, params (string, string)[] files)
    {
        var problems = new List<AgentProblem>();
        return (Articles.Read("source", path, Definitions.Assets(files), problems), problems);
    }
}
