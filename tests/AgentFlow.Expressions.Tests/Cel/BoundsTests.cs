using System.Text;
using AgentFlow.Expressions.Cel;
using FsCheck.Fluent;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class BoundsTests
{
    private const string Damage = "()[]{}.,:?+-*/%!&|=<>'\"\\`_0x1eub \n";

    [Fact]
    public void Source_TooLong_IsRejected() =>
        AssertRejected(CelErrorCodes.TooLarge, "'" + new string('x', 70_000) + "'");

    [Theory]
    [InlineData("(", "1", ")", 250)]
    [InlineData("[", "1", "]", 250)]
    [InlineData("{'k':", "1", "}", 250)]
    [InlineData("size(", "[]", ")", 250)]
    [InlineData("true ? 1 : ", "1", "", 250)]
    [InlineData("[1].all(x,", "true", ")", 250)]
    public void Nesting_UpToTheLimit_CompilesAndBeyondIsRejected(string open, string inner, string close, int limit)
    {
        Assert.True(CelExpression.TryCompile(Nested(limit - 1), null, out _, out _));
        AssertRejected(CelErrorCodes.TooLarge, Nested(limit));
        AssertRejected(CelErrorCodes.TooLarge, Nested(3000));

        string Nested(int depth) => string.Concat(Enumerable.Repeat(open, depth)) + inner + string.Concat(Enumerable.Repeat(close, depth));
    }

    [Theory]
    [InlineData("+", "1", CelErrorCodes.TooLarge)]
    [InlineData(".f", "a", CelErrorCodes.TooLarge)]
    [InlineData("[0]", "a", CelErrorCodes.TooLarge)]
    public void Chain_OfThousandsOfOperators_IsRejected(string link, string first, string code)
    {
        var source = link == "+" ? string.Join(link, Enumerable.Repeat(first, 5000)) : first + string.Concat(Enumerable.Repeat(link, 5000));
        AssertRejected(code, source);
    }

    [Fact]
    public void LogicalChain_OfThousandsOfTerms_Evaluates() =>
        Assert.Equal(CelValue.True, Evaluate(string.Join("||", Enumerable.Repeat("false", 5000)) + "||true"));

    [Fact]
    public void TallestExpressions_OnASmallStack_CompileEvaluateAndWrite()
    {
        string[] sources =
        [
            string.Concat(Enumerable.Repeat("[", 249)) + "1" + string.Concat(Enumerable.Repeat("]", 249)),
            string.Concat(Enumerable.Repeat("[1].map(x,", 249)) + "a" + string.Concat(Enumerable.Repeat(")", 249)),
            string.Concat(Enumerable.Repeat("string(", 249)) + "a" + string.Concat(Enumerable.Repeat(")", 249)),
            string.Concat(Enumerable.Repeat("(true && ", 249)) + "b" + string.Concat(Enumerable.Repeat(")", 249)),
            "a" + string.Concat(Enumerable.Repeat(".string()", 490)),
            "a" + string.Concat(Enumerable.Repeat(".map(x, x)", 490)),
            "a" + string.Concat(Enumerable.Repeat(".b", 490)),
            string.Join("+", Enumerable.Repeat("a", 490)),
        ];
        var problems = new List<string>();
        var thread = new Thread(
            () =>
            {
                foreach (var source in sources)
                {
                    var value = Evaluate(source, ("a", CelValue.Int(1)), ("b", CelValue.True));
                    if (!value.IsError && value.ToJson().Length == 0)
                    {
                        problems.Add(source);
                    }
                }
            },
            maxStackSize: 1024 * 1024);
        thread.Start();
        thread.Join();
        Assert.Empty(problems);
    }

    public static TheoryData<string> Explosions =>
    [
        Repeat("[0,1,2,3,4,5,6,7,8,9].all(a, ", "1 / 0 == 0", ")", 9),
        "['x']" + string.Concat(Enumerable.Repeat(".map(x, x + x)", 60)),
        "['x']" + string.Concat(Enumerable.Repeat(".map(x, [x + x, x + x])", 60)),
        "[[1]]" + string.Concat(Enumerable.Repeat(".map(x, [x, x])", 200)),
        "[{'a': 1}]" + string.Concat(Enumerable.Repeat(".map(x, {'a': x, 'b': x})", 200)),
        "cel.bind(a, [[1]]" + string.Concat(Enumerable.Repeat(".map(x, [x, x])", 21)) + ", a == a && a == a && a in [a])",
        "cel.bind(s, b.map(i, b), s.map(i, s.map(j, s.map(k, i == j))))",
        "b.map(i, b + b + b + b)",
        "b.map(i, text.contains(text + 'x'))",
        "b.map(i, text + string(i))",
        "b.map(i, text.replace('', text))",
        "b.map(i, text.split(''))",
        "b.map(i, text.reverse().upperAscii().size())",
        "b.map(i, '%s%s'.format([text, text]))",
        "b.map(i, b.map(j, text).join(text))",
        "b.map(i, text.matches('(x+x+)+y'))",
        "b.map(i, 'x'.matches('(a{70}){70}' + string(i)))",
        "b.map(i, bytes(text))",
        "b.map(i, base64.encode(bytes(text)))",
        "b.map(i, text == text + 'x')",
        "b.map(i, text < text + 'x')",
        "b.map(i, b.transformMap(j, v, string(j * 31)))",
    ];

    [Theory]
    [MemberData(nameof(Explosions))]
    public void Evaluation_ThatExplodes_EndsAtItsBudget(string source)
    {
        var value = Evaluate(
            source,
            new CelOptions { CostLimit = 100_000 },
            ("b", CelValue.List(Enumerable.Range(0, 1000).Select(i => CelValue.Int(i)).ToArray())),
            ("text", CelValue.String(new string('x', 20_000))));
        Assert.True(value.IsError, $"gives {value}");
        Assert.Equal(CelErrorCodes.CostExceeded, value.AsError().Code);
    }

    [Theory]
    [InlineData("'a'.matches('(a{70}){70}')")]
    [InlineData("'%.100f%.100f%.100f'.format([1e300, 1e300, 1e300]) == ''")]
    [InlineData("size('a'.replace('', '123456789') + 'b') == 3")]
    public void Compile_ManyExpensiveConstants_StaysSmall(string term)
    {
        var source = string.Join(" || ", Enumerable.Repeat(term, 60_000 / (term.Length + 4)));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var expression = CelExpression.Compile(source);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64L << 20);
        var value = expression.Evaluate(CelVariables.Empty);
        Assert.True(value == CelValue.False || value.AsError().Code == CelErrorCodes.CostExceeded);
    }

    [Fact]
    public void Evaluation_OutOfBudget_IsNotAbsorbed()
    {
        var options = new CelOptions { CostLimit = 50 };
        Assert.Equal(CelErrorCodes.CostExceeded, Evaluate("[1,2,3,4,5,6,7,8].all(x, [1,2,3,4,5].map(y, y + x).size() > 0 + x - x) || true", options).AsError().Code);
        Assert.Equal(CelErrorCodes.CostExceeded, Evaluate("[0].exists(i, b.map(x, x).size() < 0) || true", options, ("b", CelValue.List(new CelValue[100]))).AsError().Code);
    }

    [Fact]
    public void Value_NestedTooDeeply_IsRefused() => Assert.Equal(
        CelErrorCodes.TooDeep,
        Evaluate(
            "deep" + string.Concat(Enumerable.Repeat(".map(x, [x])", 450)) + ".size() > 0 || true",
            ("deep", Json(new string('[', 100) + "1" + new string(']', 100)))).AsError().Code);

    [Fact]
    public void Cost_OfASmallExpression_FitsASmallBudget()
    {
        var options = new CelOptions { CostLimit = 5 };
        Assert.Equal(CelValue.True, Evaluate("o.c < 0.7", options, ("o", Json("""{"c": 0.5}"""))));
        Assert.Equal(CelErrorCodes.CostExceeded, Evaluate("o.c < 0.7", options with { CostLimit = 1 }, ("o", Json("""{"c": 0.5}"""))).AsError().Code);
    }

    [Fact]
    public void Evaluate_HotPath_DoesNotAllocate()
    {
        var expression = CelExpression.Compile("output.confidence < 0.7 && output.label == 'x'", new CelOptions { KnownVariables = ["output"] });
        var variables = Bind(("output", Json("""{"label": "x", "confidence": 0.5, "other": [1, 2]}""")));
        Assert.True(expression.Evaluate(variables).IsTrue);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            expression.Evaluate(variables);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void AnySource_CompilesOrIsRejected_AndEvaluatesWithinItsBudget()
    {
        var options = new CelOptions { CostLimit = 20_000 };
        var variables = Bind(("a", CelValue.Int(3)), ("b", CelValue.String("text")), ("c", Json("""[1, {"k": [2.5, null]}, "z"]""")));
        var compiled = 0;
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            var source = RandomSource(new Random(seed));
            if (!CelExpression.TryCompile(source, options, out var expression, out var errors))
            {
                return errors.Count > 0 && errors.All(error => error.Line > 0 && error.Column > 0);
            }

            compiled++;
            var value = expression.Evaluate(variables);
            return expression.Evaluate(variables).ToString() == value.ToString() && (!value.IsError || value.AsError().Offset < source.Length);
        }).Hold(10_000);
        Assert.InRange(compiled, 3_000, 10_000);
    }

    private static string RandomSource(Random random)
    {
        var source = new StringBuilder(Expression(random, random.Next(5)));
        if (random.Next(3) == 0)
        {
            // Damage: most of these no longer compile.
            var at = random.Next(source.Length);
            var damage = random.Next(3);
            if (damage < 2)
            {
                source.Remove(at, 1);
            }

            if (damage > 0)
            {
                source.Insert(at, Damage[random.Next(Damage.Length)]);
            }
        }

        return source.ToString();
    }

    private static string Expression(Random random, int depth)
    {
        if (depth == 0)
        {
            string[] leaves = ["1", "0", "-7", "2u", "1.5", "true", "null", "'s'", "b'\\xff'", "a", "b", "c", "x", "[]", "{}", "0x1F", "r'\\d'", "'''q'''", "int"];
            return leaves[random.Next(leaves.Length)];
        }

        string Sub() => Expression(random, depth - 1);
        string[] operators = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"];
        string[] methods = ["size()", "startsWith('s')", "contains('e')", "matches('t.x')", "k", "?k", "split('')", "reverse()", "getHours()", "orValue(1)"];
        string[] functions = ["size", "int", "uint", "double", "string", "bytes", "type", "dyn", "timestamp", "duration", "bool", "math.abs", "optional.of", "unknown"];
        string[] macros = ["all", "exists", "exists_one", "map", "filter"];
        return random.Next(11) switch
        {
            0 or 1 or 2 => $"{Sub()} {operators[random.Next(operators.Length)]} {Sub()}",
            3 => $"({Sub()})",
            4 => $"({Sub()} ? {Sub()} : {Sub()})",
            5 => $"[{Sub()}, {Sub()}]",
            6 => $"{{{Sub()}: {Sub()}}}",
            7 => $"{functions[random.Next(functions.Length)]}({Sub()})",
            8 => $"({Sub()}).{methods[random.Next(methods.Length)]}",
            9 => $"{Sub()}[{Sub()}]",
            _ => $"({Sub()}).{macros[random.Next(macros.Length)]}(x, {Sub()})",
        };
    }

    private static string Repeat(string open, string inner, string close, int times) =>
        string.Concat(Enumerable.Repeat(open, times)) + inner + string.Concat(Enumerable.Repeat(close, times));
}
