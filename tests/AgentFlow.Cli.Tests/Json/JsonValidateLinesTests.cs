using System.Text;
using System.Text.Json;
using AgentFlow.Cli.Json;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Cli.Tests.Json;

public sealed class JsonValidateLinesTests
{
    [Fact]
    public void Answer_Lines_GetOneAnswerEachInOrder()
    {
        string[] answers = Answers(
            """
            {"schema":{"type":"integer"},"instance":1}
            {"schema":{"type":"integer"},"instance":"é"}
            not json
            {"schema":{"type":"nul"},"instance":null}

            {"instance":1}
            [1]
            {"schema":{"a":1,"a":2},"instance":1}
            {"schema":{"$ref":"https://example.com/x"},"instance":1}
            {"schema":false,"instance":{"a":[1]}}
            {"schema":true,"instance":"\ud800"}
            {"\ud800":1,"\ud800x":2,"schema":true,"instance":1}
            {"schema":true,"instance":1,"\ud80":1}
            """);
        Assert.Equal("""{"valid":true,"errors":[]}""", answers[0]);
        Assert.Equal(
            """{"valid":false,"errors":[{"instance_location":"","keyword_location":"/type","message":"Expected an integer, found the string \"é\"."}]}""",
            answers[1]);
        Assert.Contains("Not JSON", answers[2]);
        Assert.Contains("\"keyword_location\":\"/type\",\"message\":\"The schema is invalid: ", answers[3]);
        Assert.Contains("Not JSON", answers[4]);
        Assert.Contains("'schema' and 'instance'", answers[5]);
        Assert.Contains("'schema' and 'instance'", answers[6]);
        Assert.Contains("Not JSON", answers[7]);
        Assert.Contains("/$ref", answers[8]);
        Assert.Contains("No value is allowed", answers[9]);
        Assert.Equal("""{"valid":true,"errors":[]}""", answers[10]);
        Assert.Contains("Not JSON", answers[11]);
        Assert.Contains("Not JSON", answers[12]);
        Assert.Equal(13, answers.Length);
        Assert.All(answers, a => Assert.Equal(2, JsonElement.Parse(a).GetPropertyCount()));
    }

    [Fact]
    public void Answer_AfterABadSchema_TheNextLineIsCompiledAfresh() => Assert.Equal(
        [true, false, true, false],
        Answers(
            """
            {"schema":{"type":"null"},"instance":null}
            {"schema":{"type":1},"instance":null}
            {"schema":{"type":"null"},"instance":null}
            {"schema":{"type":"null"},"instance":1}
            """).Select(a => JsonElement.Parse(a).GetProperty("valid").GetBoolean()));

    [Fact]
    public void Answer_LinesAcrossReads_AreJoined()
    {
        string line = $$"""{"schema":{"maxLength":10},"instance":"{{new string('x', 200_000)}}"}""";
        string[] answers = Answers($"{line}\r\n{line}");
        Assert.Equal(2, answers.Length);
        Assert.All(answers, a => Assert.Contains("at most 10 characters", a));
    }

    [Fact]
    public void Answer_DeepAndLongLines_AreRefusedOneByOne()
    {
        string deep = $"{{\"schema\":true,\"instance\":{new string('[', 100_000)}{new string(']', 100_000)}}}";
        string huge = $"{{\"schema\":true,\"instance\":\"{new string('x', 65 * 1024 * 1024)}\"}}";
        string[] answers = Answers($"{deep}\n{huge}\n{{\"schema\":true,\"instance\":1}}\n");
        Assert.Contains("Not JSON", answers[0]);
        Assert.Contains("longer than", answers[1]);
        Assert.Equal("""{"valid":true,"errors":[]}""", answers[2]);
        Assert.Equal(3, answers.Length);
    }

    [Fact]
    public void Answer_AssertFormat_ChecksIt()
    {
        const string line = """{"schema":{"format":"ipv4"},"instance":"x"}""";
        Assert.Contains("true", Answers(line)[0]);
        Assert.Contains("false", Answers(line, new JsonSchemaOptions { AssertFormat = true })[0]);
    }

    [Theory]
    [InlineData("1", "valid\n")]
    [InlineData("\"x\"", "(root): Expected an integer, found the string \"x\". [/type]\n")]
    public void ToText_Result_IsOneLineForEachError(string instance, string text)
    {
        Assert.True(JsonSchema.TryCompile(JsonElement.Parse("""{"type":"integer"}"""), out JsonSchema? schema, out _));
        Assert.Equal(text, JsonValidateCommand.ToText(schema.Validate(JsonElement.Parse(instance))).ReplaceLineEndings("\n"));
    }

    private static string[] Answers(string lines, JsonSchemaOptions? options = null)
    {
        using var input = new MemoryStream(Encoding.UTF8.GetBytes(lines));
        using var output = new MemoryStream();
        new JsonValidateLines(options ?? JsonSchemaOptions.Default).Answer(input, output);
        string text = Encoding.UTF8.GetString(output.ToArray());
        Assert.EndsWith("\n", text);
        return text[..^1].Split('\n');
    }
}
