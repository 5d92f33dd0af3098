using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using AgentFlow.Contracts.Json;

namespace AgentFlow.Contracts.Tests.Json;

public sealed class CanonicalJsonTests
{
    /// <summary>The example of RFC 8785, sections 3.2.2 to 3.2.4.</summary>
    [Fact]
    public void Canonicalize_TheStandardsExample_GivesItsBytes()
    {
        const string input = """
            {
              "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
              "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
              "literals": [null, true, false]
            }
            """;
        const string expected =
            """{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}""";
        Assert.Equal(expected, Canonical(input));
    }

    /// <summary>The names of RFC 8785, section 3.2.3: UTF-16 order puts the emoji before U+FB33.</summary>
    [Fact]
    public void Canonicalize_NamesBeyondTheBasicPlane_SortByUtf16()
    {
        const string input = """
            {"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
             "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}
            """;
        using JsonDocument output = JsonDocument.Parse(Canonical(input));
        Assert.Equal(["\r", "1", "\u0080", "ö", "€", "😀", "\ufb33"], output.RootElement.EnumerateObject().Select(m => m.Name));
    }

    [Theory]
    [InlineData("  null ", "null")]
    [InlineData("-0", "0")]
    [InlineData("-0.0", "0")]
    [InlineData("-12", "-12")]
    [InlineData("1.0", "1")]
    [InlineData("10E-1", "1")]
    [InlineData("123456789012345", "123456789012345")]
    [InlineData("9007199254740993", "9007199254740992")]
    [InlineData("5e-400", "0")]
    [InlineData("[ ]", "[]")]
    [InlineData("{ }", "{}")]
    [InlineData("""{"a":{"c":[{"z":1,"y":{}}],"b":2},"":0}""", """{"":0,"a":{"b":2,"c":[{"y":{},"z":1}]}}""")]
    [InlineData("""[{"b":1,"a":[{"z":1,"y":2}]},{"b":1,"a":2}]""", """[{"a":[{"y":2,"z":1}],"b":1},{"a":2,"b":1}]""")]
    [InlineData("""{"b":{"d":1,"c":2},"a":{"f":{"h":1,"g":2},"e":3}}""", """{"a":{"e":3,"f":{"g":2,"h":1}},"b":{"c":2,"d":1}}""")]
    [InlineData("""{"a\n":1,"a\"":2,"a":3,"a\u0001":4}""", """{"a":3,"a\u0001":4,"a\n":1,"a\"":2}""")]
    [InlineData(""" "\u007f\u2028\u003c\/" """, "\"\u007f\u2028</\"")]
    [InlineData(""" "\u001F\b\f\t" """, """
        "\u001f\b\f\t"
        """)]
    public void Canonicalize_Text_IsCanonical(string input, string expected) => Assert.Equal(expected, Canonical(input));

    [Theory]
    [InlineData("", 1, 1, "empty")]
    [InlineData(" \n ", 1, 1, "empty")]
    [InlineData("{\"a\":1,\n \"b\":2,\n \"a\":3}", 3, 2, "member \"a\" twice")]
    [InlineData("{\"b\":1,\"a\":2,\"b\":3}", 1, 14, "member \"b\" twice")]
    [InlineData("{\"é\":1,\"\\u00e9\":2}", 1, 8, "member \"é\" twice")]
    [InlineData("[\"\\ud800\"]", 1, 2, "lone surrogate")]
    [InlineData("[\"\\udc00\\ud800\"]", 1, 2, "lone surrogate")]
    [InlineData("{\"\\ud800\":1}", 1, 2, "lone surrogate")]
    [InlineData("[1,\n  1e400]", 2, 3, "beyond the range")]
    [InlineData("-1e999999999999", 1, 1, "beyond the range")]
    [InlineData("\uFEFF{}", 1, 1, "byte order mark")]
    [InlineData("[1,]", 1, 4, "trailing comma")]
    [InlineData("{\"a\":1} x", 1, 9, "after a single JSON value")]
    [InlineData("[01]", 1, 3, "Not JSON")]
    [InlineData("{\"a\":1", 1, 7, "ends too early")]
    [InlineData("[\"a", 1, 4, "ends too early")]
    [InlineData("[NaN]", 1, 2, "Not JSON")]
    [InlineData("// hi\n1", 1, 1, "Not JSON")]
    [InlineData("[\"tab\tinside\"]", 1, 6, "Not JSON")]
    public void Canonicalize_NoCanonicalForm_SaysWhereAndWhat(string input, int line, int column, string problem)
    {
        CanonicalJsonException e = Assert.Throws<CanonicalJsonException>(() => Canonical(input));
        Assert.Equal((line, column), (e.Line, e.Column));
        Assert.Contains(problem, e.Message);
        Assert.StartsWith($"Line {line}, column {column}: ", e.Message);
    }

    [Theory]
    [InlineData("22ff22")]
    [InlineData("22c0af22")]
    [InlineData("22eda08022")]
    [InlineData("22f490808022")]
    [InlineData("7b22ff223a317d")]
    [InlineData("225c6eff22")]
    public void Canonicalize_InvalidUtf8_IsRefused(string hex) =>
        Assert.Contains("UTF-8", Assert.Throws<CanonicalJsonException>(() => CanonicalJson.Canonicalize(Convert.FromHexString(hex))).Message);

