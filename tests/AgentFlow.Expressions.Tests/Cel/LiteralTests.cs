using AgentFlow.Expressions.Cel;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class LiteralTests
{
    [Theory]
    [InlineData("42", 42L)]
    [InlineData("0x2A", 42L)]
    [InlineData("0XfF", 255L)]
    [InlineData("-7", -7L)]
    [InlineData("-0x10", -16L)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("-9223372036854775808", long.MinValue)]
    [InlineData("007", 7L)]
    public void Int_AllForms_AreRead(string source, long expected)
    {
        var value = Evaluate(source);
        Assert.Equal(CelKind.Int, value.Kind);
        Assert.Equal(expected, value.AsInt());
    }

    [Theory]
    [InlineData("42u", 42UL)]
    [InlineData("42U", 42UL)]
    [InlineData("0xFFu", 255UL)]
    [InlineData("18446744073709551615u", ulong.MaxValue)]
    public void UInt_AllForms_AreRead(string source, ulong expected) => Assert.Equal(expected, Evaluate(source).AsUInt());

    [Theory]
    [InlineData("1.5", 1.5)]
    [InlineData(".5", 0.5)]
    [InlineData("1e3", 1000.0)]
    [InlineData("1E-3", 0.001)]
    [InlineData("2.5e+2", 250.0)]
    [InlineData("-.25", -0.25)]
    public void Double_AllForms_AreRead(string source, double expected)
    {
        var value = Evaluate(source);
        Assert.Equal(CelKind.Double, value.Kind);
        Assert.Equal(expected, value.AsDouble());
    }

    [Theory]
    [InlineData("9223372036854775808")]
    [InlineData("-9223372036854775809")]
    [InlineData("18446744073709551616u")]
    [InlineData("0x")]
    [InlineData("1e400")]
    [InlineData("1.")]
    [InlineData("12abc")]
    public void Number_OutOfRangeOrBroken_IsRejected(string source) => AssertRejected(CelErrorCodes.Syntax, source);

    [Theory]
    [InlineData("'it'", "it")]
    [InlineData("\"it\"", "it")]
    [InlineData("'''a'b''c'''", "a'b''c")]
    [InlineData("\"\"\"two\nlines\"\"\"", "two\nlines")]
    [InlineData("r'\\d+\\n'", "\\d+\\n")]
    [InlineData("R\"\\\"", "\\")]
    [InlineData("'\\a\\b\\f\\n\\r\\t\\v\\\\\\'\\\"\\`\\?'", "\a\b\f\n\r\t\v\\'\"`?")]
    [InlineData("'\\x41\\X42\\103'", "ABC")]
    [InlineData("'\\u00e9\\U0001F600'", "é😀")]
    [InlineData("'\\377'", "ÿ")]
    [InlineData("''", "")]
    public void String_QuotesAndEscapes_AreRead(string source, string expected) => Assert.Equal(expected, Evaluate(source).AsString());

    [Theory]
    [InlineData("'\\s'")]
    [InlineData("'\\x4'")]
    [InlineData("'\\u12G4'")]
    [InlineData("'\\ud83d\\ude00'")]
    [InlineData("'\\U00110000'")]
    [InlineData("'\\400'")]
    [InlineData("'\\12'")]
    [InlineData("'open")]
    [InlineData("'two\nlines'")]
    [InlineData("'''open''")]
    [InlineData("b'\\u0041'")]
    public void Text_BadEscapeOrEnd_IsRejected(string source) => AssertRejected(CelErrorCodes.Syntax, source);

    [Fact]
    public void Bytes_EscapesAreOctetsAndTextIsUtf8()
    {
        Assert.Equal(new byte[] { 0xFF, 0xC3, 0xBF, 0xFF, 10 }, Evaluate("b'\\xffÿ\\377\\n'").AsBytes().ToArray());
        Assert.Equal(new byte[] { (byte)'\\', (byte)'x' }, Evaluate("bR'\\x'").AsBytes().ToArray());
        Assert.Equal(new byte[] { (byte)'\n' }, Evaluate("B\"\"\"\n\"\"\"").AsBytes().ToArray());
    }

    [Fact]
    public void Constants_HaveTheirKinds()
    {
        Assert.True(Evaluate("null").IsNull);
        Assert.True(Evaluate("true").IsTrue);
        Assert.Equal(CelValue.False, Evaluate("false"));
    }

    [Theory]
    [InlineData("[1, 2, 3,]", "[1, 2, 3]")]
    [InlineData("[]", "[]")]
    [InlineData("{'a': 1, 'b': [2],}", "{'a': 1, 'b': [2]}")]
    [InlineData("{}", "{}")]
    [InlineData("{1: 'i', 2u: 'u', true: 'b', 's': 's'}", "{1: 'i', 2u: 'u', true: 'b', 's': 's'}")]
    public void Aggregates_TrailingCommaAndMixedKeys_AreRead(string source, string described) => Assert.Equal(described, Evaluate(source).ToString());

    [Theory]
    [InlineData("[1,,2]")]
    [InlineData("[,]")]
    [InlineData("{,}")]
    [InlineData("{'a' 1}")]
    [InlineData("{'a': }")]
    public void Aggregates_Malformed_AreRejected(string source) => AssertRejected(CelErrorCodes.Syntax, source);

    [Theory]
    [InlineData("{'a': 1, 'a': 2}")]
    [InlineData("{1: 1, 1u: 2}")]
    [InlineData("{'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5, 'f': 6, 'g': 7, 'h': 8, 'i': 9, 'a': 10}")]
    public void Map_RepeatedKey_Fails(string source) => AssertFails(CelErrorCodes.DuplicateKey, source);

    [Theory]
    [InlineData("{1.5: 1}")]
    [InlineData("{null: 1}")]
    [InlineData("{[]: 1}")]
    public void Map_KeyOfOtherKind_Fails(string source) =>
        Assert.Contains("unsupported key type", AssertFails(CelErrorCodes.NoSuchOverload, source).Message, StringComparison.Ordinal);

    [Fact]
    public void Comments_AndBlanks_AreSkipped() => AssertSame("3", "1 // one\n\t+\f2\r\n// the end");

    [Fact]
    public void Source_WithHalfACharacter_IsRejected()
    {
        Assert.Equal(3, AssertRejected(CelErrorCodes.Syntax, "'a\ud800'").Column);
        Assert.Contains("'😀'", AssertRejected(CelErrorCodes.Syntax, "1 + 😀").Message, StringComparison.Ordinal);
    }
}
