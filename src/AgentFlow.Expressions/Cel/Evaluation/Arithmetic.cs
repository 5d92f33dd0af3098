using AgentFlow.Expressions.Cel.Syntax;
using AgentFlow.Expressions.Cel.Time;
using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary><c>-a</c></summary>
internal sealed class NegateOp(Op operand, int offset) : Op(offset)
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
            CelKind.Int => value.RawBits == long.MinValue ? Fail(CelErrorCodes.Overflow, "integer overflow: -(-9223372036854775808)") : CelValue.Int(-value.RawBits),
            CelKind.Double => CelValue.Double(-value.RawDouble),
            CelKind.Error => value,
            _ => Fail(CelErrorCodes.NoSuchOverload, $"no such overload: -{value.TypeName}"),
        };
    }
}

/// <summary><c>+ - * / %</c> on numbers of one kind, times, and (<c>+</c>) text and lists.</summary>
internal sealed class ArithmeticOp(Operator op, Op left, Op right, int offset) : Op(offset)
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

        return (a.Kind, b.Kind) switch
        {
            (CelKind.Int, CelKind.Int) => Integers(a.RawBits, b.RawBits),
            (CelKind.Double, CelKind.Double) => Doubles(a.RawDouble, b.RawDouble),
            (CelKind.UInt, CelKind.UInt) => Unsigned(a.RawUInt, b.RawUInt),
            (CelKind.String, CelKind.String) when op == Operator.Add => Concat(a.RawString, b.RawString, ref frame),
            (CelKind.List, CelKind.List) when op == Operator.Add => Concat(a, b, ref frame),
            (CelKind.Bytes, CelKind.Bytes) when op == Operator.Add => Concat(a.RawBytes, b.RawBytes, ref frame),
            (CelKind.Timestamp, CelKind.Duration) when op == Operator.Add => InRange(CelTime.TryAdd(a, b.RawBits, out var sum), sum),
            (CelKind.Duration, CelKind.Timestamp) when op == Operator.Add => InRange(CelTime.TryAdd(b, a.RawBits, out var sum), sum),
            (CelKind.Timestamp, CelKind.Duration) when op == Operator.Subtract => InRange(CelTime.TryAdd(a, -(Int128)b.RawBits, out var difference), difference),
            (CelKind.Timestamp, CelKind.Timestamp) when op == Operator.Subtract => Between(a, b),
            (CelKind.Duration, CelKind.Duration) when op is Operator.Add or Operator.Subtract => Durations(a.RawBits, b.RawBits),
            _ => Fail(CelErrorCodes.NoSuchOverload, $"no such overload: {a.TypeName} {Operators.SymbolOf(op)} {b.TypeName}"),
        };
    }

    private CelValue Integers(long a, long b)
    {
        long result;
        bool overflows;
        switch (op)
        {
            case Operator.Add:
                result = unchecked(a + b);
                overflows = ((a ^ result) & (b ^ result)) < 0;
                break;
            case Operator.Subtract:
                result = unchecked(a - b);
                overflows = ((a ^ b) & (a ^ result)) < 0;
                break;
            case Operator.Multiply:
                var high = Math.BigMul(a, b, out result);
                overflows = high != result >> 63;
                break;
            default:
                if (b == 0)
                {
                    return ByZero();
                }

                overflows = a == long.MinValue && b == -1;
                result = overflows ? 0 : op == Operator.Divide ? a / b : a % b;
                break;
        }

        return overflows ? Overflow($"{a} {Operators.SymbolOf(op)} {b}") : CelValue.Int(result);
    }

    private CelValue Unsigned(ulong a, ulong b)
    {
        switch (op)
        {
            case Operator.Add:
                return b > ulong.MaxValue - a ? Overflow($"{a}u + {b}u") : CelValue.UInt(a + b);
            case Operator.Subtract:
                return b > a ? Overflow($"{a}u - {b}u") : CelValue.UInt(a - b);
            case Operator.Multiply:
                return Math.BigMul(a, b, out var low) != 0 ? Overflow($"{a}u * {b}u") : CelValue.UInt(low);
            default:
                return b == 0 ? ByZero() : CelValue.UInt(op == Operator.Divide ? a / b : a % b);
        }
    }

    private CelValue Doubles(double a, double b) => op switch
    {
        Operator.Add => CelValue.Double(a + b),
        Operator.Subtract => CelValue.Double(a - b),
        Operator.Multiply => CelValue.Double(a * b),
        Operator.Divide => CelValue.Double(a / b),
        _ => Fail(CelErrorCodes.NoSuchOverload, "no such overload: double % double"),
    };

    private CelValue Durations(long a, long b)
    {
        var sum = op == Operator.Add ? (Int128)a + b : (Int128)a - b;
        return InRange(sum >= long.MinValue && sum <= long.MaxValue, CelValue.Duration(unchecked((long)sum)));
    }

    private CelValue Between(in CelValue a, in CelValue b)
    {
        var nanoseconds = (((Int128)a.RawBits - b.RawBits) * CelTime.NanosPerSecond) + (a.RawNanos - b.RawNanos);
        return InRange(nanoseconds >= long.MinValue && nanoseconds <= long.MaxValue, CelValue.Duration(unchecked((long)nanoseconds)));
    }

    private CelValue Concat(string a, string b, ref Frame frame)
    {
        var length = (long)a.Length + b.Length;
        return length <= CelSize.MaxWeight && frame.TryCharge(length >> 3) ? CelValue.String(a + b) : TooExpensive();
    }

    private CelValue Concat(byte[] a, byte[] b, ref Frame frame)
    {
        var length = (long)a.Length + b.Length;
        return length <= CelSize.MaxWeight && frame.TryCharge(length >> 4) ? CelValue.Bytes([.. a, .. b]) : TooExpensive();
    }

    private CelValue Concat(in CelValue a, in CelValue b, ref Frame frame)
    {
        var (first, second) = (a.RawList, b.RawList);
        if (second.Count == 0)
        {
            return a;
        }

        if (first.Count == 0)
        {
            return b;
        }

        if (!frame.TryCharge((long)first.Count + second.Count))
        {
            return TooExpensive();
        }

        var items = new CelValue[first.Count + second.Count];
        Construct.Copy(first, items, 0);
        Construct.Copy(second, items, first.Count);
        return Construct.List(items, items.Length, Offset);
    }

    private CelValue InRange(bool isInRange, in CelValue value) =>
        isInRange ? value : Fail(CelErrorCodes.Overflow, "range error: the timestamp or duration is out of range");

    private CelValue ByZero() => Fail(CelErrorCodes.DivideByZero, op == Operator.Divide ? "divide by zero" : "modulus by zero");

    private CelValue Overflow(string what) => Fail(CelErrorCodes.Overflow, $"integer overflow: {what}");
}
