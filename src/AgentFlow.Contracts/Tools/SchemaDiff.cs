using System.Text.Json;
using static AgentFlow.Contracts.Tools.SchemaKeywords;
using static AgentFlow.Contracts.Tools.SchemaReferences;

namespace AgentFlow.Contracts.Tools;

/// <summary>
/// Compares two JSON Schemas. Of an input, the caller writes what the schema judges: allowing less breaks callers. Of an
/// output, the caller reads it: promising less breaks callers. What cannot be told apart counts as breaking.
/// </summary>
internal sealed class SchemaDiff
{
    private const int MaxComparisons = 100_000;
    private const int MaxDepth = 500;

    /// <summary>Allows everything, like the schema <c>true</c>.</summary>
    private static readonly JsonElement Anything = JsonElement.Parse("{}");

    private static readonly JsonElement Zero = JsonElement.Parse("0");
    private static readonly JsonElement One = JsonElement.Parse("1");

    private static readonly string[] LowerBounds = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"];
    private static readonly string[] UpperBounds = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"];
    private static readonly string[] Unordered = ["pattern", "format", "multipleOf"];
    private static readonly string[] Combined = ["allOf", "anyOf", "oneOf"];
    private static readonly string[] References = ["$ref", "$dynamicRef"];
    private static readonly string[] Opaque = ["not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies"];

    private static readonly string[] Subschemas =
        ["items", "additionalProperties", "propertyNames", "contains", "unevaluatedItems", "unevaluatedProperties"];

    /// <summary>Identifiers and shelves: they count where something refers to them.</summary>
    private static readonly string[] Structural = ["$schema", "$id", "$anchor", "$dynamicAnchor", "$vocabulary", "$defs", "definitions"];

    /// <summary>Every keyword that changes an answer of a validator; all others are for readers.</summary>
    private static readonly HashSet<string> Judged = new(
        [
            "type", "const", "enum", "uniqueItems", "properties", "required", "default", "patternProperties", "prefixItems",
            .. LowerBounds, .. UpperBounds, .. Unordered, .. Combined, .. Opaque, .. References, .. Subschemas, .. Structural,
        ],
        StringComparer.Ordinal);

    private readonly JsonElement _old;
    private readonly JsonElement _new;
    private readonly bool _isInput;
    private readonly string _root;
    private readonly List<ContractChange> _changes;
    private readonly HashSet<(string, string)> _compared = [];
    private int _left = MaxComparisons;
    private int _depth;

    /// <param name="old">No schema is the one that allows everything.</param>
    public SchemaDiff(JsonElement? old, JsonElement? @new, bool isInput, List<ContractChange> changes)
    {
        (_old, _new, _isInput, _changes) = (old ?? Anything, @new ?? Anything, isInput, changes);
        _root = isInput ? "/input_schema" : "/output_schema";
    }

    private string Side => _isInput ? "input" : "output";

    public static string Escape(string token) =>
        token.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    public void Run() => Compare(_old, _new, _root);

    private void Compare(JsonElement old, JsonElement @new, string path)
    {
        if (_left < 0) return;
        if (--_left < 0 || _depth == MaxDepth)
        {
            Changed(path, "The schemas are too large or too deep to be compared any further.");
            return;
        }

        _depth++;
        CompareResolved(old, @new, path);
        _depth--;
    }

    private void CompareResolved(JsonElement old, JsonElement @new, string path)
    {
        old = Follow(old, _old, IsNoCompany, out string oldReference);
        @new = Follow(@new, _new, IsNoCompany, out string newReference);

        // Recursive schemas come by the same pair of references again, only deeper.
        if (oldReference.Length > 0 && newReference.Length > 0 && !_compared.Add((oldReference, newReference))) return;
        if (old.ValueKind == JsonValueKind.True) old = Anything;
        if (@new.ValueKind == JsonValueKind.True) @new = Anything;
        if (old.ValueKind == JsonValueKind.Object && @new.ValueKind == JsonValueKind.Object) CompareObjects(old, @new, path);
        else if (@new.ValueKind == JsonValueKind.False && old.ValueKind != JsonValueKind.False) Narrowed(path, "Nothing is allowed here now.");
        else if (old.ValueKind == JsonValueKind.False && @new.ValueKind != JsonValueKind.False) Widened(path, "Something is allowed here now.");
    }

