using AgentFlow.Expressions.Cel;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class MacroTests
{
    [Theory]
    [InlineData("[1, 2, 3].all(n, n > 0)", "true")]
    [InlineData("[1, 2, 3].all(n, n > 1)", "false")]
    [InlineData("[].all(n, 1 / 0 == 1)", "true")]
    [InlineData("[0, 2].all(n, 4 / n > 5)", "false")]
    [InlineData("[1, 2, 3].exists(n, n == 2)", "true")]
    [InlineData("[].exists(n, true)", "false")]
    [InlineData("[0, 2].exists(n, 4 / n == 2)", "true")]
    [InlineData("['a', 1].exists(v, v < 5)", "true")]
    [InlineData("[1, 2, 2].exists_one(n, n == 1)", "true")]
    [InlineData("[1, 2, 2].exists_one(n, n == 2)", "false")]
    [InlineData("[1, 2].existsOne(n, n == 2)", "true")]
    [InlineData("[1, 2, 3].map(n, n * n)", "[1, 4, 9]")]
    [InlineData("[1, 2, 3].map(n, n != 2, n * 10)", "[10, 30]")]
    [InlineData("[1, 2, 3].filter(n, n % 2 == 1)", "[1, 3]")]
    [InlineData("{'a': 1, 'b': 2}.map(k, k + '!')", "['a!', 'b!']")]
    [InlineData("{'a': 1, 'b': 2}.filter(k, k > 'a')", "['b']")]
    [InlineData("{'a': 1}.all(k, k == 'a')", "true")]
    [InlineData("[[1, 2], [3]].map(x, x.map(y, y + size(x)))", "[[3, 4], [4]]")]
    [InlineData("[1].map(x, [2].map(x, x))", "[[2]]")]
    [InlineData("[1, 2].map(x, [x]).filter(x, x[0] > 1)", "[[2]]")]
    [InlineData("[1, 2].exists(x, [3].exists(y, x + y == 5)) && [9].all(z, z == 9)", "true")]
    public void Macro_OverListsAndKeys_Computes(string source, string expected) => AssertSame(expected, source);

    [Theory]
    [InlineData("[10, 20].all(i, v, v == (i + 1) * 10)", "true")]
    [InlineData("{'a': 1}.exists(k, v, k == 'a' && v == 1)", "true")]
    [InlineData("[5, 6].exists_one(i, v, v - i == 5)", "false")]
    [InlineData("[5, 6].transformList(i, v, i > 0, v * 2)", "[12]")]
    [InlineData("{'a': 1, 'b': 2}.transformMap(k, v, v + 1)", "{'a': 2, 'b': 3}")]
    [InlineData("{'a': 1, 'b': 2}.transformMap(k, v, k == 'b', v)", "{'b': 2}")]
    [InlineData("['x', 'y'].transformMap(i, v, v)", "{0: 'x', 1: 'y'}")]
    [InlineData("{'a': 'b'}.transformMapEntry(k, v, {v: k})", "{'b': 'a'}")]
    public void Macro_WithTwoVariables_SeesIndexOrKeyAndValue(string source, string expected) => AssertSame(expected, source);

    [Theory]
    [InlineData("[1, 2].all(n, n / 0 == 1)", CelErrorCodes.DivideByZero)]
    [InlineData("[1, 2].exists(n, 'text')", CelErrorCodes.NoSuchOverload)]
    [InlineData("[0, 1].exists_one(n, 1 / n == 1)", CelErrorCodes.DivideByZero)]
    [InlineData("[0].map(n, 1 / n)", CelErrorCodes.DivideByZero)]
    [InlineData("[1].filter(n, n)", CelErrorCodes.NoSuchOverload)]
    [InlineData("'abc'.all(c, true)", CelErrorCodes.NoSuchOverload)]
    [InlineData("{'a': 1, 'b': 1}.transformMapEntry(k, v, {v: k})", CelErrorCodes.DuplicateKey)]
    [InlineData("[1].transformMapEntry(k, v, v)", CelErrorCodes.NoSuchOverload)]
    public void Macro_ThatNothingDecides_Fails(string source, string code) => AssertFails(code, source);

    [Theory]
    [InlineData("[1].all(a.b, true)")]
    [InlineData("[1].map(1, 2)")]
    [InlineData("[1].all(.x, true)")]
    [InlineData("[1].all(x, x, true)")]
    [InlineData("has(a)")]
    [InlineData("has(a[0])")]
    [InlineData("cel.bind(1, 2, 3)")]
    public void Macro_Misused_IsRejected(string source) => AssertRejected(CelErrorCodes.Syntax, source);

    [Fact]
    public void Macros_Disabled_AreUnknownFunctions()
    {
        var options = new CelOptions { DisableMacros = true };
        Assert.Equal(CelErrorCodes.UnknownFunction, Evaluate("[1].all(x, true)", options, ("x", CelValue.Int(1))).AsError().Code);
        Assert.Equal(CelErrorCodes.UnknownFunction, Evaluate("has({}.a)", options).AsError().Code);
    }

    [Theory]
    [InlineData("has({'a': null}.a)", "true")]
    [InlineData("has({'a': 1}.b)", "false")]
    [InlineData("has({'a': {'b': 1}}.a.b)", "true")]
    [InlineData("has({'a': {}}.a.b)", "false")]
    [InlineData("has({'a-b': 1}.`a-b`)", "true")]
    public void Has_OnMaps_TellsPresence(string source, string expected) => AssertSame(expected, source);

    [Theory]
    [InlineData("has({}.a.b)", CelErrorCodes.NoSuchKey)]
    [InlineData("has([].a)", CelErrorCodes.NoSuchOverload)]
    [InlineData("has('x'.a)", CelErrorCodes.NoSuchOverload)]
    public void Has_OnMissingOrOtherOperand_Fails(string source, string code) => AssertFails(code, source);

    [Theory]
    [InlineData("cel.bind(x, 2, x * x)", "4")]
    [InlineData("cel.bind(x, 2, cel.bind(y, x + 1, x * y))", "6")]
    [InlineData("cel.bind(x, 1 / 0, true)", "true")]
    [InlineData("cel.bind(x, 1, [5].map(y, x + y))", "[6]")]
    [InlineData("[1, 2].map(y, cel.bind(x, y * 2, x + y))", "[3, 6]")]
    [InlineData("cel.block([1, cel.index(0) + 1], cel.index(0) + cel.index(1))", "3")]
    public void Bind_NamesAValue(string source, string expected) => AssertSame(expected, source);
}
