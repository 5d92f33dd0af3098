using AgentFlow.Expressions.Cel;

namespace AgentFlow.Expressions.Tests.Cel;

/// <summary>Short ways to evaluate and to compare.</summary>
internal static class Expressions
{
    public static CelValue Evaluate(string source, params (string Name, CelValue Value)[] variables) =>
        Evaluate(source, null, variables);

    public static CelValue Evaluate(string source, CelOptions? options, params (string Name, CelValue Value)[] variables) =>
        CelExpression.Compile(source, options).Evaluate(Bind(variables));

    public static CelVariables Bind(params (string Name, CelValue Value)[] variables) =>
        new(variables.ToDictionary(variable => variable.Name, variable => variable.Value));

    public static CelValue Json(string text) => CelValue.FromJson(System.Text.Encoding.UTF8.GetBytes(text));

    /// <summary>Asserts that two expressions have the same value of the same kind; NaN counts as itself.</summary>
    public static void AssertSame(string expected, string source, params (string Name, CelValue Value)[] variables) =>
        AssertSame(Evaluate(expected), Evaluate(source, variables));

    public static void AssertSame(CelValue expected, CelValue actual)
    {
        Assert.Equal(expected.Kind, actual.Kind);
        Assert.Equal(expected.ToString(), actual.ToString());
        Assert.True(expected == actual || expected.ToString().Contains("NaN", StringComparison.Ordinal));
    }

    public static CelError AssertFails(string code, string source, params (string Name, CelValue Value)[] variables)
    {
        var value = Evaluate(source, variables);
        Assert.True(value.IsError, $"{source} is {value}");
        Assert.Equal(code, value.AsError().Code);
        return value.AsError();
    }

    public static CelError AssertRejected(string code, string source, CelOptions? options = null)
    {
        Assert.False(CelExpression.TryCompile(source, options, out _, out var errors), $"{source} compiles");
        var error = Assert.Single(errors);
        Assert.Equal(code, error.Code);
        return error;
    }
}
