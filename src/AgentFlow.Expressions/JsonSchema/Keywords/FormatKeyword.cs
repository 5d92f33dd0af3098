using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Keywords;

/// <summary><c>format</c> where it is asserted.</summary>
internal sealed class FormatKeyword(string format, Func<string, bool> accepts) : Keyword
{
    public override bool AppliesTo(JsonValueKind kind) => kind == JsonValueKind.String;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated) =>
        accepts(JsonText.Value(instance))
        || (evaluation.Collects && evaluation.Fail("format", $"Expected a string of the format {format}, found {Describe.Value(instance)}."));
}
