using AgentFlow.Expressions.Cel.Evaluation;
using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary>The math extension (https://github.com/google/cel-go/blob/master/ext/README.md#math).</summary>
internal static class MathExtension
{
    public static IEnumerable<Overload> All { get; } =
    [
        new("math.greatest", CelCallStyle.Function, 1, int.MaxValue, (ReadOnlySpan<CelValue> arguments, ref Frame frame) => Extreme(arguments, 1, ref frame)),
        new("math.least", CelCallStyle.Function, 1, int.MaxValue, (ReadOnlySpan<CelValue> arguments, ref Frame frame) => Extreme(arguments, -1, ref frame)),
        Rounding("math.ceil", Math.Ceiling),
        Rounding("math.floor", Math.Floor),
        Rounding("math.round", number => Math.Round(number, MidpointRounding.AwayFromZero)),
        Rounding("math.trunc", Math.Truncate),
        Test("math.isNaN", double.IsNaN),
        Test("math.isInf", double.IsInfinity),
        Test("math.isFinite", double.IsFinite),
        new("math.abs", CelCallStyle.Function, 1, 1, Abs),
        new("math.sign", CelCallStyle.Function, 1, 1, Sign),
        new("math.sqrt", CelCallStyle.Function, 1, 1, (ReadOnlySpan<CelValue> arguments, ref Frame _) => arguments[0].Kind switch
        {
            CelKind.Double => CelValue.Double(Math.Sqrt(arguments[0].RawDouble)),
            CelKind.Int => CelValue.Double(Math.Sqrt(arguments[0].RawBits)),
            CelKind.UInt => CelValue.Double(Math.Sqrt(arguments[0].RawUInt)),
            _ => Overload.None,
        }),
        Bits("math.bitAnd", (left, right) => left & right),
        Bits("math.bitOr", (left, right) => left | right),
        Bits("math.bitXor", (left, right) => left ^ right),
        new("math.bitNot", CelCallStyle.Function, 1, 1, (ReadOnlySpan<CelValue> arguments, ref Frame _) => arguments[0].Kind switch
        {
            CelKind.Int => CelValue.Int(~arguments[0].RawBits),
            CelKind.UInt => CelValue.UInt(~arguments[0].RawUInt),
            _ => Overload.None,
        }),
        new("math.bitShiftLeft", CelCallStyle.Function, 2, 2, (ReadOnlySpan<CelValue> arguments, ref Frame _) => Shift(arguments, isLeft: true)),
        new("math.bitShiftRight", CelCallStyle.Function, 2, 2, (ReadOnlySpan<CelValue> arguments, ref Frame _) => Shift(arguments, isLeft: false)),
    ];

    private static Overload Rounding(string name, Func<double, double> round) =>
        new(name, CelCallStyle.Function, 1, 1, (ReadOnlySpan<CelValue> arguments, ref Frame _) =>
            arguments[0].Kind == CelKind.Double ? CelValue.Double(round(arguments[0].RawDouble)) : Overload.None);

    private static Overload Test(string name, Func<double, bool> test) =>
        new(name, CelCallStyle.Function, 1, 1, (ReadOnlySpan<CelValue> arguments, ref Frame _) =>
            arguments[0].Kind == CelKind.Double ? CelValue.Bool(test(arguments[0].RawDouble)) : Overload.None);

    private static Overload Bits(string name, Func<long, long, long> combine) =>
        new(name, CelCallStyle.Function, 2, 2, (ReadOnlySpan<CelValue> arguments, ref Frame _) => (arguments[0].Kind, arguments[1].Kind) switch
        {
            (CelKind.Int, CelKind.Int) => CelValue.Int(combine(arguments[0].RawBits, arguments[1].RawBits)),
            (CelKind.UInt, CelKind.UInt) => CelValue.UInt(unchecked((ulong)combine(arguments[0].RawBits, arguments[1].RawBits))),
            _ => Overload.None,
        });

    // Of equal numbers of different kinds the first wins.
    private static CelValue Extreme(ReadOnlySpan<CelValue> arguments, int direction, ref Frame frame)
    {
        var list = arguments.Length == 1 && arguments[0].Kind == CelKind.List ? arguments[0].RawList : null;
        var count = list?.Count ?? arguments.Length;
        if (count == 0)
        {
            return Overload.Invalid($"math.{(direction > 0 ? "greatest" : "least")}() of an empty list");
        }

        if (!frame.TryCharge(count))
        {
            return Overload.TooExpensive();
        }

        var best = list is null ? arguments[0] : list[0];
        for (var i = 0; i < count; i++)
        {
            var candidate = list is null ? arguments[i] : list[i];
            if (!CelNumbers.IsNumber(candidate.Kind))
            {
                return Overload.None;
            }

            if (CelNumbers.Compare(candidate, best) == direction)
            {
                best = candidate;
            }
        }

        return best;
    }

    private static CelValue Abs(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var value = arguments[0];
        return value.Kind switch
        {
            CelKind.UInt => value,
            CelKind.Double => CelValue.Double(Math.Abs(value.RawDouble)),
            CelKind.Int when value.RawBits == long.MinValue => Overload.OutOfRange("integer overflow: math.abs(-9223372036854775808)"),
            CelKind.Int => CelValue.Int(Math.Abs(value.RawBits)),
            _ => Overload.None,
        };
    }

    private static CelValue Sign(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        var value = arguments[0];
        return value.Kind switch
        {
            CelKind.UInt => CelValue.UInt(value.RawUInt == 0 ? 0UL : 1UL),
            CelKind.Int => CelValue.Int(Math.Sign(value.RawBits)),
            CelKind.Double => double.IsNaN(value.RawDouble) ? value : CelValue.Double(Math.Sign(value.RawDouble)),
            _ => Overload.None,
        };
    }

    // Shifts are logical: zeros come in from either side, and beyond 63 places nothing is left.
    private static CelValue Shift(ReadOnlySpan<CelValue> arguments, bool isLeft)
    {
        var value = arguments[0];
        if (value.Kind is not (CelKind.Int or CelKind.UInt) || arguments[1].Kind != CelKind.Int)
        {
            return Overload.None;
        }

        var places = arguments[1].RawBits;
        if (places < 0)
        {
            return Overload.Invalid($"math.{(isLeft ? "bitShiftLeft" : "bitShiftRight")}() negative offset: {places}");
        }

        var bits = places > 63 ? 0 : isLeft ? value.RawUInt << (int)places : value.RawUInt >> (int)places;
        return value.Kind == CelKind.Int ? CelValue.Int(unchecked((long)bits)) : CelValue.UInt(bits);
    }
}
