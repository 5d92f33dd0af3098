using AgentFlow.Expressions.Cel.Functions;
using AgentFlow.Expressions.Cel.Patterns;

namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary><c>matches</c> with a pattern known at compile time.</summary>
internal sealed class MatchesOp(Op text, Pattern pattern, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var value = text.Eval(ref frame);
        return value.Kind switch
        {
            CelKind.String => frame.TryCharge(pattern.CostOf(value.RawString)) ? CelValue.Bool(pattern.IsMatch(value.RawString)) : TooExpensive(),
            CelKind.Error => value,
            _ => Fail(CelErrorCodes.NoSuchOverload, $"no such overload: {value.TypeName}.matches(string)"),
        };
    }
}

/// <summary><c>matches</c> with a pattern that is only known at evaluation.</summary>
internal static class DynamicMatches
{
    public static CelValue Evaluate(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        if (arguments[0].Kind != CelKind.String || arguments[1].Kind != CelKind.String)
        {
            return Overload.None;
        }

        var source = arguments[1].RawString;
        if (source.Length > Pattern.LongestDynamic)
        {
            return Overload.Invalid($"a regular expression that is computed may have {Pattern.LongestDynamic} characters, this one has {source.Length}");
        }

        if (!frame.TryCharge(source.Length))
        {
            return Overload.TooExpensive();
        }

        if (Pattern.TryCompile(source, out var problem) is not { } pattern)
        {
            return Overload.Invalid(Describe(source, problem!));
        }

        var text = arguments[0].RawString;
        return frame.TryCharge(pattern.Size + pattern.CostOf(text)) ? CelValue.Bool(pattern.IsMatch(text)) : Overload.TooExpensive();
    }

    public static string Describe(string source, string problem) => $"'{Values.CelText.Cut(source)}' is no regular expression of RE2: {problem}";
}
