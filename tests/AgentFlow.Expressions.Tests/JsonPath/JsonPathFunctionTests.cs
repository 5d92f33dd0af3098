using AgentFlow.Expressions.Cel;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.JsonPath;

/// <summary><c>jsonpath(document, query)</c> in expressions.</summary>
public sealed class JsonPathFunctionTests
{
    private static readonly (string, CelValue) Doc = ("doc", Json("""{"a": [{"n": 1, "t": "x"}, {"n": 2.5}, {"n": 9007199254740993}]}"""));

    [Theory]
    [InlineData("jsonpath(doc, '$.a[*].n')", "[1, 2.5, 9007199254740993]")]
    [InlineData("jsonpath(doc, '$.a[?@.n > 2].n')", "[2.5, 9007199254740993]")]
    [InlineData("jsonpath(doc, '$.a[?@.n == 9007199254740993].n')", "[9007199254740993]")]
    [InlineData("jsonpath(doc, '$.a[?@.n == 9007199254740992].n')", "[]")]
    [InlineData("jsonpath(doc, '$.x')", "[]")]
    [InlineData("size(jsonpath(doc, '$..n'))", "3")]
    [InlineData("jsonpath(doc, '$.a[?@.t].n').exists(n, n == 1)", "true")]
    [InlineData("jsonpath(doc, '$.a[?@.' + 't].n')[0]", "1")]
    [InlineData("jsonpath({'k': [1, 2u, 'é', b'x', timestamp('2020-01-01T00:00:00Z')]}, '$.k[?@ == 2 || length(@) == 1]')", "[2u, 'é']")]
    [InlineData("jsonpath({1: 'one', 'a': 'two'}, '$.*')", "['one', 'two']")]
    [InlineData("jsonpath(7, '$')", "[7]")]
    [InlineData("jsonpath([0.1, 0.2], '$[?@ == 0.1]')", "[0.1]")]
    [InlineData("jsonpath([{'a': b'x'}, {'a': b'x'}], '$[?@ == $[0]]').size()", "2")]
    public void Jsonpath_Query_GivesTheListOfNodes(string source, string expected) => AssertSame(expected, source, Doc);

    [Fact]
    public void Compile_ConstantThatIsNoQuery_PointsIntoIt()
    {
        CelError error = AssertRejected(CelErrorCodes.InvalidArgument, "input.x && jsonpath(input, '$.a[?@.b = 1]')[0]", new CelOptions { KnownVariables = ["input"] });

        Assert.Contains("position 10 of '$.a[?@.b = 1]'", error.Message, StringComparison.Ordinal);
        Assert.Equal("input.x && jsonpath(input, '$.a[?@.b ".Length, error.Offset);
    }

    [Fact]
    public void Compile_ConstantWrittenWithEscapes_PointsAtItsStart() => Assert.Equal(
        "jsonpath(input, ".Length,
        AssertRejected(CelErrorCodes.InvalidArgument, "jsonpath(input, '\\u0024.a[')", new CelOptions { KnownVariables = ["input"] }).Offset);

    [Theory]
    [InlineData("jsonpath(doc, '$[')", CelErrorCodes.InvalidArgument)]
    [InlineData("jsonpath(doc, '$' + '[')", CelErrorCodes.InvalidArgument)]
    [InlineData("jsonpath(doc, 1)", CelErrorCodes.NoSuchOverload)]
    [InlineData("jsonpath(doc)", CelErrorCodes.NoSuchOverload)]
    [InlineData("doc.jsonpath('$')", CelErrorCodes.UnknownFunction)]
    [InlineData("jsonpath(doc.b, '$')", CelErrorCodes.NoSuchKey)]
    public void Jsonpath_Misused_Fails(string source, string code) => AssertFails(code, source, Doc);
}
