namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary><c>a.or(b)</c> and <c>a.orValue(b)</c>: the second only if the first is empty.</summary>
internal sealed class OptionalOrOp(Op first, Op second, bool unwraps, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var value = first.Eval(ref frame);
        if (value.IsError)
        {
            return value;
        }

        if (value.Kind != CelKind.Optional)
        {
            return Fail(CelErrorCodes.NoSuchOverload, $"no such overload: {value.TypeName}.{(unwraps ? "orValue" : "or")}()");
        }

        if (value.TryAsOptional(out var present))
        {
            return unwraps ? present : value;
        }

        var other = second.Eval(ref frame);
        return unwraps || other.IsError || other.Kind == CelKind.Optional
            ? other
            : Fail(CelErrorCodes.NoSuchOverload, $"no such overload: optional_type.or({other.TypeName}); use orValue() for a plain value");
    }
}

/// <summary><c>a.optMap(x, e)</c> and <c>a.optFlatMap(x, e)</c>: applies an expression to what an optional holds.</summary>
internal sealed class OptionalMapOp(Op operand, Op transform, bool isFlat, int slot, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var value = operand.Eval(ref frame);
        if (value.IsError)
        {
            return value;
        }

        if (value.Kind != CelKind.Optional)
        {
            return Fail(CelErrorCodes.NoSuchOverload, $"no such overload: {value.TypeName}.{(isFlat ? "optFlatMap" : "optMap")}()");
        }

        if (!value.TryAsOptional(out var present))
        {
            return value;
        }

        frame.Locals[slot] = present;
        var result = transform.Eval(ref frame);
        if (result.IsError)
        {
            return result;
        }

        if (!isFlat)
        {
            return CelValue.OptionalOf(result);
        }

        return result.Kind == CelKind.Optional
            ? result
            : Fail(CelErrorCodes.NoSuchOverload, $"no such overload: optFlatMap() builds an optional, not {result.TypeName}; use optMap()");
    }
}
