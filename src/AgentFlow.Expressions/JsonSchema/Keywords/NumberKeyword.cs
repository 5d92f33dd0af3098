using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Keywords;

/// <summary><c>minimum</c>, <c>maximum</c>, their exclusive forms, and <c>multipleOf</c>.</summary>
internal sealed class NumberKeyword(string name, JsonElement limit) : Keyword
{
    private readonly JsonNumber _limit = JsonEquality.Number(limit);

    public override bool AppliesTo(JsonValueKind kind) => kind == JsonValueKind.Number;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        JsonNumber number = JsonEquality.Number(instance);
        bool holds = name switch
        {
            "minimum" => number.CompareTo(_limit) >= 0,
            "exclusiveMinimum" => number.CompareTo(_limit) > 0,
            "maximum" => number.CompareTo(_limit) <= 0,
            "exclusiveMaximum" => number.CompareTo(_limit) < 0,
            _ => number.IsMultipleOf(_limit),
        };
        if (holds || !evaluation.Collects) return holds;

        string words = name switch
        {
            "minimum" => "a number of at least",
            "exclusiveMinimum" => "a number above",
            "maximum" => "a number of at most",
            "exclusiveMaximum" => "a number below",
            _ => "a multiple of",
        };
        return evaluation.Fail(name, $"Expected {words} {Describe.Raw(limit)}, found {Describe.Raw(instance)}.");
    }
}
