using System.Text.Json;

namespace AgentFlow.Expressions.JsonSchema.Keywords;

/// <summary><c>$ref</c>, and a <c>$dynamicRef</c> that turned out to be static.</summary>
internal sealed class ReferenceKeyword(string name, SchemaNode target) : Keyword
{
    public override IEnumerable<SchemaNode> InPlace => [target];

    public override bool AppliesTo(JsonValueKind kind) => true;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated) =>
        evaluation.InPlace(target, instance, evaluated, name);
}

/// <summary><c>$dynamicRef</c> to a <c>$dynamicAnchor</c>: where it leads depends on the way that evaluation came.</summary>
internal sealed class DynamicReferenceKeyword(string anchor, SchemaNode initial) : Keyword
{
    public override bool AppliesTo(JsonValueKind kind) => true;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated) =>
        evaluation.InPlace(evaluation.FindDynamic(anchor) ?? initial, instance, evaluated, "$dynamicRef");
}
