using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Keywords;

/// <summary><c>allOf</c>.</summary>
internal sealed class AllOfKeyword(IReadOnlyList<SchemaNode> nodes) : Keyword
{
    public override IEnumerable<SchemaNode> InPlace => nodes;

    public override bool AppliesTo(JsonValueKind kind) => true;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        bool valid = true;
        for (int i = 0; i < nodes.Count; i++)
        {
            valid &= evaluation.InPlace(nodes[i], instance, evaluated, "allOf", i);
            if (!valid && (!evaluation.Collects || evaluation.IsFull)) break;
        }

        return valid;
    }
}

/// <summary><c>anyOf</c> and <c>oneOf</c>.</summary>
internal sealed class AlternativesKeyword(string name, IReadOnlyList<SchemaNode> nodes) : Keyword
{
    private readonly bool _exactlyOne = name == "oneOf";

    public override IEnumerable<SchemaNode> InPlace => nodes;

    public override bool AppliesTo(JsonValueKind kind) => true;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        int matches = 0, first = -1;
        for (int i = 0; i < nodes.Count; i++)
        {
            if (!Matches(nodes[i], instance, evaluation, evaluated)) continue;
            if (++matches == 1)
            {
                first = i;
            }
            else if (_exactlyOne)
            {
                return evaluation.Collects && evaluation.Fail(name, $"Expected a value for exactly one alternative; {first} and {i} both match.");
            }

            // Further alternatives only matter for what they evaluate.
            if (!_exactlyOne && evaluated is null) return true;
        }

        if (matches > 0) return true;
        if (evaluation.Collects) Report(instance, evaluation);
        return false;
    }

    private static bool Matches(SchemaNode node, JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        if (evaluated is null) return evaluation.Probe(node, instance, null);
        EvaluatedSet own = evaluation.Rent(evaluated.Count);
        bool matches = evaluation.Probe(node, instance, own);
        if (matches) evaluated.Add(own);
        evaluation.Return(own);
        return matches;
    }

    /// <summary>The alternative with the fewest errors is most likely the one that was meant.</summary>
    private void Report(JsonElement instance, Evaluation evaluation)
    {
        List<SchemaFailure>? nearest = null;
        for (int i = 0; i < nodes.Count; i++)
        {
            List<SchemaFailure> failures = evaluation.Collected(nodes[i], instance, name, i);
            if (nearest is null || failures.Count < nearest.Count) nearest = failures;
        }

        string alternatives = Describe.Count(nodes.Count, "alternative", "alternatives");
        evaluation.Fail(name, $"Expected a value for one of {alternatives}; none matches {Describe.Value(instance)}.");
        evaluation.Add(nearest ?? []);
    }
}

/// <summary><c>not</c>.</summary>
internal sealed class NotKeyword(SchemaNode node) : Keyword
{
    public override IEnumerable<SchemaNode> InPlace => [node];

    public override bool AppliesTo(JsonValueKind kind) => true;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated) =>
        !evaluation.Probe(node, instance, null)
        || (evaluation.Collects && evaluation.Fail("not", $"Expected a value that the schema under 'not' refuses, found {Describe.Value(instance)}."));
}

/// <summary><c>if</c> with <c>then</c> and <c>else</c>.</summary>
internal sealed class ConditionKeyword(SchemaNode condition, SchemaNode? then, SchemaNode? otherwise) : Keyword
{
    public override IEnumerable<SchemaNode> InPlace => new[] { condition, then, otherwise }.OfType<SchemaNode>();

    public override bool AppliesTo(JsonValueKind kind) => true;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        EvaluatedSet? own = evaluated is null ? null : evaluation.Rent(evaluated.Count);
        bool holds = evaluation.Probe(condition, instance, own);
        if (own is not null)
        {
            if (holds) evaluated!.Add(own);
            evaluation.Return(own);
        }

        SchemaNode? next = holds ? then : otherwise;
        return next is null || evaluation.InPlace(next, instance, evaluated, holds ? "then" : "else");
    }
}

/// <summary><c>dependentSchemas</c>, and the same half of <c>dependencies</c> of earlier drafts.</summary>
internal sealed class DependentSchemasKeyword(string keyword, IReadOnlyList<NamedNode> entries) : Keyword
{
    private readonly NameMap<NamedNode> _entries = new([.. entries.Select(e => KeyValuePair.Create(e.Name, e))]);

    public override IEnumerable<SchemaNode> InPlace => entries.Select(e => e.Node);

    public override bool AppliesTo(JsonValueKind kind) => kind == JsonValueKind.Object;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        bool valid = true;
        foreach (JsonProperty member in instance.EnumerateObject())
        {
            if (_entries.Find(JsonText.Utf8Name(member)) is not { } entry) continue;
            valid &= evaluation.InPlace(entry.Node, instance, evaluated, keyword, entry.Name);
            if (!valid && (!evaluation.Collects || evaluation.IsFull)) break;
        }

        return valid;
    }
}
