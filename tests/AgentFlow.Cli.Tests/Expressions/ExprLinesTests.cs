using System.Text;
using AgentFlow.Cli.Expressions;

namespace AgentFlow.Cli.Tests.Expressions;

public sealed class ExprLinesTests
{
    [Fact]
    public void Answer_Requests_AnswersEachInOrder() => Assert.Equal(
        ["{\"value\":3}", "{\"value\":[1,{\"b\":\"é\"}]}", "{\"value\":true}", "{\"value\":null}"],
        Plain(
            """{"expr": "1 + 2"}""",
            """{"expr": "v.a", "vars": {"v": {"a": [1,{"b":"é"}]}}}""",
            """{"expr": "x", "vars": {"a.x": true}, "container": "a"}""",
            """{"expr": "null", "vars": null, "container": null, "disable_macros": null}"""));

    [Theory]
    [InlineData("{", "the line is no JSON")]
    [InlineData("", "the line is no JSON")]
    [InlineData("[]", "an object with the string 'expr'")]
    [InlineData("{}", "an object with the string 'expr'")]
    [InlineData("{\"expr\": 1}", "an object with the string 'expr'")]
    [InlineData("{\"expr\": \"\\ud800\"}", "'expr' is no valid string")]
    [InlineData("{\"expr\": \"1 +\"}", "1:4: the expression ends")]
    [InlineData("{\"expr\": \"1 / 0\"}", "1:3: divide by zero")]
    [InlineData("{\"expr\": \"0.0 / 0.0\"}", "has no JSON form")]
    [InlineData("{\"expr\": \"1\", \"vars\": []}", "the variables are an object")]
    [InlineData("{\"expr\": \"1\", \"vars\": {\"v\": 1e999}}", "the variable 'v'")]
    [InlineData("{\"expr\": \"1\", \"container\": 5}", "'container' is no valid string")]
    [InlineData("{\"expr\": \"1\", \"disable_macros\": 5}", "'disable_macros' is true or false")]
    public void Answer_BadLine_SaysWhyAndGoesOn(string line, string reason)
    {
        var answers = Plain(line, """{"expr": "'after'"}""");
        Assert.StartsWith("{\"error\":\"", answers[0], StringComparison.Ordinal);
        Assert.Contains(reason, answers[0], StringComparison.OrdinalIgnoreCase);
        Assert.Equal("{\"value\":\"after\"}", answers[1]);
    }

    [Fact]
    public void Answer_BytesThatAreNoUtf8_SaysSo()
    {
        var answer = Encoding.UTF8.GetString(Run(ExprFormat.Plain, [.. "{\"expr\": \"'"u8, 0xFF, .. "'\"}\n"u8]));
        Assert.StartsWith("{\"error\":\"", answer, StringComparison.Ordinal);
    }

    [Fact]
    public void Answer_LineLongerThanTheBuffer_IsReadWhole()
    {
        var text = new string('x', 60_000);
        var answers = Plain($$$"""{"expr": "size(a) + size(b)", "vars": {"a": "{{{text}}}", "b": "{{{text}}}"}}""", """{"expr": "1"}""");
        Assert.Equal(["{\"value\":120000}", "{\"value\":1}"], answers);
    }

    [Fact]
    public void Answer_LastLineWithoutLineFeed_IsAnswered() =>
        Assert.Equal("{\"value\":1}\n", Encoding.UTF8.GetString(Run(ExprFormat.Plain, "{\"expr\": \"1\"}"u8.ToArray())));

    [Theory]
    [InlineData("""{"nullValue":null}""")]
    [InlineData("""{"boolValue":true}""")]
    [InlineData("""{"int64Value":"-9223372036854775808"}""")]
    [InlineData("""{"uint64Value":"18446744073709551615"}""")]
    [InlineData("""{"doubleValue":1.5}""")]
    [InlineData("""{"doubleValue":-0.0}""")]
    [InlineData("""{"doubleValue":"NaN"}""")]
    [InlineData("""{"doubleValue":"-Infinity"}""")]
    [InlineData("""{"stringValue":"a\nb"}""")]
    [InlineData("""{"bytesValue":"/+8="}""")]
    [InlineData("""{"typeValue":"int"}""")]
    [InlineData("""{"listValue":{"values":[{"int64Value":"1"},{"listValue":{"values":[]}}]}}""")]
    [InlineData("""{"mapValue":{"entries":[{"key":{"uint64Value":"1"},"value":{"mapValue":{"entries":[]}}}]}}""")]
    [InlineData("""{"objectValue":{"@type":"type.googleapis.com/google.protobuf.Timestamp","value":"2009-02-13T23:31:30.500Z"}}""")]
    [InlineData("""{"objectValue":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"-1.500s"}}""")]
    public void Typed_ValueThroughAnExpression_ComesBack(string value) =>
        Assert.Equal($$$"""{"value":{{{value}}}}""", Typed($$$"""{"expr": "v", "vars": {"v": {{{value}}}}}"""));

    [Theory]
    [InlineData("""{"int64Value":7}""", """{"int64Value":"7"}""")]
    [InlineData("""{"uint64Value":18446744073709551615}""", """{"uint64Value":"18446744073709551615"}""")]
    [InlineData("""{"doubleValue":"1.5"}""", """{"doubleValue":1.5}""")]
    [InlineData("""{"bytesValue":"_-8"}""", """{"bytesValue":"/+8="}""")]
    [InlineData("""{"listValue":{}}""", """{"listValue":{"values":[]}}""")]
    [InlineData("""{"mapValue":{}}""", """{"mapValue":{"entries":[]}}""")]
    public void Typed_OtherSpellings_AreRead(string value, string expected) =>
        Assert.Equal($$$"""{"value":{{{expected}}}}""", Typed($$$"""{"expr": "v", "vars": {"v": {{{value}}}}}"""));

    [Theory]
    [InlineData("1")]
    [InlineData("{}")]
    [InlineData("""{"int64Value":"1","boolValue":true}""")]
    [InlineData("""{"int64Value":"x"}""")]
    [InlineData("""{"int64Value":1.5}""")]
    [InlineData("""{"int64Value":"9223372036854775808"}""")]
    [InlineData("""{"boolValue":1}""")]
    [InlineData("""{"bytesValue":"*"}""")]
    [InlineData("""{"stringValue":null}""")]
    [InlineData("""{"floatValue":1}""")]
    [InlineData("""{"mapValue":{"entries":[{"key":{"int64Value":"1"}}]}}""")]
    [InlineData("""{"mapValue":{"entries":[{"key":{"doubleValue":1},"value":{"nullValue":null}}]}}""")]
    [InlineData("""{"objectValue":{"@type":"type.googleapis.com/google.protobuf.Timestamp","value":"today"}}""")]
    [InlineData("""{"objectValue":{"@type":"type.googleapis.com/a.Message"}}""")]
    public void Typed_NoValue_SaysWhichVariable(string value) =>
        Assert.Contains("the variable 'v'", Typed($$$"""{"expr": "1", "vars": {"v": {{{value}}}}}"""), StringComparison.OrdinalIgnoreCase);

    private static string[] Plain(params string[] lines) =>
        Encoding.UTF8.GetString(Run(ExprFormat.Plain, Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + "\n"))))).Split('\n')[..^1];

    private static string Typed(string line) => Encoding.UTF8.GetString(Run(ExprFormat.Typed, Encoding.UTF8.GetBytes(line))).TrimEnd('\n');

    private static byte[] Run(ExprFormat format, byte[] input)
    {
        using var output = new MemoryStream();
        ExprLines.Answer(new MemoryStream(input), output, format);
        return output.ToArray();
    }
}
