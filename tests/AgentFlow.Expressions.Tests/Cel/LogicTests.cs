using AgentFlow.Expressions.Cel;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class LogicTests
{
    [Theory]
    [InlineData("1 / 0 == 1 || true", "true")]
    [InlineData("true || 1 / 0 == 1", "true")]
    [InlineData("1 / 0 == 1 && false", "false")]
    [InlineData("false && 1 / 0 == 1", "false")]
    [InlineData("'text' || true", "true")]
    [InlineData("false && 7", "false")]
    [InlineData("missing || true", "true")]
    [InlineData("no_such(1) || true", "true")]
    [InlineData("missing.method() || true", "true")]
    [InlineData("false || 1 / 0 == 1 || false || true", "true")]
    [InlineData("true ? 1 : 1 / 0", "1")]
    [InlineData("false ? 1 / 0 : 2", "2")]
    public void Operand_ThatDecides_MakesErrorsIrrelevant(string source, string expected) => AssertSame(expected, source);

    [Theory]
    [InlineData("1 / 0 == 1 || false", CelErrorCodes.DivideByZero)]
    [InlineData("true && 1 / 0 == 1", CelErrorCodes.DivideByZero)]
    [InlineData("'text' && true", CelErrorCodes.NoSuchOverload)]
    [InlineData("1 / 0 == 1 ? 2 : 3", CelErrorCodes.DivideByZero)]
    [InlineData("!(1 / 0 == 1)", CelErrorCodes.DivideByZero)]
    [InlineData("missing", CelErrorCodes.UnknownVariable)]
    [InlineData("no_such(1)", CelErrorCodes.UnknownFunction)]
    [InlineData("'a'.no_such()", CelErrorCodes.UnknownFunction)]
    [InlineData("[1, 1 / 0]", CelErrorCodes.DivideByZero)]
    [InlineData("{'a': 1 / 0}", CelErrorCodes.DivideByZero)]
    [InlineData("size([1 / 0])", CelErrorCodes.DivideByZero)]
    public void Error_ThatNothingAbsorbs_IsTheResult(string source, string code) => AssertFails(code, source);

    [Fact]
    public void Error_BoundAsAVariable_IsTheResultAndIsAbsorbed()
    {
        var broken = CelValue.Error("HOST_SAID_NO", "no");
        Assert.Equal("HOST_SAID_NO", Evaluate("broken + 1", ("broken", broken)).AsError().Code);
        Assert.True(Evaluate("broken || true", ("broken", broken)).IsTrue);
    }

    [Fact]
    public void Error_KnowsItsPlace()
    {
        var error = AssertFails(CelErrorCodes.DivideByZero, "'😀' == 'x' ||\n  1 / 0 == 1");
        Assert.Equal((2, 5), (error.Line, error.Column));
        Assert.StartsWith("2:5: ", error.ToString(), StringComparison.Ordinal);
    }
}
