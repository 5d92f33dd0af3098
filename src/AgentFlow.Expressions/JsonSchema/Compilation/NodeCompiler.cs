using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Formats;
using AgentFlow.Expressions.JsonSchema.Keywords;
using AgentFlow.Expressions.JsonSchema.Patterns;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Compilation;

/// <summary>The keywords of one schema.</summary>
internal sealed class NodeCompiler(SchemaSet set, SchemaNode node, bool assertFormat, HashSet<string> dynamicNames)
{
    private readonly Dictionary<string, JsonElement> _members =
        node.Element.ValueKind == JsonValueKind.Object ? MembersOf(node.Element) : new(StringComparer.Ordinal);

    public IEnumerable<Keyword> Compile()
    {
        Vocabularies vocabularies = node.Resource.Vocabularies;
        IEnumerable<Keyword?> keywords = [];
        if (vocabularies.HasFlag(Vocabularies.Validation)) keywords = keywords.Concat(Validation());
        keywords = keywords.Append(Format(vocabularies));
        if (vocabularies.HasFlag(Vocabularies.Applicator)) keywords = keywords.Concat(Applicators(vocabularies));
        keywords = keywords.Append(Reference()).Append(DynamicReference());
        if (vocabularies.HasFlag(Vocabularies.Unevaluated)) keywords = keywords.Concat(Unevaluated());
        return keywords.OfType<Keyword>();
    }

    private IEnumerable<Keyword?> Validation()
    {
        yield return Types();
        if (Get("const") is { } constant) yield return new EnumKeyword("const", [constant]);
        if (Get("enum", JsonValueKind.Array) is { } values) yield return new EnumKeyword("enum", [.. values.EnumerateArray()]);
        foreach (string name in (string[])["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"])
        {
            if (Get(name, JsonValueKind.Number) is not { } limit) continue;
            if (name != "multipleOf" || JsonEquality.Number(limit).Sign > 0) yield return new NumberKeyword(name, limit);
            else Fail(name, $"Expected a number above 0, found {Describe.Raw(limit)}.");
        }

        foreach (string name in (string[])["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"])
        {
            if (Count(name) is { } limit) yield return new CountKeyword(name, limit);
        }

        if (Get("pattern", JsonValueKind.String) is { } pattern && Pattern("pattern", JsonText.Value(pattern)) is { } compiled)
        {
            yield return new PatternKeyword(compiled);
        }

        if (Texts("required") is { } required) yield return new RequiredKeyword(required);
        if (Members("dependentRequired") is { } dependent) yield return DependentRequired("dependentRequired", dependent);
        if (Get("uniqueItems")?.ValueKind == JsonValueKind.True) yield return new UniqueItemsKeyword();
    }

    private IEnumerable<Keyword?> Applicators(Vocabularies vocabularies)
    {
        yield return Object();
        if (One("propertyNames") is { } names) yield return new PropertyNamesKeyword(names);
        yield return Array();
        if (One("contains") is { } contains)
        {
            bool counts = vocabularies.HasFlag(Vocabularies.Validation);
            yield return new ContainsKeyword(contains, (counts ? Count("minContains") : null) ?? 1, counts ? Count("maxContains") : null);
        }

        if (List("allOf") is { } all) yield return new AllOfKeyword(all);
        if (List("anyOf") is { } any) yield return new AlternativesKeyword("anyOf", any);
        if (List("oneOf") is { } one) yield return new AlternativesKeyword("oneOf", one);
        if (One("not") is { } not) yield return new NotKeyword(not);

        SchemaNode? then = One("then"), otherwise = One("else");
        if (One("if") is { } condition) yield return new ConditionKeyword(condition, then, otherwise);
        if (Members("dependentSchemas") is { } schemas) yield return DependentSchemas("dependentSchemas", schemas);
        if (Members("dependencies") is { } dependencies)
        {
            yield return DependentRequired("dependencies", [.. dependencies.Where(d => d.Value.ValueKind == JsonValueKind.Array)]);
            yield return DependentSchemas("dependencies", [.. dependencies.Where(d => SubschemaKeywords.IsSchema(d.Value))]);
        }
    }

    private IEnumerable<Keyword?> Unevaluated()
    {
        if (One("unevaluatedProperties") is { } members)
        {
            node.TracksMembers = true;
            yield return new UnevaluatedPropertiesKeyword(members);
        }

        if (One("unevaluatedItems") is { } items)
        {
            node.TracksItems = true;
            yield return new UnevaluatedItemsKeyword(items);
        }
    }

    private TypeKeyword? Types()
    {
        if (Get("type") is not { } type) return null;
        string[]? types = type.ValueKind == JsonValueKind.String ? [JsonText.Value(type)] : Texts("type");
        if (types is null) return null;
        if (types.FirstOrDefault(t => !TypeKeyword.Known.Contains(t)) is not { } unknown) return new TypeKeyword(types);
        Fail("type", $"Expected one of {string.Join(", ", TypeKeyword.Known)}, found '{Describe.Short(unknown)}'.");
        return null;
    }

    private ObjectKeyword? Object()
    {
        List<NamedNode> properties = [.. (Members("properties") ?? []).Select(m => Named("properties", m)).OfType<NamedNode>()];
        var patterns = new List<(EcmaPattern, SchemaNode)>();
        foreach (KeyValuePair<string, JsonElement> member in Members("patternProperties") ?? [])
        {
            EcmaPattern? pattern = Pattern(JsonPointer.Append("patternProperties", member.Key), member.Key);
            if (pattern is not null && Named("patternProperties", member) is { } named) patterns.Add((pattern, named.Node));
        }

        SchemaNode? additional = One("additionalProperties");
        return properties.Count == 0 && patterns.Count == 0 && additional is null ? null : new ObjectKeyword(properties, patterns, additional);
    }