    private static bool IsNoCompany(string keyword) => Structural.Contains(keyword) || !Judged.Contains(keyword);

    private void CompareObjects(JsonElement old, JsonElement @new, string path)
    {
        if (!CompareTypes(old, @new, path)) return;
        CompareValues(old, @new, path);
        CompareBounds(old, @new, path);
        CompareFields(old, @new, path);
        CompareDefault(old, @new, path);
        foreach (string keyword in Subschemas) CompareSubschema(old, @new, keyword, path);

        ComparePatterns(old, @new, path);
        foreach (string keyword in Combined) CompareAlternatives(old, @new, keyword, path);
        CompareTuples(old, @new, path);
        CompareTheRest(old, @new, path);
    }

    private void CompareSubschema(JsonElement old, JsonElement @new, string keyword, string path)
    {
        if (Get(old, keyword) is null && Get(@new, keyword) is null) return;
        JsonElement before = Get(old, keyword) ?? Anything, after = Get(@new, keyword) ?? Anything;
        bool opens = before.ValueKind == JsonValueKind.False && after.ValueKind != JsonValueKind.False;
        if (!_isInput && opens && keyword.EndsWith("Properties", StringComparison.Ordinal))
        {
            // A further field of an output harms no reader, whether it is announced or not.
            Add(ChangeLevel.Minor, $"{path}/{keyword}", "Other fields may be in the output now.");
            return;
        }

        if (keyword == "contains")
        {
            // Without it an empty array is allowed, even where any item would do; and with an upper limit, matching more is allowing less.
            bool limited = (Get(old, "maxContains") ?? Get(@new, "maxContains")) is not null;
            if (limited || Get(old, keyword) is null || Get(@new, keyword) is null)
            {
                ComparePresence(old, @new, keyword, path);
                return;
            }
        }

        Compare(before, after, $"{path}/{keyword}");
    }

    /// <returns>False when the types have nothing in common, so that comparing further would say nothing.</returns>
    private bool CompareTypes(JsonElement old, JsonElement @new, string path)
    {
        HashSet<string> before = Types(old), after = Types(@new);
        if (before.SetEquals(after)) return true;
        path += "/type";
        string message = $"The type went from {Words(old)} to {Words(@new)}.";
        if (before.IsSubsetOf(after)) Widened(path, message);
        else if (before.IsSupersetOf(after)) Narrowed(path, message);
        else Changed(path, message);
        return before.Overlaps(after);

        static string Words(JsonElement schema) => Get(schema, "type") is { } type ? Raw(type) : "any";
    }

    private void CompareValues(JsonElement old, JsonElement @new, string path)
    {
        List<JsonElement>? before = Values(old), after = Values(@new);
        string keyword = Get(@new, "const") is not null || (after is null && Get(old, "const") is not null) ? "const" : "enum";
        path += $"/{keyword}";
        if (before is null && after is null) return;
        if (before is null)
        {
            Narrowed(path, $"Only {List(after!)} is allowed now.");
            return;
        }

        if (after is null)
        {
            Widened(path, $"Other values than {List(before)} are allowed now.");
            return;
        }

        List<JsonElement> removed = [.. before.Where(v => !after.Any(w => IsSame(v, w)))], added = [.. after.Where(v => !before.Any(w => IsSame(v, w)))];
        if (removed.Count > 0) Narrowed(path, $"{List(removed)} is no longer allowed.");
        if (added.Count > 0) Widened(path, $"{List(added)} is allowed now.");

        static string List(List<JsonElement> values) => string.Join(", ", values.Take(10).Select(Raw)) + (values.Count > 10 ? ", …" : "");
    }

    private void CompareBounds(JsonElement old, JsonElement @new, string path)
    {
        foreach (string keyword in LowerBounds) CompareBound(old, @new, keyword, path, lower: true);
        foreach (string keyword in UpperBounds) CompareBound(old, @new, keyword, path, lower: false);
        foreach (string keyword in Unordered) ComparePresence(old, @new, keyword, path);
        if (IsTrue(old, "uniqueItems") != IsTrue(@new, "uniqueItems"))
        {
            if (IsTrue(@new, "uniqueItems")) Narrowed($"{path}/uniqueItems", "Items have to differ now.");
            else Widened($"{path}/uniqueItems", "Items no longer have to differ.");
        }
    }

