using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Compilation;

namespace AgentFlow.Expressions.JsonSchema;

/// <summary>One compiled schema: true, false, or a list of keywords that all have to hold.</summary>
internal sealed class SchemaNode(SchemaResource resource, string pointer, JsonElement element)
{
    public SchemaResource Resource { get; } = resource;

    /// <summary>Where it stands in its document.</summary>
    public string Pointer { get; } = pointer;

    public JsonElement Element { get; } = element;

    /// <summary>In the order of evaluation: cheap assertions first, what depends on the others last.</summary>
    public Keyword[] Keywords { get; set; } = [];

    /// <summary>The schema <c>false</c>.</summary>
    public bool IsFalse => Element.ValueKind == JsonValueKind.False;

    public bool TracksMembers { get; set; }

    public bool TracksItems { get; set; }

    /// <param name="outer">Where to note what was evaluated, for an <c>unevaluated…</c> keyword further out; or null.</param>
    public bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? outer)
    {
        if (IsFalse) return evaluation.FailAt(null, null, "No value is allowed here.");
        if (Keywords.Length == 0) return true;

        evaluation.Enter(this);
        JsonValueKind kind = instance.ValueKind;
        EvaluatedSet? evaluated = outer;
        if (TracksMembers && kind == JsonValueKind.Object) evaluated = evaluation.Rent(instance.GetPropertyCount());
        else if (TracksItems && kind == JsonValueKind.Array) evaluated = evaluation.Rent(instance.GetArrayLength());

        bool valid = true;
        foreach (Keyword keyword in Keywords)
        {
            if (!keyword.AppliesTo(kind) || keyword.Evaluate(instance, evaluation, evaluated)) continue;
            valid = false;
            if (!evaluation.Collects || evaluation.IsFull) break;
        }

        if (evaluated is not null && evaluated != outer)
        {
            if (valid) outer?.Add(evaluated);
            evaluation.Return(evaluated);
        }

        evaluation.Leave();
        return valid;
    }
}

/// <summary>One compiled keyword, or several that have to be evaluated together. Immutable once compiled; safe for concurrent use.</summary>
internal abstract class Keyword
{
    /// <summary>Whether the keyword says anything about instances of the kind.</summary>
    public abstract bool AppliesTo(JsonValueKind kind);

    /// <param name="evaluated">Where to note the members or items that were evaluated; or null when nobody asks.</param>
    public abstract bool Evaluate(JsonElement instance, Evaluation evaluation, EvaluatedSet? evaluated);

    /// <summary>Subschemas that are applied to the same instance.</summary>
    public virtual IEnumerable<SchemaNode> InPlace => [];
}
