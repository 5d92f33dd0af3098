using System.Runtime.CompilerServices;
using AgentFlow.Expressions.Cel.Functions;

namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary>A call of a standard or host function: arguments first, the first error among them is the result.</summary>
internal sealed class CallOp(string name, bool isMethod, Body body, Op[] arguments, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var few = default(FewValues);
        Span<CelValue> values = arguments.Length <= FewValues.Length ? ((Span<CelValue>)few)[..arguments.Length] : new CelValue[arguments.Length];
        for (var i = 0; i < arguments.Length; i++)
        {
            values[i] = arguments[i].Eval(ref frame);
            if (values[i].IsError)
            {
                return values[i];
            }
        }

        var result = body(values, ref frame);
        if (frame.Budget < 0)
        {
            return TooExpensive();
        }

        return result.IsError ? Locate(result, values) : result;
    }

    private CelValue Locate(in CelValue failure, ReadOnlySpan<CelValue> values)
    {
        if (!Overload.IsNone(failure))
        {
            return failure.RawError.Offset < 0 ? CelValue.Error(failure.RawError with { Offset = Offset }) : failure;
        }

        var types = new List<string>(values.Length);
        foreach (ref readonly var value in values)
        {
            types.Add(value.TypeName);
        }

        var call = isMethod
            ? $"{types[0]}.{name}({string.Join(", ", types.Skip(1))})"
            : $"{name}({string.Join(", ", types)})";
        return Fail(CelErrorCodes.NoSuchOverload, $"no such overload: {call}");
    }

    [InlineArray(Length)]
    private struct FewValues
    {
        public const int Length = 4;

        private CelValue _first;
    }
}

/// <summary>What is known to fail when it is reached, and only then: <c>no_such_function(1) || true</c> is true.</summary>
internal sealed class FailOp(string code, string message, int offset) : Op(offset)
{
    private readonly CelValue _failure = CelValue.Error(new CelError(code, message, offset));

    public override CelValue Eval(ref Frame frame) => --frame.Budget < 0 ? TooExpensive() : _failure;
}
