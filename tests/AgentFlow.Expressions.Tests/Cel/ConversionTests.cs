using AgentFlow.Expressions.Cel;
using FsCheck.Fluent;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class ConversionTests
{
    [Theory]
    [InlineData("int(3.99)", "3")]
    [InlineData("int(-3.99)", "-3")]
    [InlineData("int(7u)", "7")]
    [InlineData("int('-12')", "-12")]
    [InlineData("int(timestamp('1970-01-01T00:01:00.9Z'))", "60")]
    [InlineData("uint(3.99)", "3u")]
    [InlineData("uint('12')", "12u")]
    [InlineData("uint(12)", "12u")]
    [InlineData("double(3)", "3.0")]
    [InlineData("double('1.5e3')", "1500.0")]
    [InlineData("double('-Infinity') < 0", "true")]
    [InlineData("bool('true') && !bool('F') && bool('1')", "true")]
    [InlineData("string(12) + string(12u) + string(true)", "'1212true'")]
    [InlineData("string(1.5) + '|' + string(100.0) + '|' + string(1e-7) + '|' + string(1e21) + '|' + string(-0.25)", "'1.5|100|1e-07|1e+21|-0.25'")]
    [InlineData("string(123456789012345680.0)", "'123456789012345680'")]
    [InlineData("string(b'\\xc3\\xa9')", "'é'")]
    [InlineData("bytes('é')", "b'\\xc3\\xa9'")]
    [InlineData("string(duration('1m1ms'))", "'60.001s'")]
    [InlineData("string(timestamp('2024-02-29T12:00:00.120Z'))", "'2024-02-29T12:00:00.12Z'")]
    [InlineData("dyn([1]) == [1]", "true")]
    [InlineData("[type(1), type(1u), type(1.0), type(''), type(b''), type([]), type({}), type(null), type(true)]", "[int, uint, double, string, bytes, list, map, null_type, bool]")]
    [InlineData("type(timestamp(0)) == google.protobuf.Timestamp && type(duration('0')) == google.protobuf.Duration", "true")]
    public void Conversion_OfWhatFits_Converts(string source, string expected) => AssertSame(expected, source);

    [Theory]
    [InlineData("int(9223372036854775808u)", CelErrorCodes.Overflow)]
    [InlineData("int(9223372036854775807.0)", CelErrorCodes.Overflow)]
    [InlineData("int(-9223372036854775808.0)", CelErrorCodes.Overflow)]
    [InlineData("int(double('NaN'))", CelErrorCodes.Overflow)]
    [InlineData("uint(-1)", CelErrorCodes.Overflow)]
    [InlineData("uint(-0.5)", CelErrorCodes.Overflow)]
    [InlineData("uint(18446744073709551616.0)", CelErrorCodes.Overflow)]
    [InlineData("double('1e999')", CelErrorCodes.Overflow)]
    [InlineData("int('1.5')", CelErrorCodes.InvalidArgument)]
    [InlineData("int(' 1')", CelErrorCodes.InvalidArgument)]
    [InlineData("uint('-1')", CelErrorCodes.InvalidArgument)]
    [InlineData("double('1,5')", CelErrorCodes.InvalidArgument)]
    [InlineData("bool('tRUE')", CelErrorCodes.InvalidArgument)]
    [InlineData("string(b'\\xff')", CelErrorCodes.InvalidArgument)]
    [InlineData("int(true)", CelErrorCodes.NoSuchOverload)]
    [InlineData("string([])", CelErrorCodes.NoSuchOverload)]
    [InlineData("bool(1)", CelErrorCodes.NoSuchOverload)]
    [InlineData("bytes(1)", CelErrorCodes.NoSuchOverload)]
    public void Conversion_OfWhatDoesNotFit_Fails(string source, string code) => AssertFails(code, source);

    [Fact]
    public void Double_ThroughText_ComesBack()
    {
        var expression = CelExpression.Compile("double(string(d))");
        Prop.ForAll<double>(number =>
        {
            var back = expression.Evaluate(Bind(("d", CelValue.Double(number)))).AsDouble();
            return BitConverter.DoubleToInt64Bits(back) == BitConverter.DoubleToInt64Bits(number) || (double.IsNaN(back) && double.IsNaN(number));
        }).Hold();
    }

    [Fact]
    public void Scalar_DescribedAndCompiledAgain_IsTheSame() => Prop.ForAll(Generators.JsonValues, value =>
    {
        var text = value.ToString();
        if (!text.Contains('…', StringComparison.Ordinal))
        {
            AssertSame(value, Evaluate(text));
        }
    }).Hold(500);

    [Theory]
    [InlineData("size('héllo😀')", "6")]
    [InlineData("'héllo😀'.size()", "6")]
    [InlineData("len([1, 2])", "2")]
    [InlineData("{'a': 1}.len()", "1")]
    [InlineData("size(b'\\xf0\\x9f\\x98\\x80')", "4")]
    [InlineData("size({})", "0")]
    public void Size_CountsCodePointsBytesAndEntries(string source, string expected) => AssertSame(expected, source);
}
