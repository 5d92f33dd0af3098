using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Patterns;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Keywords;

/// <summary><c>pattern</c>: matches anywhere unless it is anchored.</summary>
internal sealed class PatternKeyword(EcmaPattern pattern) : Keyword
{
    public override bool AppliesTo(JsonValueKind kind) => kind == JsonValueKind.String;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated) =>
        pattern.IsMatch(JsonText.Value(instance))
        || (evaluation.Collects
            && evaluation.Fail("pattern", $"Expected a string that matches {Describe.Short(pattern.Source)}, found {Describe.Value(instance)}."));
}
