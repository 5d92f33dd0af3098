using System.Numerics;
using AgentFlow.Expressions.Cel;
using FsCheck.Fluent;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class OperatorTests
{
    [Theory]
    [InlineData("1 + 2 * 3", "7")]
    [InlineData("(1 + 2) * 3", "9")]
    [InlineData("10 - 3 - 2", "5")]
    [InlineData("16 / 4 / 2", "2")]
    [InlineData("7 % 4 * 2", "6")]
    [InlineData("-2 * -3", "6")]
    [InlineData("- 5", "-5")]
    [InlineData("--5", "5")]
    [InlineData("!!true", "true")]
    [InlineData("1 + 1 == 2 && 2 < 3 || false", "true")]
    [InlineData("true || false && false", "true")]
    [InlineData("false ? 1 : true ? 2 : 3", "2")]
    [InlineData("1 < 2 == true", "true")]
    [InlineData("1 in [1] ? 'y' : 'n'", "'y'")]
    [InlineData("-[1, 2][1]", "-2")]
    [InlineData("!{'a': true}.a", "false")]
    [InlineData("-1.5 + 1.0", "-0.5")]
    public void Precedence_AndAssociativity_FollowTheGrammar(string source, string expected) => AssertSame(expected, source);

    [Theory]
    [InlineData("1 +")]
    [InlineData("* 2")]
    [InlineData("1 2")]
    [InlineData("(1")]
    [InlineData("1)")]
    [InlineData("a.")]
    [InlineData("a[")]
    [InlineData("f(1,)")]
    [InlineData("true ? 1")]
    [InlineData("true ? true ? 1 : 2 : 3")]
    [InlineData("!-1")]
    [InlineData("1 = 1")]
    [InlineData("a & b")]
    [InlineData("a | b")]
    [InlineData("")]
    [InlineData("// nothing")]
    [InlineData("a.in")]
    [InlineData("a.true")]
    public void Syntax_OutsideTheGrammar_IsRejected(string source) => AssertRejected(CelErrorCodes.Syntax, source);

    [Theory]
    [InlineData("7 / 2", "3")]
    [InlineData("-7 / 2", "-3")]
    [InlineData("-7 % 2", "-1")]
    [InlineData("7 % -2", "1")]
    [InlineData("7u / 2u", "3u")]
    [InlineData("7.0 / 2.0", "3.5")]
    [InlineData("1.0 / 0.0", "double('Infinity')")]
    [InlineData("0.0 / 0.0", "double('NaN')")]
    public void Division_RoundsTowardsZero(string source, string expected) => AssertSame(expected, source);

    [Theory]
    [InlineData("1 / 0", CelErrorCodes.DivideByZero)]
    [InlineData("1 % 0", CelErrorCodes.DivideByZero)]
    [InlineData("1u / 0u", CelErrorCodes.DivideByZero)]
    [InlineData("1u % 0u", CelErrorCodes.DivideByZero)]
    [InlineData("9223372036854775807 + 1", CelErrorCodes.Overflow)]
    [InlineData("-9223372036854775808 - 1", CelErrorCodes.Overflow)]
    [InlineData("-(-9223372036854775808)", CelErrorCodes.Overflow)]
    [InlineData("-9223372036854775808 / -1", CelErrorCodes.Overflow)]
    [InlineData("-9223372036854775808 % -1", CelErrorCodes.Overflow)]
    [InlineData("4611686018427387904 * 2", CelErrorCodes.Overflow)]
    [InlineData("1u - 2u", CelErrorCodes.Overflow)]
    [InlineData("18446744073709551615u * 2u", CelErrorCodes.Overflow)]
    [InlineData("1 + 1u", CelErrorCodes.NoSuchOverload)]
    [InlineData("1 + 1.0", CelErrorCodes.NoSuchOverload)]
    [InlineData("'a' - 'b'", CelErrorCodes.NoSuchOverload)]
    [InlineData("5.5 % 2.0", CelErrorCodes.NoSuchOverload)]
    [InlineData("-1u", CelErrorCodes.NoSuchOverload)]
    [InlineData("-'a'", CelErrorCodes.NoSuchOverload)]
    [InlineData("!1", CelErrorCodes.NoSuchOverload)]
    [InlineData("1 ? 2 : 3", CelErrorCodes.NoSuchOverload)]
    [InlineData("[1] + 1", CelErrorCodes.NoSuchOverload)]
    [InlineData("{} + {}", CelErrorCodes.NoSuchOverload)]
    public void Arithmetic_Impossible_Fails(string source, string code) => AssertFails(code, source);

    [Fact]
    public void Arithmetic_OfInts_IsExactOrOverflows() => Check("+", "-", "*", (long a, long b) => (CelValue.Int(a), CelValue.Int(b)), long.MinValue, long.MaxValue);

    [Fact]
    public void Arithmetic_OfUInts_IsExactOrOverflows() =>
        Check("+", "-", "*", (long a, long b) => (CelValue.UInt(unchecked((ulong)a)), CelValue.UInt(unchecked((ulong)b))), 0, ulong.MaxValue);

    private static void Check(string add, string subtract, string multiply, Func<long, long, (CelValue A, CelValue B)> make, BigInteger least, BigInteger most)
    {
        (string Symbol, CelExpression Expression, Func<BigInteger, BigInteger, BigInteger?> Exact)[] operators =
        [
            (add, CelExpression.Compile("a + b"), (a, b) => a + b),
            (subtract, CelExpression.Compile("a - b"), (a, b) => a - b),
            (multiply, CelExpression.Compile("a * b"), (a, b) => a * b),
            ("/", CelExpression.Compile("a / b"), (a, b) => b.IsZero ? null : BigInteger.Divide(a, b)),
            ("%", CelExpression.Compile("a % b"), (a, b) => b.IsZero ? null : a == least && b == -1 ? most + 1 : BigInteger.Remainder(a, b)),
        ];
        Prop.ForAll(Generators.Integers, Generators.Integers, (left, right) =>
        {
            var (a, b) = make(left, right);
            foreach (var (symbol, expression, exact) in operators)
            {
                var actual = expression.Evaluate(Bind(("a", a), ("b", b)));
                var expected = exact(Big(a), Big(b));
                var fits = expected >= least && expected <= most;
                var agrees = fits ? !actual.IsError && actual.Kind == a.Kind && Big(actual) == expected
                    : actual.IsError && actual.AsError().Code == (expected is null ? CelErrorCodes.DivideByZero : CelErrorCodes.Overflow);
                if (!agrees)
                {
                    throw new InvalidOperationException($"{a} {symbol} {b} is {actual}, not {expected}");
                }
            }
        }).Hold();
    }

    private static BigInteger Big(CelValue value) => value.Kind == CelKind.Int ? value.AsInt() : value.AsUInt();

    [Theory]
    [InlineData("'foo' + 'bar'", "'foobar'")]
    [InlineData("b'a' + b'b'", "b'ab'")]
    [InlineData("[1] + ['two'] + []", "[1, 'two']")]
    [InlineData("[] + []", "[]")]
    public void Plus_OnTextAndLists_Concatenates(string source, string expected) => AssertSame(expected, source);

    [Theory]
    [InlineData("2 in [1, 2]", true)]
    [InlineData("2.0 in [1, 2]", true)]
    [InlineData("2u in [1.5, 2]", true)]
    [InlineData("'2' in [1, 2]", false)]
    [InlineData("[1] in [[1], [2]]", true)]
    [InlineData("'a' in {'a': null}", true)]
    [InlineData("1 in {1u: 'x'}", true)]
    [InlineData("1.0 in {1u: 'x'}", true)]
    [InlineData("1.5 in {1u: 'x'}", false)]
    [InlineData("null in {'a': 1}", false)]
    [InlineData("b'a' in {'a': 1}", false)]
    public void In_ListsAndMaps_UsesTheLanguagesEquality(string source, bool expected) => Assert.Equal(CelValue.Bool(expected), Evaluate(source));

    [Fact]
    public void In_SomethingElse_Fails() => AssertFails(CelErrorCodes.NoSuchOverload, "'a' in 'abc'");
}
