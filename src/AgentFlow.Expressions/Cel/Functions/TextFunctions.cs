using AgentFlow.Expressions.Cel.Evaluation;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary>The standard predicates on strings.</summary>
internal static class TextFunctions
{
    public static IEnumerable<Overload> All { get; } =
    [
        new("contains", CelCallStyle.Method, 2, 2, (ReadOnlySpan<CelValue> arguments, ref Frame frame) =>
            AreStrings(arguments) ? Search(arguments[0].RawString, arguments[1].RawString, ref frame) : Overload.None),
        new("startsWith", CelCallStyle.Method, 2, 2, (ReadOnlySpan<CelValue> arguments, ref Frame frame) =>
            AreStrings(arguments) ? CelValue.Bool(arguments[0].RawString.StartsWith(arguments[1].RawString, StringComparison.Ordinal)) : Overload.None),
        new("endsWith", CelCallStyle.Method, 2, 2, (ReadOnlySpan<CelValue> arguments, ref Frame frame) =>
            AreStrings(arguments) ? CelValue.Bool(arguments[0].RawString.EndsWith(arguments[1].RawString, StringComparison.Ordinal)) : Overload.None),
        new("matches", CelCallStyle.Both, 2, 2, DynamicMatches.Evaluate),
    ];

    private static bool AreStrings(ReadOnlySpan<CelValue> arguments) => arguments[0].Kind == CelKind.String && arguments[1].Kind == CelKind.String;

    // The search is vectorised but may compare the whole needle at many places: charged for the product, in blocks.
    private static CelValue Search(string text, string wanted, ref Frame frame)
    {
        var work = (long)(text.Length >> 4) * (1 + (wanted.Length >> 4));
        return frame.TryCharge(work) ? CelValue.Bool(text.Contains(wanted, StringComparison.Ordinal)) : Overload.TooExpensive();
    }
}
