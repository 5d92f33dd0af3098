using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Patterns;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Keywords;

/// <summary>A subschema with the name that it stands under.</summary>
internal sealed record NamedNode(string Name, SchemaNode Node);

/// <summary>
/// <c>properties</c>, <c>patternProperties</c> and <c>additionalProperties</c> of one schema: what the third applies to
/// depends on the first two, and one pass over the members serves all.
/// </summary>
internal sealed class ObjectKeyword(
    IReadOnlyList<NamedNode> properties,
    IReadOnlyList<(EcmaPattern Pattern, SchemaNode Node)> patterns,
    SchemaNode? additional) : Keyword
{
    private readonly NameMap<NamedNode> _properties = new([.. properties.Select(p => KeyValuePair.Create(p.Name, p))]);

    public override bool AppliesTo(JsonValueKind kind) => kind == JsonValueKind.Object;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        bool valid = true;
        int index = -1;
        foreach (JsonProperty member in instance.EnumerateObject())
        {
            index++;
            bool known = false;
            bool good = true;
            if (_properties.Find(JsonText.Utf8Name(member)) is { } property)
            {
                known = true;
                good = evaluation.Child(property.Node, member.Value, new Place(member), "properties", property.Name);
            }

            if (patterns.Count > 0 && (good || evaluation.Collects)) good &= MatchPatterns(member, evaluation, ref known);
            if (!known && additional is not null)
            {
                known = true;
                good = Additional(additional, member, evaluation);
            }

            if (known) evaluated?.Add(index);
            valid &= good;
            if (!valid && (!evaluation.Collects || evaluation.IsFull)) break;
        }

        return valid;
    }

    private bool MatchPatterns(JsonProperty member, Evaluation evaluation, ref bool known)
    {
        bool good = true;
        string name = JsonText.Name(member);
        foreach ((EcmaPattern pattern, SchemaNode node) in patterns)
        {
            if (!pattern.IsMatch(name)) continue;
            known = true;
            good &= evaluation.Child(node, member.Value, new Place(member), "patternProperties", pattern.Source);
            if (!good && !evaluation.Collects) break;
        }

        return good;
    }

    private bool Additional(SchemaNode node, JsonProperty member, Evaluation evaluation)
    {
        if (!node.IsFalse) return evaluation.Child(node, member.Value, new Place(member), "additionalProperties");
        if (!evaluation.Collects) return false;
        string allowed = properties.Count == 0 ? "" : $" Known are {Describe.List(properties.Select(p => p.Name))}.";
        return evaluation.FailAt(new Place(member), "additionalProperties", $"The property '{Describe.Short(JsonText.Name(member))}' is not allowed.{allowed}");
    }
}

/// <summary><c>propertyNames</c>.</summary>
internal sealed class PropertyNamesKeyword(SchemaNode node) : Keyword
{
    public override bool AppliesTo(JsonValueKind kind) => kind == JsonValueKind.Object;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        bool valid = true;
        foreach (JsonProperty member in instance.EnumerateObject())
        {
            valid &= evaluation.Child(node, JsonText.NameElement(member), new Place(member), "propertyNames");
            if (!valid && (!evaluation.Collects || evaluation.IsFull)) break;
        }

        return valid;
    }
}

/// <summary><c>unevaluatedProperties</c>: the members that no other keyword and no subschema applied here has judged.</summary>
internal sealed class UnevaluatedPropertiesKeyword(SchemaNode node) : Keyword
{
    public override bool AppliesTo(JsonValueKind kind) => kind == JsonValueKind.Object;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        bool valid = true;
        int index = -1;
        foreach (JsonProperty member in instance.EnumerateObject())
        {
            if (evaluated![++index]) continue;
            valid &= node.IsFalse
                ? evaluation.Collects && evaluation.FailAt(
                    new Place(member), "unevaluatedProperties", $"The property '{Describe.Short(JsonText.Name(member))}' is not allowed here.")
                : evaluation.Child(node, member.Value, new Place(member), "unevaluatedProperties");
            if (!valid && (!evaluation.Collects || evaluation.IsFull)) break;
        }

        evaluated!.AddAll();
        return valid;
    }
}
