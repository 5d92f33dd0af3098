using AgentFlow.Expressions.Cel.Evaluation;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary>The body of a standard function. Answers <see cref="Overload.None"/> for arguments of types it does not take.</summary>
internal delegate CelValue Body(ReadOnlySpan<CelValue> arguments, ref Frame frame);

/// <summary>A standard function in one call style.</summary>
/// <param name="Name">Its name, qualified where it has a namespace.</param>
/// <param name="Style">Function or method; a method's receiver is its first argument.</param>
/// <param name="IsPure">Whether constant arguments give a constant result; false for what depends on the machine.</param>
internal sealed record Overload(string Name, CelCallStyle Style, int MinArguments, int MaxArguments, Body Body, bool IsPure = true)
{
    /// <summary>What a body answers when it has no overload for its arguments; the call makes the message.</summary>
    public static readonly CelValue None = CelValue.Error(CelErrorCodes.NoSuchOverload, "no such overload");

    public static bool IsNone(in CelValue value) => value.IsError && ReferenceEquals(value.RawError, None.RawError);

    /// <summary>What a body answers when charging the budget failed.</summary>
    public static CelValue TooExpensive() => CelValue.Error(CelErrorCodes.CostExceeded, "the evaluation exceeds its cost limit");

    public static CelValue Invalid(string message) => CelValue.Error(CelErrorCodes.InvalidArgument, message);

    public static CelValue OutOfRange(string message) => CelValue.Error(CelErrorCodes.Overflow, message);
}