    private void CompareBound(JsonElement old, JsonElement @new, string keyword, string path, bool lower)
    {
        JsonElement? before = Bound(old, keyword), after = Bound(@new, keyword);
        if (before is not { ValueKind: JsonValueKind.Number } from || after is not { ValueKind: JsonValueKind.Number } to)
        {
            ComparePresence(old, @new, keyword, path);
            return;
        }

        int order = CompareNumbers(to, from);
        if (order == 0) return;
        string message = $"'{keyword}' went from {Raw(from)} to {Raw(to)}.";
        if (order > 0 == lower) Narrowed($"{path}/{keyword}", message);
        else Widened($"{path}/{keyword}", message);

        // Counts have a least value without being there.
        static JsonElement? Bound(JsonElement schema, string keyword) => Get(schema, keyword) ?? keyword switch
        {
            "minLength" or "minItems" or "minProperties" => Zero,
            "minContains" => One,
            _ => null,
        };
    }

    private void CompareFields(JsonElement old, JsonElement @new, string path)
    {
        Dictionary<string, JsonElement> before = Members(old, "properties"), after = Members(@new, "properties");
        HashSet<string> neededBefore = Names(old), needed = Names(@new);
        foreach (string name in before.Keys.Union(after.Keys).Union(neededBefore).Union(needed).Order(StringComparer.Ordinal))
        {
            string place = $"{path}/properties/{Escape(name)}";
            bool known = before.TryGetValue(name, out JsonElement field), stays = after.TryGetValue(name, out JsonElement successor);
            bool hasDefault = stays && Get(successor, "default") is not null;
            if (known && stays) Compare(field, successor, place);
            if (known && !stays)
            {
                Add(ChangeLevel.Major, place, $"The {Side} field '{name}' was removed.");
            }
            else if (stays && !known && !neededBefore.Contains(name))
            {
                Added(place, name, needed.Contains(name), hasDefault);
            }
            else if (needed.Contains(name) && !neededBefore.Contains(name))
            {
                if (_isInput && hasDefault) Add(ChangeLevel.Minor, $"{path}/required", $"The input field '{name}' is required now, but has a default.");
                else Narrowed($"{path}/required", $"The {Side} field '{name}' is required now{(_isInput ? " and has no default" : "")}.");
            }
            else if (!needed.Contains(name) && neededBefore.Contains(name))
            {
                Widened($"{path}/required", $"The {Side} field '{name}' is no longer required.");
            }
        }
    }

    private void Added(string place, string name, bool required, bool hasDefault)
    {
        if (!_isInput) Add(ChangeLevel.Minor, place, $"The output field '{name}' was added.");
        else if (required && !hasDefault) Add(ChangeLevel.Major, place, $"The input field '{name}' was added; it is required and has no default.");
        else Add(ChangeLevel.Minor, place, $"The {(required ? "" : "optional ")}input field '{name}' was added{(hasDefault ? " with a default" : "")}.");
    }

    /// <summary>A default is what callers get that leave a field out.</summary>
    private void CompareDefault(JsonElement old, JsonElement @new, string path)
    {
        (JsonElement? before, JsonElement? after) = (Get(old, "default"), Get(@new, "default"));
        if (before is null && after is null) return;
        path += "/default";
        if (before is null)
        {
            Add(_isInput ? ChangeLevel.Minor : ChangeLevel.Patch, path, $"The default {Raw(after!.Value)} was added.");
        }
        else if (after is null || !IsSame(before.Value, after.Value))
        {
            string change = after is null ? "was taken away" : $"became {Raw(after.Value)}";
            Add(_isInput ? ChangeLevel.Major : ChangeLevel.Patch, path, $"The default {Raw(before.Value)} {change}.");
        }
    }

    /// <summary>A name that no pattern matches falls under <c>additionalProperties</c>.</summary>
    private void ComparePatterns(JsonElement old, JsonElement @new, string path)
    {
        Dictionary<string, JsonElement> before = Members(old, "patternProperties"), after = Members(@new, "patternProperties");
        JsonElement othersBefore = Get(old, "additionalProperties") ?? Anything, others = Get(@new, "additionalProperties") ?? Anything;
        foreach (string pattern in before.Keys.Union(after.Keys).Order(StringComparer.Ordinal))
        {
            JsonElement was = before.GetValueOrDefault(pattern, othersBefore), becomes = after.GetValueOrDefault(pattern, others);
            Compare(was, becomes, $"{path}/patternProperties/{Escape(pattern)}");
        }
    }

