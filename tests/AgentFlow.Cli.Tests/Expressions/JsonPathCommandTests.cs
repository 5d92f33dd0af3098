using System.Text;
using System.Text.Json;
using AgentFlow.Cli.Expressions;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Expressions;

public sealed class JsonPathCommandTests
{
    [Fact]
    public void Answer_Requests_AnswersEachInOrder() => Assert.Equal(
        ["""{"value":[1,2.50]}""", """{"value":[]}""", """{"value":["\u0061é",{"b": [1]}]}""", """{"value":[null]}"""],
        Lines(
            """{"path": "$.a[*]", "document": {"a": [1, 2.50]}}""",
            """{"path": "$.b", "document": {"a": 1}}""",
            """{"document": ["\u0061é", {"b": [1]}], "path": "$[*]", "more": true}""",
            """{"path": "$", "document": null}"""));

    [Fact]
    public void Answer_Paths_GivesNormalizedPaths() => Assert.Equal(
        ["""{"value":["$['a'][1]"]}""", """{"value":["$['b\\u0000']"]}"""],
        Run(["""{"path": "$.a[?@ > 1]", "document": {"a": [1, 2]}}""", """{"path": "$.*", "document": {"b\u0000": 3}}"""], paths: true));

    [Theory]
    [InlineData("{", "the line is no JSON")]
    [InlineData("", "the line is no JSON")]
    [InlineData("[]", "an object with the string 'path'")]
    [InlineData("{}", "an object with the string 'path'")]
    [InlineData("""{"path": "$"}""", "the value 'document'")]
    [InlineData("""{"path": 1, "document": 1}""", "an object with the string 'path'")]
    [InlineData("""{"path": "\ud800", "document": 1}""", "'path' is no valid string")]
    [InlineData("""{"path": "$[", "document": 1}""", "position 3 of '$['")]
    [InlineData("""{"path": "$[?length(@.*) == 1]", "document": 1}""", "length() takes a value")]
    [InlineData("""{"path": "$", "document": 1} x""", "the line is no JSON")]
    public void Answer_BadLine_SaysWhyAndGoesOn(string line, string reason)
    {
        string[] answers = Lines(line, """{"path": "$", "document": "after"}""");

        Assert.Contains(reason, JsonElement.Parse(answers[0]).GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal("""{"value":["after"]}""", answers[1]);
    }

    [Fact]
    public void Answer_HostileLines_AreAnswered()
    {
        string nested = string.Concat(Enumerable.Repeat("[[],", 300)) + "1" + new string(']', 300);
        string deep = new string('[', 3_000) + new string(']', 3_000);
        string[] answers = Lines(
            $$"""{"path": "$..*..*..*..*..*", "document": {{nested}}}""",
            $$"""{"path": "$[*]", "document": {{new string('[', 100_000)}}}""",
            $$"""{"path": "$..[?@ == $[0]]", "document": {{deep}}}""",
            """{"path": "$.a", "document": {"a": "\ud800"}}""");

        Assert.Contains("too much", answers[0], StringComparison.Ordinal);
        Assert.StartsWith("{\"error\":", answers[1], StringComparison.Ordinal);
        Assert.StartsWith("{\"value\":[[[", answers[2], StringComparison.Ordinal);
        Assert.Equal("""{"value":["\ud800"]}""", answers[3]);
    }

    [Fact]
    public void Answer_BytesThatAreNoUtf8_SaysSo()
    {
        using var output = new MemoryStream();
        RequestLines.Answer(
            new MemoryStream([.. "{\"path\": \"$\", \"document\": \""u8, 0xFF, .. "\"}\n"u8]), output, (line, answer) => JsonPathCommand.Answer(line, false, answer));

        Assert.Contains("not UTF-8", Encoding.UTF8.GetString(output.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Jsonpath_Process_PrintsNodesAndEndsWithTheRightCode()
    {
        using var af = new Af();
        AfResult good = await af.RunAsync("""{"a": [1, 2.50, 3]}""", ["expr", "jsonpath", "$.a[?@ > 1]"]);
        AfResult paths = await af.RunAsync("""{"a": [1, 2.50, 3]}""", ["expr", "jsonpath", "$.a[-1]", "-", "--paths"]);
        AfResult noQuery = await af.RunAsync("{}", ["expr", "jsonpath", "$.a["]);
        AfResult noJson = await af.RunAsync("{", ["expr", "jsonpath", "$"]);
        AfResult noFile = await af.RunAsync("", ["expr", "jsonpath", "$", "/nowhere/x.json"]);
        AfResult nothing = await af.RunAsync("", ["expr", "jsonpath"]);
        AfResult lines = await af.RunAsync("""{"path": "$", "document": 1}""", ["expr", "jsonpath", "--ndjson"]);

        Assert.Equal((0, "[2.50,3]\n"), (good.Code, good.Out));
        Assert.Equal((0, "[\"$['a'][2]\"]\n"), (paths.Code, paths.Out));
        Assert.Equal((1, "af expr jsonpath: position 5 of '$.a[': expected a quoted name, an index, a slice, '*' or '?'\n"), (noQuery.Code, noQuery.Error));
        Assert.Equal(1, noJson.Code);
        Assert.Equal(2, noFile.Code);
        Assert.Equal(2, nothing.Code);
        Assert.Equal((0, "{\"value\":[1]}\n"), (lines.Code, lines.Out));
    }

    private static string[] Lines(params string[] lines) => Run(lines, paths: false);

    private static string[] Run(string[] lines, bool paths)
    {
        using var output = new MemoryStream();
        RequestLines.Answer(
            new MemoryStream(Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n")))), output,
            (line, answer) => JsonPathCommand.Answer(line, paths, answer));
        return Encoding.UTF8.GetString(output.ToArray()).Split('\n')[..^1];
    }
}
