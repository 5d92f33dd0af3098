using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Keywords;

/// <summary><c>enum</c>, and <c>const</c> as an enum of one.</summary>
internal sealed class EnumKeyword(string name, IReadOnlyList<JsonElement> values) : Keyword
{
    private readonly HashSet<JsonElement> _values = new(values, JsonEquality.Instance);

    public override bool AppliesTo(JsonValueKind kind) => true;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        bool equal = values.Count == 1 ? JsonEquality.Instance.Equals(values[0], instance) : _values.Contains(instance);
        if (equal) return true;
        string expected = values.Count == 1 ? Describe.Raw(values[0]) : $"one of {Describe.List(values.Select(Describe.Raw))}";
        return evaluation.Collects && evaluation.Fail(name, $"Expected {expected}, found {Describe.Value(instance)}.");
    }
}
