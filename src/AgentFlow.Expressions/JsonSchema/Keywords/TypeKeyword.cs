using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Keywords;

/// <summary><c>type</c>: an integer is any number without a fraction, however it is written.</summary>
internal sealed class TypeKeyword(IReadOnlyList<string> types) : Keyword
{
    public static IReadOnlyList<string> Known { get; } = ["null", "boolean", "object", "array", "number", "integer", "string"];

    private readonly int _kinds = types.Select(KindsOf).Aggregate(0, (all, kinds) => all | kinds);
    private readonly bool _integer = types.Contains("integer");

    public override bool AppliesTo(JsonValueKind kind) => true;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        JsonValueKind kind = instance.ValueKind;
        if ((_kinds & (1 << (int)kind)) != 0) return true;
        if (_integer && kind == JsonValueKind.Number && JsonEquality.Number(instance).IsInteger) return true;
        return evaluation.Collects && evaluation.Fail("type", $"Expected {string.Join(" or ", types.Select(Words))}, found {Describe.Value(instance)}.");
    }

    private static int KindsOf(string type) => type switch
    {
        "null" => 1 << (int)JsonValueKind.Null,
        "boolean" => (1 << (int)JsonValueKind.True) | (1 << (int)JsonValueKind.False),
        "object" => 1 << (int)JsonValueKind.Object,
        "array" => 1 << (int)JsonValueKind.Array,
        "number" => 1 << (int)JsonValueKind.Number,
        "string" => 1 << (int)JsonValueKind.String,
        _ => 0,
    };

    private static string Words(string type) => type switch
    {
        "null" => "null",
        "boolean" => "true or false",
        "object" => "an object",
        "array" => "an array",
        "integer" => "an integer",
        "string" => "a string",
        _ => "a number",
    };
}
