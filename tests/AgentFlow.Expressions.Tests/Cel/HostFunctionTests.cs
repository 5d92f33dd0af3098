using AgentFlow.Expressions.Cel;
using static AgentFlow.Expressions.Tests.Cel.Expressions;

namespace AgentFlow.Expressions.Tests.Cel;

public sealed class HostFunctionTests
{
    private static readonly CelOptions Options = new()
    {
        Functions = new Dictionary<string, CelFunction>
        {
            ["failed"] = new(0, 0, (ReadOnlySpan<CelValue> _, ref CelCall call) => call.Variables.TryGet("error", out var error) ? error : CelValue.False),
            ["sum"] = new(1, 10, (ReadOnlySpan<CelValue> arguments, ref CelCall _) =>
            {
                var sum = 0L;
                foreach (var argument in arguments)
                {
                    sum += argument.AsInt();
                }

                return CelValue.Int(sum);
            }, CelCallStyle.Both),
            ["size"] = new(1, 1, (ReadOnlySpan<CelValue> _, ref CelCall _) => CelValue.String("hidden")),
            ["work"] = new(1, 1, (ReadOnlySpan<CelValue> arguments, ref CelCall call) => CelValue.Bool(call.TryCharge(arguments[0].AsInt()))),
            ["refuse"] = new(0, 0, (ReadOnlySpan<CelValue> _, ref CelCall _) => CelValue.Error("HOST_REFUSED", "not today")),
            ["lib.twice"] = new(1, 1, (ReadOnlySpan<CelValue> arguments, ref CelCall _) => CelValue.Int(2 * arguments[0].AsInt())),
        },
    };

    [Theory]
    [InlineData("failed()", "true")]
    [InlineData("sum(1, 2, 3, 4, 5, 6)", "21")]
    [InlineData("1.sum(2)", "3")]
    [InlineData("size([1])", "'hidden'")]
    [InlineData("[1, 2].size()", "2")]
    [InlineData("lib.twice(4)", "8")]
    [InlineData("refuse() == 1 || true", "true")]
    public void Function_OfTheHost_IsCalled(string source, string expected) =>
        AssertSame(Evaluate(expected), Evaluate(source, Options, ("error", CelValue.True)));

    [Fact]
    public void Function_InContainer_ResolvesLikeNames() =>
        Assert.Equal(CelValue.Int(6), Evaluate("twice(3)", Options with { Container = "lib" }));

    [Fact]
    public void Function_ThatFails_PointsAtTheCall()
    {
        var error = Evaluate("1 + refuse()", Options).AsError();
        Assert.Equal(("HOST_REFUSED", "not today", 5), (error.Code, error.Message, error.Column));
    }

    [Fact]
    public void Function_ThatChargesTooMuch_EndsTheEvaluation() =>
        Assert.Equal(CelErrorCodes.CostExceeded, Evaluate("work(2000000) || true", Options).AsError().Code);

    [Fact]
    public void Function_WithWrongNumberOfArguments_Fails() =>
        Assert.Equal(CelErrorCodes.NoSuchOverload, Evaluate("failed(1)", Options).AsError().Code);

    [Fact]
    public void HostMapAndList_AreReadInPlace()
    {
        var squares = CelValue.Map(new Squares());
        Assert.Equal(CelValue.Int(49), Evaluate("s['7']", ("s", squares)));
        Assert.Equal(CelValue.Int(81), Evaluate("s.map(k, s[k]).filter(v, v > 80)[0]", ("s", squares)));
        Assert.Equal(CelValue.False, Evaluate("has(s.x)", ("s", squares)));
    }

    private sealed class Squares : CelMap
    {
        public override int Count => 10;

        public override CelValue KeyAt(int index) => CelValue.String(index.ToString());

        public override CelValue ValueAt(int index) => CelValue.Int(index * index);

        public override bool TryGet(string key, out CelValue value)
        {
            var found = int.TryParse(key, out var index) && index is >= 0 and < 10;
            value = found ? ValueAt(index) : default;
            return found;
        }
    }
}
