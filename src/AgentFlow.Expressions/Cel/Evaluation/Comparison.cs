using AgentFlow.Expressions.Cel.Syntax;
using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary><c>a == b</c> and <c>a != b</c>: defined for all values.</summary>
internal sealed class EqualOp(Op left, Op right, bool isNegated, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var a = left.Eval(ref frame);
        if (a.IsError)
        {
            return a;
        }

        var b = right.Eval(ref frame);
        if (b.IsError)
        {
            return b;
        }

        var equal = CelEquality.Equal(a, b, ref frame.Budget);
        return frame.Budget < 0 ? TooExpensive() : CelValue.Bool(equal != isNegated);
    }
}

/// <summary><c>a &lt; b</c> and its kin: numbers across their kinds, everything else with its like.</summary>
internal sealed class OrderOp(Operator op, Op left, Op right, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var a = left.Eval(ref frame);
        if (a.IsError)
        {
            return a;
        }

        var b = right.Eval(ref frame);
        if (b.IsError)
        {
            return b;
        }

        if (!TryCompare(a, b, ref frame.Budget, out var order))
        {
            return Fail(CelErrorCodes.NoSuchOverload, $"no such overload: {a.TypeName} {Operators.SymbolOf(op)} {b.TypeName}");
        }

        if (frame.Budget < 0)
        {
            return TooExpensive();
        }

        return CelValue.Bool(op switch
        {
            _ when order == CelNumbers.Unordered => false,
            Operator.Less => order < 0,
            Operator.LessOrEqual => order <= 0,
            Operator.Greater => order > 0,
            _ => order >= 0,
        });
    }

    /// <summary>False when the two have no order.</summary>
    public static bool TryCompare(in CelValue left, in CelValue right, ref long budget, out int order)
    {
        order = 0;
        if (left.Kind != right.Kind)
        {
            if (!CelNumbers.IsNumber(left.Kind) || !CelNumbers.IsNumber(right.Kind))
            {
                return false;
            }

            order = CelNumbers.Compare(left, right);
            return true;
        }

        switch (left.Kind)
        {
            case CelKind.Int or CelKind.Bool or CelKind.Duration:
                order = left.RawBits.CompareTo(right.RawBits);
                return true;
            case CelKind.UInt:
                order = left.RawUInt.CompareTo(right.RawUInt);
                return true;
            case CelKind.Double:
                order = CelNumbers.Compare(left.RawDouble, right.RawDouble);
                return true;
            case CelKind.String:
                budget -= Math.Min(left.RawString.Length, right.RawString.Length) >> 4;
                order = CelText.Compare(left.RawString, right.RawString);
                return true;
            case CelKind.Bytes:
                budget -= Math.Min(left.RawBytes.Length, right.RawBytes.Length) >> 4;
                order = Math.Sign(left.RawBytes.AsSpan().SequenceCompareTo(right.RawBytes));
                return true;
            case CelKind.Timestamp:
                order = left.RawBits != right.RawBits ? left.RawBits.CompareTo(right.RawBits) : left.RawNanos.CompareTo(right.RawNanos);
                return true;
            default:
                return false;
        }
    }
}

/// <summary><c>a in b</c>: an element of a list, a key of a map.</summary>
internal sealed class InOp(Op left, Op right, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var wanted = left.Eval(ref frame);
        if (wanted.IsError)
        {
            return wanted;
        }

        var container = right.Eval(ref frame);
        switch (container.Kind)
        {
            case CelKind.Map:
                return CelValue.Bool(container.RawMap.TryGet(wanted, out _));
            case CelKind.List:
                var list = container.RawList;
                for (var i = 0; i < list.Count; i++)
                {
                    if (--frame.Budget < 0)
                    {
                        return TooExpensive();
                    }

                    if (CelEquality.Equal(list[i], wanted, ref frame.Budget))
                    {
                        return frame.Budget < 0 ? TooExpensive() : CelValue.True;
                    }
                }

                return frame.Budget < 0 ? TooExpensive() : CelValue.False;
            case CelKind.Error:
                return container;
            default:
                return Fail(CelErrorCodes.NoSuchOverload, $"no such overload: {wanted.TypeName} in {container.TypeName}");
        }
    }
}
