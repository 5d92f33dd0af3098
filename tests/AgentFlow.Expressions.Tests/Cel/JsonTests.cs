using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Expressions.Cel;
using FsCheck.Fluent;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class JsonTests
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    [Theory]
    [InlineData("null", CelKind.Null)]
    [InlineData(" true ", CelKind.Bool)]
    [InlineData("1", CelKind.Int)]
    [InlineData("-9223372036854775808", CelKind.Int)]
    [InlineData("9223372036854775808", CelKind.Double)]
    [InlineData("1.0", CelKind.Double)]
    [InlineData("1e2", CelKind.Double)]
    [InlineData("\"x\"", CelKind.String)]
    [InlineData("[]", CelKind.List)]
    [InlineData("[1]", CelKind.List)]
    [InlineData("{}", CelKind.Map)]
    [InlineData("{\"a\":1}", CelKind.Map)]
    public void FromJson_EachForm_HasItsKind(string json, CelKind kind) => Assert.Equal(kind, Json(json).Kind);

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[1,]")]
    [InlineData("1 2")]
    [InlineData("{\"a\" 1}")]
    [InlineData("nul")]
    [InlineData("01")]
    [InlineData("\"\\x\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("{\"\\udc00\": 1}")]
    [InlineData("1e999")]
    [InlineData("[[[-1E400]]]")]
    [InlineData("// c\n1")]
    public void FromJson_Malformed_Throws(string json) => Assert.Throws<CelJsonException>(() => Json(json));

    [Fact]
    public void FromJson_BytesThatAreNoUtf8_Throws() => Assert.Throws<CelJsonException>(() => CelValue.FromJson(new byte[] { (byte)'"', 0xFF, (byte)'"' }));

    [Fact]
    public void FromJson_Nesting_IsLimited()
    {
        Assert.Equal(CelKind.List, Json(new string('[', 128) + new string(']', 128)).Kind);
        Assert.Throws<CelJsonException>(() => Json(new string('[', 129) + new string(']', 129)));
        Assert.Throws<CelJsonException>(() => Json(new string('[', 1_000_000)));
    }

    [Fact]
    public void FromJson_RepeatedName_LastCounts()
    {
        var value = Json("""{"a": 1, "b": 2, "\u0061": 3}""");
        Assert.Equal(CelValue.Int(3), Evaluate("v.a", ("v", value)));
        Assert.Equal(2, value.AsMap().Count);
        Assert.Equal("""{"a":3,"b":2}""", Text(value));
    }

    [Theory]
    [InlineData("""{"a":[1,2.50,"x\u0041",{"b":null}],"c":1E2}""", """{"a":[1,2.50,"x\u0041",{"b":null}],"c":1E2}""")]
    [InlineData("[ 1, 2 ]", "[ 1, 2 ]")]
    [InlineData("[\n1,\n[2.0]]", "[1,[2.0]]")]
    [InlineData("\"caf\\u00e9\"", "\"café\"")]
    [InlineData("12345678901234567890.5", "1.2345678901234567E+19")]
    public void ToJson_OfJson_CopiesContainersOnOneLine(string json, string expected) => Assert.Equal(expected, Text(Json(json)));

    [Theory]
    [InlineData("1u", "1")]
    [InlineData("1.0", "1.0")]
    [InlineData("-0.0", "-0.0")]
    [InlineData("0.1", "0.1")]
    [InlineData("1e300", "1E+300")]
    [InlineData("18446744073709551615u", "18446744073709551615")]
    [InlineData("b'hi'", "\"aGk=\"")]
    [InlineData("timestamp('2024-01-01T00:00:00.5Z')", "\"2024-01-01T00:00:00.5Z\"")]
    [InlineData("duration('1.5s')", "\"1.5s\"")]
    [InlineData("int", "\"int\"")]
    [InlineData("{1: 'a', true: 'b'}", "{\"1\":\"a\",\"true\":\"b\"}")]
    [InlineData("[null, optional.none(), optional.of(1)]", "[null,null,1]")]
    [InlineData("'<é>\\n'", "\"<é>\\n\"")]
    public void ToJson_EachKind_IsWritten(string source, string expected) => Assert.Equal(expected, Text(Evaluate(source)));

    [Theory]
    [InlineData("double('NaN')")]
    [InlineData("[1.0 / 0.0]")]
    [InlineData("{1: 'a', '1': 'b'}")]
    public void ToJson_WithoutJsonForm_Throws(string source) => Assert.Throws<CelJsonException>(() => Evaluate(source).ToJson());

    [Fact]
    public void ToJson_OfAnError_Throws() => Assert.Throws<CelJsonException>(() => Evaluate("1 / 0").ToJson());

    [Fact]
    public void Json_WrittenAndRead_IsTheSame() => Prop.ForAll(Generators.JsonValues, value => AssertSame(value, CelValue.FromJson(value.ToJson()))).Hold(300);

    [Fact]
    public void Json_ReadAndWritten_MeansTheSame() => Prop.ForAll(Generators.JsonValues, value =>
    {
        var json = Encoding.UTF8.GetString(value.ToJson());
        var indented = JsonSerializer.Serialize(JsonNode.Parse(json), Indented);
        return JsonNode.DeepEquals(JsonNode.Parse(json), JsonNode.Parse(Json(indented).ToJson()));
    }).Hold(300);

    [Fact]
    public void FromJson_AnyBytes_GivesAValueOrThrowsItsException() => Prop.ForAll<byte[]>(bytes =>
    {
        try
        {
            return CelValue.FromJson(bytes).ToJson().Length > 0;
        }
        catch (CelJsonException)
        {
            return true;
        }
    }).Hold();

    [Fact]
    public void FromJson_SharedByThreads_DecodesOnceOrTwiceButRight()
    {
        for (var round = 0; round < 50; round++)
        {
            var value = Json("""{"a": {"b": {"c": [1, 2, 3]}}, "d": "x"}""");
            Parallel.For(0, 8, _ => Assert.Equal(CelValue.True, Evaluate("v.a.b.c[2] == 3 && v.d == 'x'", ("v", value))));
        }
    }

    private static string Text(CelValue value) => Encoding.UTF8.GetString(value.ToJson());
}