    private ArrayKeyword? Array()
    {
        IReadOnlyList<SchemaNode> prefix = List("prefixItems") ?? [];
        SchemaNode? items = One("items");
        return prefix.Count == 0 && items is null ? null : new ArrayKeyword(prefix, items);
    }

    private FormatKeyword? Format(Vocabularies vocabularies)
    {
        if (!assertFormat && !vocabularies.HasFlag(Vocabularies.FormatAssertion)) return null;
        if (Get("format", JsonValueKind.String) is not { } format) return null;
        string name = JsonText.Value(format);
        return TextFormats.Find(name) is { } accepts ? new FormatKeyword(name, accepts) : null;
    }

    private ReferenceKeyword? Reference() => Resolve("$ref", out _) is { } target ? new ReferenceKeyword("$ref", target) : null;

    private Keyword? DynamicReference()
    {
        if (Resolve("$dynamicRef", out string? anchor) is not { } target) return null;

        // Only a dynamic anchor makes it dynamic (Core 8.2.3.2).
        if (anchor is null || !target.Resource.DynamicAnchors.Contains(anchor)) return new ReferenceKeyword("$dynamicRef", target);
        dynamicNames.Add(anchor);
        return new DynamicReferenceKeyword(anchor, target);
    }

    private SchemaNode? Resolve(string keyword, out string? anchor)
    {
        anchor = null;
        if (Get(keyword, JsonValueKind.String) is not { } reference) return null;
        SchemaNode? target = set.Resolve(node.Resource, JsonText.Value(reference), out anchor, out string? problem);
        if (problem is not null) Fail(keyword, problem);
        return target;
    }

    private DependentRequiredKeyword DependentRequired(string keyword, IReadOnlyCollection<KeyValuePair<string, JsonElement>> members)
    {
        var entries = new List<(string, IReadOnlyList<string>)>();
        foreach ((string name, JsonElement required) in members)
        {
            if (TextsOf(required) is { } texts) entries.Add((name, texts));
            else Fail(JsonPointer.Append(keyword, name), $"Expected an array of strings, found {Describe.Value(required)}.");
        }

        return new DependentRequiredKeyword(keyword, entries);
    }

    private DependentSchemasKeyword DependentSchemas(string keyword, IReadOnlyCollection<KeyValuePair<string, JsonElement>> members) =>
        new(keyword, [.. members.Select(m => Named(keyword, m)).OfType<NamedNode>()]);

    private EcmaPattern? Pattern(string tokens, string source)
    {
        if (EcmaPattern.TryCreate(source, out EcmaPattern? pattern, out string? problem)) return pattern;
        Fail(tokens, $"'{Describe.Short(source)}' is not a regular expression that can be used here: {problem}");
        return null;
    }

    private SchemaNode? One(string keyword)
    {
        if (Get(keyword) is not { } schema) return null;
        return Child(JsonPointer.Append(node.Pointer, keyword), schema);
    }

    private SchemaNode[]? List(string keyword)
    {
        if (Get(keyword, JsonValueKind.Array) is not { } schemas) return null;
        string pointer = JsonPointer.Append(node.Pointer, keyword);
        return [.. schemas.EnumerateArray().Select((schema, i) => Child(JsonPointer.Append(pointer, i), schema)).OfType<SchemaNode>()];
    }

    private NamedNode? Named(string keyword, KeyValuePair<string, JsonElement> member)
    {
        string pointer = JsonPointer.Append(JsonPointer.Append(node.Pointer, keyword), member.Key);
        return Child(pointer, member.Value) is { } child ? new NamedNode(member.Key, child) : null;
    }

    private SchemaNode? Child(string pointer, JsonElement schema)
    {
        if (SubschemaKeywords.IsSchema(schema)) return set.NodeAt(node.Resource, pointer, schema);
        set.Fail(node.Resource.Document, pointer, $"Expected a schema (an object, true or false), found {Describe.Value(schema)}.");
        return null;
    }

    private Dictionary<string, JsonElement>? Members(string keyword) =>
        Get(keyword, JsonValueKind.Object) is { } members ? MembersOf(members) : null;

    private static Dictionary<string, JsonElement> MembersOf(JsonElement json)
    {
        var members = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (JsonProperty member in json.EnumerateObject()) members[JsonText.Name(member)] = member.Value;
        return members;
    }

    private string[]? Texts(string keyword)
    {
        if (Get(keyword, JsonValueKind.Array) is not { } list) return null;
        string[]? texts = TextsOf(list);
        if (texts is null) Fail(keyword, "Expected an array of strings.");
        return texts;
    }

    private static string[]? TextsOf(JsonElement list) =>
        list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(t => t.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(JsonText.Value)]
            : null;

    private int? Count(string keyword)
    {
        if (Get(keyword, JsonValueKind.Number) is not { } value) return null;
        JsonNumber number = JsonEquality.Number(value);
        if (number.IsInteger && number.Sign >= 0) return number.ToCount();
        Fail(keyword, $"Expected an integer from 0, found {Describe.Raw(value)}.");
        return null;
    }

    private JsonElement? Get(string keyword) => _members.TryGetValue(keyword, out JsonElement value) ? value : null;

    private JsonElement? Get(string keyword, JsonValueKind kind)
    {
        if (Get(keyword) is not { } value || value.ValueKind == kind) return Get(keyword);
        Fail(keyword, $"Expected {kind switch
        {
            JsonValueKind.String => "a string",
            JsonValueKind.Number => "a number",
            JsonValueKind.Array => "an array",
            _ => "an object",
        }}, found {Describe.Value(value)}.");
        return null;
    }

    private void Fail(string tokens, string message) => set.Fail(node.Resource.Document, $"{node.Pointer}/{tokens}", message);
}
