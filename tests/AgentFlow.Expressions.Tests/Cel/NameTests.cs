using AgentFlow.Expressions.Cel;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class NameTests
{
    private static readonly string[] Known = ["input", "output", "steps", "x.y"];

    [Theory]
    [InlineData("", "v", "root")]
    [InlineData("a", "v", "in a")]
    [InlineData("a.b", "v", "in a.b")]
    [InlineData("a.b.c", "v", "in a.b")]
    [InlineData("a.b", ".v", "root")]
    [InlineData("z", "v", "root")]
    [InlineData("a", "b.v", "in a.b")]
    [InlineData("", "a.b.v", "in a.b")]
    public void Container_ResolvesInnermostScopeFirst(string container, string source, string expected)
    {
        (string, CelValue)[] variables = [("v", CelValue.String("root")), ("a.v", CelValue.String("in a")), ("a.b.v", CelValue.String("in a.b"))];
        Assert.Equal(expected, Evaluate(source, new CelOptions { Container = container }, variables).AsString());
        Assert.Equal(expected, Evaluate(source, new CelOptions { Container = container, KnownVariables = [.. variables.Select(v => v.Item1)] }, variables).AsString());
    }

    [Fact]
    public void DottedName_LongestPrefixWins()
    {
        (string, CelValue)[] variables = [("a", Json("""{"b": {"c": "field"}}""")), ("a.b", Json("""{"c": "longer"}"""))];
        Assert.Equal("longer", Evaluate("a.b.c", variables).AsString());
        Assert.Equal("field", Evaluate("a['b'].c", variables).AsString());
    }

    [Fact]
    public void MacroVariable_HidesVariables_UnlessTheNameIsAbsolute()
    {
        Assert.Equal(CelValue.True, Evaluate("[1].all(v, v == 1 && .v == 2)", ("v", CelValue.Int(2))));
        Assert.Equal(CelValue.True, Evaluate("[{'f': 1}].all(v, v.f == 1)", ("v.f", CelValue.Int(2))));
    }

    [Theory]
    [InlineData("int", "int")]
    [InlineData("google.protobuf.Timestamp", "google.protobuf.Timestamp")]
    [InlineData("null_type", "null_type")]
    [InlineData("optional_type", "optional_type")]
    public void TypeName_IsAValue_UnlessAVariableHasIt(string source, string name)
    {
        Assert.Equal(name, Evaluate(source).AsType());
        Assert.Equal(name, Evaluate(source, new CelOptions { KnownVariables = [] }).AsType());
        Assert.Equal(["x"], CelExpression.Compile("type(x) == int", new CelOptions { KnownVariables = ["x"] }).Variables);
        Assert.Equal(CelValue.Int(5), Evaluate("int", ("int", CelValue.Int(5))));
    }

    [Theory]
    [InlineData("as")]
    [InlineData("while(1)")]
    [InlineData("1 + namespace.x")]
    [InlineData("[1].all(for, true)")]
    public void ReservedWord_AsAName_IsRejected(string source) =>
        Assert.Contains("reserved word", AssertRejected(CelErrorCodes.Syntax, source).Message, StringComparison.Ordinal);

    [Fact]
    public void Known_UnknownRoots_AreAllReportedWithSuggestions()
    {
        var options = new CelOptions { KnownVariables = Known };
        Assert.False(CelExpression.TryCompile("otput.x > 1 &&\n zebra && inputs == x.y", options, out _, out var errors));
        Assert.Equal(3, errors.Count);
        Assert.Contains("did you mean 'output'?", errors[0].Message, StringComparison.Ordinal);
        Assert.Contains("known are input, output, steps, x.y", errors[1].Message, StringComparison.Ordinal);
        Assert.Contains("did you mean 'input'?", errors[2].Message, StringComparison.Ordinal);
        Assert.Equal([(1, 1), (2, 2), (2, 11)], errors.Select(error => (error.Line, error.Column)));
        var thrown = Assert.Throws<CelCompileException>(() => CelExpression.Compile("zebra", options));
        Assert.Equal("zebra", thrown.SourceText);
        Assert.Equal(CelErrorCodes.UnknownVariable, Assert.Single(thrown.Errors).Code);
    }

    [Theory]
    [InlineData("sise(input)", "did you mean 'size'?")]
    [InlineData("contains(input, 'a')", "write value.contains(…)")]
    [InlineData("input.int()", "write int(…)")]
    [InlineData("size(1, 2)", "takes 1 arguments, not 2")]
    [InlineData("'a'.substring(1, 2, 3)", "takes 1 to 2 arguments, not 3")]
    [InlineData("input.matches('(')", "no regular expression of RE2")]
    public void Known_ImpossibleCalls_AreRejected(string source, string message)
    {
        Assert.False(CelExpression.TryCompile(source, new CelOptions { KnownVariables = Known }, out _, out var errors));
        Assert.Contains(message, Assert.Single(errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void References_ListEveryPathReadFromAVariable()
    {
        var expression = CelExpression.Compile(
            "steps.classify.output.label == 'x' && steps['other-step'].output[0].y > 1 && input.items.exists(i, i.price > input.limit[i.kind].max) && has(output.z)");
        Assert.Equal(
            ["steps.classify.output.label", "steps.other-step.output", "input.items", "input.limit", "output.z"],
            expression.References.Select(reference => reference.Path));
        Assert.Equal(["steps", "input", "output"], expression.Variables);
        Assert.Equal([false, false, false, false, true], expression.References.Select(reference => reference.IsPresenceTest));
        Assert.Equal(38, expression.References[1].Offset);
        Assert.Equal(["steps", "other-step", "output"], expression.References[1].Segments);
    }

    [Fact]
    public void Functions_ListWhatIsCalled()
    {
        var expression = CelExpression.Compile("size(a) > 1 && b.startsWith('x') && math.abs(c) > 0");
        Assert.Equal(["size", "startsWith", "math.abs"], expression.Functions);
        Assert.Equal(["a", "b", "c"], expression.Variables);
    }
}