    [Theory]
    [InlineData("[", "]")]
    [InlineData("{\"a\":", "}")]
    public void Canonicalize_Depth_IsLimitedNotFatal(string open, string close)
    {
        string At(int depth) => string.Concat(Enumerable.Repeat(open, depth)) + "1" + string.Concat(Enumerable.Repeat(close, depth));

        Assert.Equal(At(1000), Canonical(At(1000)));
        Assert.Contains("deeper than 1000", Assert.Throws<CanonicalJsonException>(() => Canonical(At(1001))).Message);
        Assert.Contains("deeper than 1000", Assert.Throws<CanonicalJsonException>(() => Canonical(At(100_000))).Message);
        Assert.Equal(At(100_000), Encoding.UTF8.GetString(CanonicalJson.Canonicalize(Encoding.UTF8.GetBytes(At(100_000)), maxDepth: 100_000)));
    }

    [Fact]
    public void Canonicalize_ScalarWithDepthZero_IsAllowed()
    {
        Assert.Equal("1"u8, CanonicalJson.Canonicalize("1"u8, maxDepth: 0));
        Assert.Throws<CanonicalJsonException>(() => CanonicalJson.Canonicalize("[]"u8, maxDepth: 0));
    }

    [Fact]
    public void Canonicalize_UnorderedAtEveryLevel_StaysLinear()
    {
        string expected = "1", input = "1";
        for (int i = 0; i < 900; i++)
        {
            string pad = new('x', 1000);
            input = $$"""{"b":{{input}},"a":"{{pad}}"}""";
            expected = $$"""{"a":"{{pad}}","b":{{expected}}}""";
        }

        Assert.Equal(expected, Canonical(input));
    }

    [Fact]
    public void Canonicalize_BufferWriter_GetsTheSameBytesAndNothingOnFailure()
    {
        var buffer = new ArrayBufferWriter<byte>();
        Assert.Throws<CanonicalJsonException>(() => CanonicalJson.Canonicalize("[1,2"u8, buffer));
        Assert.Equal(0, buffer.WrittenCount);
        CanonicalJson.Canonicalize("""{"b":1, "a":2}"""u8, buffer);
        Assert.Equal("""{"a":2,"b":1}"""u8, buffer.WrittenSpan);
    }

    [Fact]
    public void Canonicalize_ElementReadLeniently_DropsComments()
    {
        var options = new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };
        using JsonDocument document = JsonDocument.Parse("""{"x":{"b":1, /* why */ "a":[2,],}}""", options);
        Assert.Equal("""{"a":[2],"b":1}"""u8, CanonicalJson.Canonicalize(document.RootElement.GetProperty("x")));
    }

    [Fact]
    public void Canonicalize_Object_UsesItsTypeInformation()
    {
        var value = new Sample("\u00e9<>&'+\u2028 \"q\"\n", 1e21, [3, -0.0]);
        Assert.Equal("{\"list\":[3,0],\"number\":1e+21,\"text\":\"é<>&'+\u2028 \\\"q\\\"\\n\"}", Encoding.UTF8.GetString(CanonicalJson.Canonicalize(value, SampleJson.Default.Sample)));
    }

    // Escaped once more, because an attribute cannot carry a lone surrogate.
    [Theory]
    [InlineData(@"a\uD800")]
    [InlineData(@"\uDC00b")]
    [InlineData(@"""\uD800""")]
    [InlineData(@"\uD83D\uDE00\uD83D")]
    public void Canonicalize_ObjectWithLoneSurrogate_IsRefused(string escaped)
    {
        var value = new Sample(Regex.Unescape(escaped), 1, []);
        Assert.Contains("lone surrogate", Assert.Throws<CanonicalJsonException>(() => CanonicalJson.Hash(value, SampleJson.Default.Sample)).Message);
    }

    [Fact]
    public void Canonicalize_ObjectWithPairsAndEscapes_KeepsThem()
    {
        var value = new Sample("😀\"😀\u0001", 1, []);
        Assert.Equal("""{"list":[],"number":1,"text":"😀\"😀\u0001"}"""u8, CanonicalJson.Canonicalize(value, SampleJson.Default.Sample));
    }

    [Fact]
    public void Canonicalize_ObjectWithNaN_IsRefused()
    {
        CanonicalJsonException e = Assert.Throws<CanonicalJsonException>(
            () => CanonicalJson.Canonicalize(new Sample("", double.NaN, []), SampleJson.Default.Sample));
        Assert.Contains("Sample has no canonical JSON form", e.Message);
    }

    [Fact]
    public void Hash_AnySource_IsSha256OfTheCanonicalBytes()
    {
        const string json = """{"text":"t","number":1.0,"list":[]}""";
        string expected = Convert.ToHexStringLower(SHA256.HashData("""{"list":[],"number":1,"text":"t"}"""u8));
        using JsonDocument document = JsonDocument.Parse(json);
        Assert.Equal(expected, CanonicalJson.Hash(Encoding.UTF8.GetBytes(json)));
        Assert.Equal(expected, CanonicalJson.Hash(document.RootElement));
        Assert.Equal(expected, CanonicalJson.Hash(new Sample("t", 1, []), SampleJson.Default.Sample));
    }

    private static string Canonical(string json) => Encoding.UTF8.GetString(CanonicalJson.Canonicalize(Encoding.UTF8.GetBytes(json)));
}

internal sealed record Sample(string Text, double Number, IReadOnlyList<double> List);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Sample))]
internal sealed partial class SampleJson : JsonSerializerContext;
