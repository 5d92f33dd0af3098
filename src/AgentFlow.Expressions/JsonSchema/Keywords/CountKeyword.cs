using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Keywords;

/// <summary><c>minLength</c>, <c>maxLength</c>, <c>minItems</c>, <c>maxItems</c>, <c>minProperties</c> and <c>maxProperties</c>.</summary>
internal sealed class CountKeyword(string name, int limit) : Keyword
{
    private readonly bool _isMinimum = name.StartsWith("min", StringComparison.Ordinal);
    private readonly JsonValueKind _kind = name[3..] switch
    {
        "Length" => JsonValueKind.String,
        "Items" => JsonValueKind.Array,
        _ => JsonValueKind.Object,
    };

    public override bool AppliesTo(JsonValueKind kind) => kind == _kind;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        int count = _kind switch
        {
            JsonValueKind.String => JsonText.CodePoints(instance),
            JsonValueKind.Array => instance.GetArrayLength(),
            _ => instance.GetPropertyCount(),
        };
        bool holds = _isMinimum ? count >= limit : count <= limit;
        if (holds || !evaluation.Collects) return holds;

        (string singular, string plural) = _kind switch
        {
            JsonValueKind.String => ("character", "characters"),
            JsonValueKind.Array => ("item", "items"),
            _ => ("property", "properties"),
        };
        return evaluation.Fail(name, $"Expected {(_isMinimum ? "at least" : "at most")} {Describe.Count(limit, singular, plural)}, found {count}.");
    }
}
