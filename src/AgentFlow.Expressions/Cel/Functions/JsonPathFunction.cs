using AgentFlow.Expressions.Cel.Evaluation;
using AgentFlow.Expressions.Cel.Values;
using AgentFlow.Expressions.JsonPath;
using AgentFlow.Expressions.JsonPath.Evaluation;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary><c>jsonpath(document, query)</c>: the list of the values that an RFC 9535 query selects.</summary>
internal static class JsonPathFunction
{
    public const string Name = "jsonpath";

    // A list's elements are kept; more of them than this are not worth a budget of steps alone.
    private const int MostNodes = 1_000_000;

    public static IEnumerable<Overload> All { get; } = [new(Name, CelCallStyle.Function, 2, 2, Evaluate)];

    public static CelValue Select(in CelValue document, JsonPathQuery query, ref Frame frame)
    {
        var budget = new JsonPathBudget(MostNodes, Math.Max(1, frame.Budget));
        List<Located<CelValue>>? nodes = new Walk<CelValue, CelTree>(default, document, budget, locates: false).Run(query.Root);
        return frame.TryCharge(budget.Spent) && nodes is not null
            ? CelValue.List(new CelArray([.. nodes.Select(node => node.Value)]))
            : Overload.TooExpensive();
    }

    // A query that is only known at evaluation.
    private static CelValue Evaluate(ReadOnlySpan<CelValue> arguments, ref Frame frame)
    {
        if (arguments[1].Kind != CelKind.String)
        {
            return Overload.None;
        }

        string text = arguments[1].RawString;
        if (!frame.TryCharge(text.Length))
        {
            return Overload.TooExpensive();
        }

        return JsonPathQuery.TryCompile(text, out JsonPathQuery? query, out JsonPathError? error)
            ? Select(arguments[0], query, ref frame)
            : Overload.Invalid(Describe(error));
    }

    public static string Describe(JsonPathError error) => $"not a JSONPath query, at {error}";
}
