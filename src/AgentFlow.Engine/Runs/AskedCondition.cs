using System.Text;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Runs;

/// <summary>A condition that a decision asked: what it was, what it read, and what it came to.</summary>
/// <param name="Seq">Sequence of the event that was decided next.</param>
/// <param name="Expression">Its source.</param>
/// <param name="Value"><c>true</c>, <c>false</c>, or what else it gave.</param>
/// <param name="Error">Why it could not be evaluated, or is neither true nor false; then it decided nothing.</param>
public sealed record AskedCondition(long Seq, string Expression, string Value, string? Error, IReadOnlyList<AskedInput> Inputs)
{
    private const int LongestValue = 200;

    internal static AskedCondition Of(long seq, CelExpression condition, CelValue value, ICelVariables variables)
    {
        string? error = value.IsError ? value.AsError().Message : value.Kind == CelKind.Bool ? null : $"it gave {value.TypeName} instead of bool";
        AskedInput[] inputs = [.. condition.References.DistinctBy(r => r.Path).Select(r => new AskedInput(r.Path, Read(r, variables)))];
        return new AskedCondition(seq, condition.Source, value.IsError ? "error" : Text(value), error, inputs);
    }

    private static string? Read(CelReference reference, ICelVariables variables)
    {
        if (!variables.TryGet(reference.Root, out CelValue value))
        {
            return null;
        }

        foreach (string field in reference.Segments.Skip(1))
        {
            if (value.Kind != CelKind.Map || !value.AsMap().TryGet(field, out value))
            {
                return null;
            }
        }

        return Text(value);
    }

    private static string Text(in CelValue value)
    {
        string text;
        try
        {
            text = Encoding.UTF8.GetString(value.ToJson());
        }
        catch (CelJsonException)
        {
            text = value.ToString();
        }

        return text.Length <= LongestValue ? text : string.Concat(text.AsSpan(0, LongestValue - 1), "…");
    }
}

/// <param name="Name">What was read, as the expression writes it: <c>output.confidence</c>.</param>
/// <param name="Value">As JSON, cut where it is long; <see langword="null"/> when it was not there.</param>
public sealed record AskedInput(string Name, string? Value);