    /// <summary>Alternatives that are in both are taken out; what is left is compared in order.</summary>
    private void CompareAlternatives(JsonElement old, JsonElement @new, string keyword, string path)
    {
        List<JsonElement> before = Items(old, keyword), after = Items(@new, keyword);
        List<JsonElement> gone = [.. before.Where(s => !after.Any(t => IsSame(s, t)))], come = [.. after.Where(s => !before.Any(t => IsSame(s, t)))];
        path += $"/{keyword}";
        bool all = keyword == "allOf";
        for (int i = 0; i < Math.Min(gone.Count, come.Count); i++) Compare(gone[i], come[i], $"{path}/{after.FindIndex(s => IsSame(s, come[i]))}");
        if (gone.Count > come.Count)
        {
            if (all || after.Count == 0) Widened(path, "A condition was taken away.");
            else Narrowed(path, "An alternative was taken away.");
        }
        else if (gone.Count < come.Count)
        {
            if (all || before.Count == 0) Narrowed(path, "A condition was added.");
            else Widened(path, "An alternative was added.");
        }
    }

    private void CompareTuples(JsonElement old, JsonElement @new, string path)
    {
        List<JsonElement> before = Items(old, "prefixItems"), after = Items(@new, "prefixItems");
        JsonElement restBefore = Get(old, "items") ?? Anything, rest = Get(@new, "items") ?? Anything;
        for (int i = 0; i < Math.Max(before.Count, after.Count); i++)
        {
            Compare(i < before.Count ? before[i] : restBefore, i < after.Count ? after[i] : rest, $"{path}/prefixItems/{i}");
        }
    }

    private void CompareTheRest(JsonElement old, JsonElement @new, string path)
    {
        foreach (string keyword in Opaque) ComparePresence(old, @new, keyword, path);
        foreach (string keyword in References) CompareReference(old, @new, keyword, path);
        foreach (string keyword in Keywords(old).Union(Keywords(@new)).Where(k => !Judged.Contains(k)).Order(StringComparer.Ordinal))
        {
            if (!IsSame(Get(old, keyword), Get(@new, keyword))) Add(ChangeLevel.Patch, $"{path}/{Escape(keyword)}", $"'{keyword}' changed.");
        }

        static IEnumerable<string> Keywords(JsonElement schema) => schema.EnumerateObject().Select(m => m.Name);
    }

    /// <summary>For references beside other keywords: what they lead to counts, not how it is called.</summary>
    private void CompareReference(JsonElement old, JsonElement @new, string keyword, string path)
    {
        if (Get(old, keyword) is { ValueKind: JsonValueKind.String } before
            && Get(@new, keyword) is { ValueKind: JsonValueKind.String } after
            && TryFind(_old, before.GetString()!, out JsonElement oldTarget)
            && TryFind(_new, after.GetString()!, out JsonElement newTarget))
        {
            if (_compared.Add((before.GetString()!, after.GetString()!))) Compare(oldTarget, newTarget, $"{path}/{keyword}");
        }
        else
        {
            ComparePresence(old, @new, keyword, path);
        }
    }

    /// <summary>For a keyword whose values cannot be ordered: having it allows less, and two values are just different.</summary>
    private void ComparePresence(JsonElement old, JsonElement @new, string keyword, string path)
    {
        (JsonElement? before, JsonElement? after) = (Get(old, keyword), Get(@new, keyword));
        if (IsSame(before, after)) return;
        path += $"/{keyword}";
        if (before is null) Narrowed(path, $"'{keyword}' was added: {Raw(after!.Value)}.");
        else if (after is null) Widened(path, $"'{keyword}' was taken away: {Raw(before.Value)}.");
        else Changed(path, $"'{keyword}' went from {Raw(before.Value)} to {Raw(after.Value)}.");
    }

    private void Narrowed(string path, string message) => Add(_isInput ? ChangeLevel.Major : ChangeLevel.Minor, path, message);

    private void Widened(string path, string message) => Add(_isInput ? ChangeLevel.Minor : ChangeLevel.Major, path, message);

    private void Changed(string path, string message) => Add(ChangeLevel.Major, path, message);

    private void Add(ChangeLevel level, string path, string message) => _changes.Add(new ContractChange(level, path, message));
}
