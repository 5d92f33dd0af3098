using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Keywords;

/// <summary><c>prefixItems</c> and <c>items</c> of one schema: the second applies behind the first.</summary>
internal sealed class ArrayKeyword(IReadOnlyList<SchemaNode> prefix, SchemaNode? items) : Keyword
{
    public override bool AppliesTo(JsonValueKind kind) => kind == JsonValueKind.Array;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        bool valid = true;
        int index = 0;
        foreach (JsonElement item in instance.EnumerateArray())
        {
            if (index < prefix.Count)
            {
                valid &= evaluation.Child(prefix[index], item, new Place(index), "prefixItems", index);
                evaluated?.Add(index);
            }
            else if (items is null)
            {
                break;
            }
            else
            {
                valid &= items.IsFalse
                    ? evaluation.Collects && evaluation.FailAt(
                        new Place(index), "items", $"Expected at most {Describe.Count(prefix.Count, "item", "items")}, found {instance.GetArrayLength()}.")
                    : evaluation.Child(items, item, new Place(index), "items");
            }

            if (!valid && (!evaluation.Collects || evaluation.IsFull || (items is { IsFalse: true } && index >= prefix.Count))) break;
            index++;
        }

        if (items is not null) evaluated?.AddAll();
        return valid;
    }
}

/// <summary><c>contains</c> with <c>minContains</c> and <c>maxContains</c>.</summary>
internal sealed class ContainsKeyword(SchemaNode node, int minimum, int? maximum) : Keyword
{
    public override bool AppliesTo(JsonValueKind kind) => kind == JsonValueKind.Array;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        int found = 0, index = -1;
        foreach (JsonElement item in instance.EnumerateArray())
        {
            index++;
            if (!evaluation.Probe(node, item, null)) continue;
            found++;
            evaluated?.Add(index);

            // Everything is known, unless somebody asks which items match or how many there are.
            if (evaluated is null && !evaluation.Collects && found >= minimum && maximum is null) return true;
        }

        if (found < minimum)
        {
            return evaluation.Collects && evaluation.Fail(
                minimum == 1 && found == 0 ? "contains" : "minContains",
                $"Expected at least {Describe.Count(minimum, "item that matches", "items that match")}, found {found} among {instance.GetArrayLength()}.");
        }

        return !(found > maximum)
            || (evaluation.Collects && evaluation.Fail(
                "maxContains", $"Expected at most {Describe.Count(maximum.Value, "item that matches", "items that match")}, found {found}."));
    }
}

/// <summary><c>uniqueItems</c>, in one pass whatever the items are.</summary>
internal sealed class UniqueItemsKeyword : Keyword
{
    public override bool AppliesTo(JsonValueKind kind) => kind == JsonValueKind.Array;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        int count = instance.GetArrayLength();
        if (count < 2) return true;

        var seen = new Dictionary<JsonElement, int>(count, JsonEquality.Instance);
        int index = 0;
        foreach (JsonElement item in instance.EnumerateArray())
        {
            if (!seen.TryAdd(item, index))
            {
                return evaluation.Collects && evaluation.Fail(
                    "uniqueItems", $"Expected items that differ; {seen[item]} and {index} are both {Describe.Value(item)}.");
            }

            index++;
        }

        return true;
    }
}

/// <summary><c>unevaluatedItems</c>: the items that no other keyword and no subschema applied here has judged.</summary>
internal sealed class UnevaluatedItemsKeyword(SchemaNode node) : Keyword
{
    public override bool AppliesTo(JsonValueKind kind) => kind == JsonValueKind.Array;

    public override bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated)
    {
        bool valid = true;
        int index = -1;
        foreach (JsonElement item in instance.EnumerateArray())
        {
            if (evaluated![++index]) continue;
            valid &= node.IsFalse
                ? evaluation.Collects && evaluation.FailAt(new Place(index), "unevaluatedItems", $"The item {index} is not allowed here.")
                : evaluation.Child(node, item, new Place(index), "unevaluatedItems");
            if (!valid && (!evaluation.Collects || evaluation.IsFull)) break;
        }

        evaluated!.AddAll();
        return valid;
    }
}
