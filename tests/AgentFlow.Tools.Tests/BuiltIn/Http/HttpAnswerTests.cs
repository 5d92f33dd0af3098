using System.Text;
using System.Text.Json;
using AgentFlow.Tools.BuiltIn;
using AgentFlow.Tools.BuiltIn.Http;

namespace AgentFlow.Tools.Tests.BuiltIn.Http;

public class HttpAnswerTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("application/json", "{ \"a\" : [1] }", "json", "{\"a\":[1]}")]
    [InlineData("application/problem+json; charset=utf-8", "{}", "json", "{}")]
    [InlineData("application/json", "\uFEFF[]", "json", "[]")]
    [InlineData("application/json", "not json", "text", "\"not json\"")]
    [InlineData("application/json", "", "text", "\"\"")]
    [InlineData("application/json", "{\"a\":1,\"a\":2}", "text", "\"{\\\"a\\\":1,\\\"a\\\":2}\"")]
    [InlineData("application/json", "[\"\\ud800\"]", "text", "\"[\\\"\\\\ud800\\\"]\"")]
    [InlineData("text/html", "<p>é</p>", "text", "\"<p>é</p>\"")]
    [InlineData("", "plain", "text", "\"plain\"")]
    [InlineData("image/png", "\u0089PNG", "base64", "\"wolQTkc=\"")]
    [InlineData("text/plain; charset=klingon", "x", "base64", "\"eA==\"")]
    public void Write_Body_IsJsonTextOrBase64(string type, string body, string encoding, string expected)
    {
        JsonElement output = Write(type, Encoding.UTF8.GetBytes(body));

        Assert.Equal(encoding, output.GetProperty("body_encoding").GetString());
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(expected), output.GetProperty("body")), output.ToString());
    }

    [Fact]
    public void Write_TextInAnotherCharset_IsDecoded() =>
        Assert.Equal("é", Write("text/plain; Charset=\"ISO-8859-1\"", [0xE9]).GetProperty("body").GetString());

    [Fact]
    public void Write_TextThatIsNotInItsCharset_IsBase64() =>
        Assert.Equal("base64", Write("text/plain", [0xE9]).GetProperty("body_encoding").GetString());

    [Theory]
    [InlineData(60, "json")]
    [InlineData(61, "text")]
    public void Write_DeepJson_IsParsedAsFarAsOthersCanReadIt(int depth, string encoding) =>
        Assert.Equal(encoding, Write("application/json", Encoding.UTF8.GetBytes(new string('[', depth) + new string(']', depth))).GetProperty("body_encoding").GetString());

    [Fact]
    public void Write_Answer_HasEveryFieldInOrder()
    {
        using var output = new JsonOutput();
        new HttpAnswer(201, new(StringComparer.Ordinal) { ["b"] = "2", ["a"] = "1" }, "hi"u8.ToArray()).Write(output.Writer, 7);

        // printf 'a: 1\nb: 2\n' | sha256sum; printf hi | sha256sum
        Assert.Equal(
            """{"status_code":201,"headers":{"a":"1","b":"2"},"headers_hash":"d02b8bb58aa82e872f709035f39b734b9f28dde0c3d305698a95d04aec594cfa","body":"hi","body_encoding":"text","body_hash":"8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4","latency_ms":7}""",
            output.Success().Text());
    }

    [Theory]
    [InlineData("0", 0.0)]
    [InlineData("120", 120.0)]
    [InlineData("Thu, 01 Jan 2026 00:00:30 GMT", 30.0)]
    [InlineData("Thu, 01 Jan 2015 00:00:30 GMT", 0.0)]
    [InlineData("-1", null)]
    [InlineData("soon", null)]
    [InlineData("99999999999", null)]
    public void RetryAfter_SecondsOrDate_IsRead(string value, double? seconds) =>
        Assert.Equal(seconds, new HttpAnswer(503, new() { ["retry-after"] = value }, default).RetryAfter(Now)?.TotalSeconds);

    [Fact]
    public void Excerpt_LongBodyWithControls_IsOneShortLine()
    {
        string excerpt = new HttpAnswer(500, [], Encoding.UTF8.GetBytes("\r\n\u001b[31mbad" + new string('x', 1_000))).Excerpt();

        Assert.StartsWith("[31mbad", excerpt, StringComparison.Ordinal);
        Assert.InRange(excerpt.Length, 190, 201);
    }

    private static JsonElement Write(string type, byte[] body)
    {
        using var output = new JsonOutput();
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (type.Length > 0)
            headers["content-type"] = type;
        new HttpAnswer(200, headers, body).Write(output.Writer, 0);
        return output.Success().Json();
    }
}
