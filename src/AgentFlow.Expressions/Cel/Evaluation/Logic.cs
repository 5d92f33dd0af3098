namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary><c>a &amp;&amp; b</c> and <c>a || b</c> over any number of terms: one decisive term makes errors in the others irrelevant.</summary>
internal sealed class LogicalOp(bool isAnd, Op[] terms, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var failure = default(CelValue);
        foreach (var term in terms)
        {
            var value = term.Eval(ref frame);
            if (value.Kind == CelKind.Bool)
            {
                if (value.IsTrue != isAnd)
                {
                    return value;
                }

                continue;
            }

            if (value.Kind != CelKind.Error)
            {
                value = CelValue.Error(new CelError(
                    CelErrorCodes.NoSuchOverload, $"no such overload: {(isAnd ? "&&" : "||")} takes bool, not {value.TypeName}", term.Offset));
            }
            else if (value.RawError.IsFatal)
            {
                return value;
            }

            failure = failure.IsError ? failure : value;
        }

        return failure.IsError ? failure : CelValue.Bool(isAnd);
    }
}

/// <summary><c>!a</c></summary>
internal sealed class NotOp(Op operand, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var value = operand.Eval(ref frame);
        return value.Kind switch
        {
            CelKind.Bool => CelValue.Bool(!value.IsTrue),
            CelKind.Error => value,
            _ => Fail(CelErrorCodes.NoSuchOverload, $"no such overload: !{value.TypeName}"),
        };
    }
}

/// <summary><c>a ? b : c</c></summary>
internal sealed class ConditionalOp(Op condition, Op then, Op otherwise, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var value = condition.Eval(ref frame);
        return value.Kind switch
        {
            CelKind.Bool => value.IsTrue ? then.Eval(ref frame) : otherwise.Eval(ref frame),
            CelKind.Error => value,
            _ => Fail(CelErrorCodes.NoSuchOverload, $"no such overload: {value.TypeName} ? _ : _"),
        };
    }
}
