using System.Numerics;
using AgentFlow.Expressions.Cel;
using FsCheck.Fluent;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class ComparisonTests
{
    [Theory]
    [InlineData("2 == 2.0")]
    [InlineData("2u == 2")]
    [InlineData("1u < 2")]
    [InlineData("-1 < 1u")]
    [InlineData("1.5 > 1")]
    [InlineData("9007199254740993 != 9007199254740992.0")]
    [InlineData("9007199254740993 > 9007199254740992.0")]
    [InlineData("9007199254740992 == 9007199254740992.0")]
    [InlineData("9223372036854775807 < 9223372036854777856.0")]
    [InlineData("9223372036854775806 < 9223372036854775808.0")]
    [InlineData("9223372036854775808u == 9223372036854775808.0")]
    [InlineData("18446744073709551615u < 18446744073709551616.0")]
    [InlineData("-9223372036854775808 == -9223372036854775808.0")]
    [InlineData("0.0 == -0.0")]
    [InlineData("[1, 2u, 3.0] == [1.0, 2, 3u]")]
    [InlineData("{'a': 1, 'b': 2} == {'b': 2.0, 'a': 1u}")]
    [InlineData("{1: 'x'} == {1u: 'x'}")]
    [InlineData("null == null")]
    [InlineData("1 != null")]
    [InlineData("'1' != 1")]
    [InlineData("[] != {}")]
    [InlineData("type(1) == int")]
    [InlineData("type(type(1)) == type")]
    [InlineData("false < true")]
    [InlineData("'a' < 'b' && 'a' < 'aa' && 'Z' < 'a'")]
    [InlineData("'\\uFFFD' < '\\U00010000'")]
    [InlineData("'a\\U0001F600' > 'a\\uE000'")]
    [InlineData("b'\\x01' < b'\\x01\\x00' && b'\\x7f' < b'\\xff'")]
    [InlineData("timestamp(5) > timestamp(4) && duration('1m') >= duration('60s')")]
    public void Comparison_Holds(string source) => Assert.Equal(CelValue.True, Evaluate(source));

    [Theory]
    [InlineData("double('NaN') == double('NaN')")]
    [InlineData("double('NaN') < 1")]
    [InlineData("double('NaN') >= 1")]
    [InlineData("1 <= double('NaN')")]
    [InlineData("[double('NaN')] == [double('NaN')]")]
    [InlineData("{'a': 1} == {'a': 1, 'b': 2}")]
    [InlineData("{'a': 1} == {'b': 1}")]
    public void Comparison_DoesNotHold(string source) => Assert.Equal(CelValue.False, Evaluate(source));

    [Theory]
    [InlineData("1 < '2'")]
    [InlineData("null < 1")]
    [InlineData("[1] < [2]")]
    [InlineData("int < string")]
    [InlineData("true > 0")]
    [InlineData("timestamp(0) < duration('1s')")]
    public void Order_OfUnlikeValues_Fails(string source) => AssertFails(CelErrorCodes.NoSuchOverload, source);

    [Fact]
    public void Equality_OfAnyValues_NeverFailsAndIsSymmetric()
    {
        var equal = CelExpression.Compile("a == b");
        var different = CelExpression.Compile("a != b");
        Prop.ForAll(Generators.Values, Generators.Values, (a, b) =>
        {
            var forwards = equal.Evaluate(Bind(("a", a), ("b", b)));
            var backwards = equal.Evaluate(Bind(("a", b), ("b", a)));
            return forwards.Kind == CelKind.Bool && forwards == backwards
                && different.Evaluate(Bind(("a", a), ("b", b))).AsBool() != forwards.AsBool()
                && (!forwards.IsTrue || a.GetHashCode() == b.GetHashCode());
        }).Hold();
    }

    [Fact]
    public void Equality_OfAValueWithItsCopy_HoldsUnlessItHoldsNaN() => Prop.ForAll(Generators.Values, value =>
    {
        var copy = value.Kind switch
        {
            CelKind.List => CelValue.List(Enumerable.Range(0, value.AsList().Count).Select(i => value.AsList()[i]).ToArray()),
            CelKind.String => CelValue.String(new string(value.AsString())),
            _ => value,
        };
        return value == copy || value.ToString().Contains("NaN", StringComparison.Ordinal) || value.ToString().Contains('…', StringComparison.Ordinal);
    }).Hold();

    [Fact]
    public void Numbers_OfAllKinds_AreOrderedLikeTheNumberLine()
    {
        var less = CelExpression.Compile("a < b");
        var atMost = CelExpression.Compile("a <= b");
        var equal = CelExpression.Compile("a == b");
        Prop.ForAll(Generators.Numbers, Generators.Numbers, (a, b) =>
        {
            var variables = Bind(("a", a), ("b", b));
            var order = Exact(a, b);
            return less.Evaluate(variables).AsBool() == (order < 0)
                && atMost.Evaluate(variables).AsBool() == (order <= 0)
                && equal.Evaluate(variables).AsBool() == (order == 0);
        }).Hold();
    }

    [Fact]
    public void GreatestInt_AgainstTwoToThe63_IsEqual() =>
        Assert.Equal(CelValue.True, Evaluate("9223372036854775807 == 9223372036854775808.0 && {9223372036854775807: true}[9223372036854775808.0]"));

    // Compares as fractions over 2^1074, which every double is; null for NaN.
    private static int? Exact(CelValue a, CelValue b)
    {
        if (IsPair(a, b, CelValue.Int(long.MaxValue), CelValue.Double(9223372036854775808.0)))
        {
            return 0;
        }

        if (a.Kind == CelKind.Double && !double.IsFinite(a.AsDouble()) || b.Kind == CelKind.Double && !double.IsFinite(b.AsDouble()))
        {
            var (x, y) = (Approximate(a), Approximate(b));
            return double.IsNaN(x) || double.IsNaN(y) ? null : x.CompareTo(y);
        }

        return Scaled(a).CompareTo(Scaled(b));
    }

    private static bool IsPair(CelValue a, CelValue b, CelValue x, CelValue y) => Same(a, x) && Same(b, y) || Same(a, y) && Same(b, x);

    private static bool Same(CelValue a, CelValue b) => a.Kind == b.Kind && a.ToString() == b.ToString();

    private static double Approximate(CelValue value) => value.Kind switch
    {
        CelKind.Int => value.AsInt(),
        CelKind.UInt => value.AsUInt(),
        _ => value.AsDouble(),
    };

    private static BigInteger Scaled(CelValue value)
    {
        if (value.Kind != CelKind.Double)
        {
            return (value.Kind == CelKind.Int ? (BigInteger)value.AsInt() : value.AsUInt()) << 1074;
        }

        var bits = BitConverter.DoubleToInt64Bits(value.AsDouble());
        var exponent = (int)((bits >> 52) & 0x7FF);
        var mantissa = bits & 0xF_FFFF_FFFF_FFFF;
        var scaled = exponent == 0 ? new BigInteger(mantissa) : new BigInteger(mantissa | (1L << 52)) << (exponent - 1);
        return bits < 0 ? -scaled : scaled;
    }
}
