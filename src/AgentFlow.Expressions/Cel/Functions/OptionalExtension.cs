using AgentFlow.Expressions.Cel.Evaluation;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary>Optional values; <c>or</c>, <c>orValue</c>, <c>optMap</c> and <c>optFlatMap</c> do not evaluate all operands and are nodes of their own.</summary>
internal static class OptionalExtension
{
    public static IEnumerable<Overload> All { get; } =
    [
        new("optional.none", CelCallStyle.Function, 0, 0, (ReadOnlySpan<CelValue> _, ref Frame _) => CelValue.OptionalNone),
        new("optional.of", CelCallStyle.Function, 1, 1, (ReadOnlySpan<CelValue> arguments, ref Frame _) => CelValue.OptionalOf(arguments[0])),
        new("optional.ofNonZeroValue", CelCallStyle.Function, 1, 1, (ReadOnlySpan<CelValue> arguments, ref Frame _) =>
            IsZero(arguments[0]) ? CelValue.OptionalNone : CelValue.OptionalOf(arguments[0])),
        new("hasValue", CelCallStyle.Method, 1, 1, (ReadOnlySpan<CelValue> arguments, ref Frame _) =>
            arguments[0].Kind == CelKind.Optional ? CelValue.Bool(arguments[0].TryAsOptional(out var _)) : Overload.None),
        new("value", CelCallStyle.Method, 1, 1, (ReadOnlySpan<CelValue> arguments, ref Frame _) =>
            arguments[0].Kind != CelKind.Optional ? Overload.None
            : arguments[0].TryAsOptional(out var value) ? value
            : Overload.Invalid("optional.none() dereference: test with hasValue() or use orValue()")),
    ];

    private static bool IsZero(in CelValue value) => value.Kind switch
    {
        CelKind.Null => true,
        CelKind.Bool or CelKind.Int or CelKind.UInt or CelKind.Duration => value.RawBits == 0,
        CelKind.Double => value.RawDouble == 0,
        CelKind.String => value.RawString.Length == 0,
        CelKind.Bytes => value.RawBytes.Length == 0,
        CelKind.List => value.RawList.Count == 0,
        CelKind.Map => value.RawMap.Count == 0,
        CelKind.Timestamp => value.RawBits == 0 && value.RawNanos == 0,
        CelKind.Optional => !value.TryAsOptional(out _),
        _ => false,
    };
}
