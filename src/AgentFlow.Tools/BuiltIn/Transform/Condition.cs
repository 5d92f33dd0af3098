using System.Runtime.InteropServices;
using System.Text.Json;
using AgentFlow.Expressions.JsonPath;

namespace AgentFlow.Tools.BuiltIn.Transform;

/// <summary>
/// What <c>filter</c> keeps: <c>{path, op, value}</c>, or <c>{all: […]}</c>, <c>{any: […]}</c>, <c>{not: …}</c> of such.
/// Comparisons follow RFC 9535 §2.3.5.2.2: numbers by value, strings by code unit, other kinds never less or greater.
/// </summary>
internal abstract record Condition
{
    private static readonly string[] Operators = ["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "starts_with", "ends_with", "exists"];

    /// <summary>Whether an element is kept; <see langword="null"/> when the query costs more than the limit.</summary>
    public abstract bool? Holds(JsonElement element, JsonPathBudget budget);

    /// <summary>Reads a condition; <see langword="null"/> after noting a problem.</summary>
    public static Condition? Read(InputObject owner, string name) =>
        owner.Required(name) is null ? null : Read(owner.Object(name));

    private static Condition? Read(InputObject where)
    {
        if (where.Any("all") is not null)
            return ReadGroup(where, "all") is { } all ? new Group(all, Every: true) : null;
        if (where.Any("any") is not null)
            return ReadGroup(where, "any") is { } any ? new Group(any, Every: false) : null;
        if (where.Any("not") is not null)
        {
            where.Only("not");
            return Read(where, "not") is { } inner ? new Not(inner) : null;
        }

        return ReadTest(where);
    }

    private static List<Condition>? ReadGroup(InputObject where, string name)
    {
        where.Only(name);
        IReadOnlyList<InputObject> items = where.Objects(name);
        List<Condition> parts = [.. items.Select(Read).OfType<Condition>()];
        return parts.Count == items.Count ? parts : null;
    }

    private static Test? ReadTest(InputObject where)
    {
        where.Only("path", "op", "value");
        JsonPathQuery? path = where.Any("path") is null ? JsonPathQuery.Document : where.Query("path");
        string? word = where.Word("op", Operators);
        if (path is null || word is null)
            return null;
        bool given = where.TryGet("value", out JsonElement value);
        switch (word)
        {
            case "exists" when !given:
                return new Test(path, word, default);
            case "exists" when value.ValueKind is not (JsonValueKind.True or JsonValueKind.False):
                where.Refuse("value", "must be true or false for 'exists'");
                return null;
            case "in" when value.ValueKind != JsonValueKind.Array:
                where.Refuse("value", "must be an array for 'in'");
                return null;
            case "starts_with" or "ends_with" when value.ValueKind != JsonValueKind.String:
                where.Refuse("value", $"must be a string for '{word}'");
                return null;
        }

        if (!given)
        {
            where.Refuse("value", $"is required for '{word}'");
            return null;
        }

        if (!path.IsSingular && word != "exists")
        {
            where.Refuse("path", $"'{path.Text}' may select several values: only 'exists' takes such a path");
            return null;
        }

        return new Test(path, word, value);
    }

    private sealed record Group(List<Condition> Parts, bool Every) : Condition
    {
        public override bool? Holds(JsonElement element, JsonPathBudget budget)
        {
            foreach (Condition part in Parts)
            {
                bool? holds = part.Holds(element, budget);
                if (holds != Every)
                    return holds;
            }

            return Every;
        }
    }

    private sealed record Not(Condition Inner) : Condition
    {
        public override bool? Holds(JsonElement element, JsonPathBudget budget) => !Inner.Holds(element, budget);
    }

    private sealed record Test(JsonPathQuery Path, string Operator, JsonElement Value) : Condition
    {
        // Comparing reads text at memory speed, a path at some ten nanoseconds a value.
        private const int BytesPerVisit = 16;

        private readonly int _length = Length(Value);

        public override bool? Holds(JsonElement element, JsonPathBudget budget)
        {
            if (Path.Select(element, budget) is not { } nodes)
                return null;
            if (Operator == "exists")
                return (nodes.Count > 0) == (Value.ValueKind != JsonValueKind.False);
            if (nodes.Count == 0)
                return Operator == "ne";
            JsonElement found = nodes[0];
            if (!budget.Spend(1 + ((_length + (long)Length(found)) / BytesPerVisit)))
                return null;
            return Operator switch
            {
                "eq" => JsonElement.DeepEquals(found, Value),
                "ne" => !JsonElement.DeepEquals(found, Value),
                "lt" => Compare(found, Value) < 0,
                "le" => Compare(found, Value) <= 0,
                "gt" => Compare(found, Value) > 0,
                "ge" => Compare(found, Value) >= 0,
                "in" => Value.EnumerateArray().Any(v => JsonElement.DeepEquals(v, found)),
                "starts_with" => Text(found)?.StartsWith(Value.GetString()!, StringComparison.Ordinal) ?? false,
                "ends_with" => Text(found)?.EndsWith(Value.GetString()!, StringComparison.Ordinal) ?? false,
                _ => Contains(found, Value),
            };
        }

        private static bool Contains(JsonElement whole, JsonElement part) => whole.ValueKind switch
        {
            JsonValueKind.Array => whole.EnumerateArray().Any(v => JsonElement.DeepEquals(v, part)),
            JsonValueKind.String => Text(part) is { } text && whole.GetString()!.Contains(text, StringComparison.Ordinal),
            _ => false,
        };

        private static int Length(JsonElement element) =>
            element.ValueKind == JsonValueKind.Undefined ? 0 : JsonMarshal.GetRawUtf8Value(element).Length;

        private static string? Text(JsonElement element) => element.ValueKind == JsonValueKind.String ? element.GetString() : null;

        private static int? Compare(JsonElement a, JsonElement b) => (a.ValueKind, b.ValueKind) switch
        {
            (JsonValueKind.String, JsonValueKind.String) => string.CompareOrdinal(a.GetString(), b.GetString()),
            // Decimal keeps what double would round (money, 64-bit ids); what it cannot hold is far from every such value.
            (JsonValueKind.Number, JsonValueKind.Number) => a.TryGetDecimal(out decimal x) && b.TryGetDecimal(out decimal y)
                ? x.CompareTo(y)
                : a.GetDouble().CompareTo(b.GetDouble()),
            _ => null,
        };
    }
}
