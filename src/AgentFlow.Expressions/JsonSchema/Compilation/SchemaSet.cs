using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Compilation;

/// <summary>The documents, resources and schemas that one compilation has come across, and how references lead to them.</summary>
internal sealed class SchemaSet(JsonSchemaOptions options)
{
    /// <summary>Base of relative references in a root schema without an absolute <c>$id</c>.</summary>
    public const string DefaultBase = "schema:///";

    private const int MaxDepth = 256;
    private const int MaxErrors = 100;

    private readonly Dictionary<string, SchemaResource> _resources = new(StringComparer.Ordinal);
    private readonly Dictionary<(SchemaDocument, string), SchemaNode> _nodes = [];
    private readonly List<SchemaError> _errors = [];

    public IReadOnlyList<SchemaError> Errors => _errors;

    /// <summary>Schemas that were asked for and are not compiled yet.</summary>
    public Queue<SchemaNode> Pending { get; } = new();

    /// <summary>Each once; a document that has an <c>$id</c> is known under two URIs.</summary>
    public IReadOnlyList<SchemaResource> Resources => [.. _resources.Values.Distinct()];

    public IReadOnlyList<SchemaDocument> Documents => [.. _resources.Values.Select(r => r.Document).Distinct()];

    public IEnumerable<SchemaNode> Nodes => _nodes.Values;

    public void Fail(SchemaDocument document, string pointer, string message)
    {
        string location = document.Uri == DefaultBase ? pointer : $"{document.Uri}#{pointer}";
        if (_errors.Count < MaxErrors) _errors.Add(new SchemaError(location, message));
    }

    public SchemaResource AddDocument(string uri, JsonElement root)
    {
        var document = new SchemaDocument(uri, root);

        // A root with an $id is met by the scan, which puts a resource of that name in the place of this one.
        Vocabularies vocabularies = Text(root, "$id") is null ? DialectOf(document, "", root, Vocabularies.Standard) : Vocabularies.Standard;
        var resource = new SchemaResource(uri, document, "", root, vocabularies);
        document.Resources[""] = resource;
        _resources[uri] = resource;
        Scan(resource, "", root);
        SchemaResource main = document.Resources[""];
        _resources[uri] = main;
        return main;
    }

    /// <summary>The schema at a place, compiled later.</summary>
    public SchemaNode NodeAt(SchemaResource enclosing, string pointer, JsonElement element)
    {
        SchemaDocument document = enclosing.Document;
        if (_nodes.TryGetValue((document, pointer), out SchemaNode? node)) return node;
        node = new SchemaNode(document.Resources.GetValueOrDefault(pointer, enclosing), pointer, element);
        _nodes.Add((document, pointer), node);
        Pending.Enqueue(node);
        return node;
    }

    /// <summary>The schema that a reference names.</summary>
    /// <param name="anchor">The plain-name fragment, when the reference has one.</param>
    /// <param name="problem">Why there is none, when the result is null.</param>
    public SchemaNode? Resolve(SchemaResource from, string reference, out string? anchor, out string? problem)
    {
        anchor = null;
        problem = null;
        (string uri, string fragment) = SchemaUri.SplitFragment(SchemaUri.Resolve(from.Uri, reference));
        if (Find(uri) is not { } resource)
        {
            problem = $"The reference '{Describe.Short(reference)}' leads to '{Describe.Short(uri)}', which is not in this schema and not registered; "
                + "nothing is fetched. Put the schema under $defs with this $id, or register the document.";
            return null;
        }

        if (fragment.Length == 0 || fragment[0] == '/') return AtPointer(resource, fragment, reference, out problem);
        if (!resource.Anchors.TryGetValue(fragment, out string? pointer))
        {
            problem = $"The reference '{Describe.Short(reference)}' names the anchor '{Describe.Short(fragment)}', "
                + $"which no $anchor or $dynamicAnchor defines in '{resource.Uri}'.";
            return null;
        }

        anchor = fragment;
        return AtPointer(resource, pointer[resource.Pointer.Length..], reference, out problem);
    }

    private SchemaResource? Find(string uri)
    {
        if (_resources.TryGetValue(uri, out SchemaResource? resource)) return resource;
        if (!options.Documents.TryGetValue(uri, out JsonElement root) && !Metaschemas.Documents.TryGetValue(uri, out root)) return null;
        return AddDocument(uri, root);
    }

    private SchemaNode? AtPointer(SchemaResource resource, string fragment, string reference, out string? problem)
    {
        SchemaDocument document = resource.Document;
        JsonElement element = resource.Element;
        string pointer = resource.Pointer;
        problem = null;
        foreach (string token in JsonPointer.Tokens(fragment))
        {
            if (!JsonPointer.TryStep(element, token, out element))
            {
                string place = pointer.Length == 0 ? "the root" : $"'{Describe.Short(pointer)}'";
                problem = $"The reference '{Describe.Short(reference)}' leads to nothing: there is no '{Describe.Short(token)}' at {place}.";
                return null;
            }

            pointer = JsonPointer.Append(pointer, token);
            resource = document.Resources.GetValueOrDefault(pointer, resource);
        }

        if (!SubschemaKeywords.IsSchema(element))
        {
            problem = $"The reference '{Describe.Short(reference)}' leads to {Describe.Value(element)}, which is no schema.";
            return null;
        }

        // A place that no known keyword holds has not been looked at yet.
        if (!document.Scanned.Contains(pointer)) Scan(resource, pointer, element);
        return NodeAt(resource, pointer, element);
    }

    /// <summary>Registers the identifiers of a schema and of everything below it.</summary>
    private void Scan(SchemaResource enclosing, string pointer, JsonElement schema)
    {
        SchemaDocument document = enclosing.Document;
        var open = new Stack<(SchemaResource Enclosing, string Pointer, JsonElement Schema, int Depth)>();
        open.Push((enclosing, pointer, schema, 0));
        while (open.TryPop(out var at))
        {
            if (at.Schema.ValueKind != JsonValueKind.Object || !document.Scanned.Add(at.Pointer)) continue;
            if (at.Depth > MaxDepth)
            {
                Fail(document, "", $"The schema is nested deeper than {MaxDepth} levels. Move parts of it to $defs.");
                return;
            }

            SchemaResource resource = Identify(at.Enclosing, at.Pointer, at.Schema);
            foreach ((string child, JsonElement subschema) in SubschemaKeywords.Of(at.Schema, at.Pointer))
            {
                open.Push((resource, child, subschema, at.Depth + 1));
            }
        }
    }

    private SchemaResource Identify(SchemaResource enclosing, string pointer, JsonElement schema)
    {
        SchemaDocument document = enclosing.Document;
        SchemaResource resource = enclosing;
        if (Text(schema, "$id") is { } id)
        {
            string uri = SchemaUri.Resolve(enclosing.Uri, id);
            (uri, string fragment) = SchemaUri.SplitFragment(uri);
            if (fragment.Length > 0) Fail(document, JsonPointer.Append(pointer, "$id"), "An $id has no fragment. Use $anchor for a name inside a schema.");

            resource = new SchemaResource(uri, document, pointer, schema, DialectOf(document, pointer, schema, enclosing.Vocabularies));
            document.Resources[pointer] = resource;
            if (_resources.TryGetValue(uri, out SchemaResource? other) && (other.Document != document || other.Pointer != pointer))
            {
                Fail(document, JsonPointer.Append(pointer, "$id"), $"Another schema has the $id '{Describe.Short(uri)}' too. Give each its own.");
            }

            _resources[uri] = resource;
        }

        AddAnchor(resource, pointer, schema, "$anchor");
        AddAnchor(resource, pointer, schema, "$dynamicAnchor");
        return resource;
    }

    private void AddAnchor(SchemaResource resource, string pointer, JsonElement schema, string keyword)
    {
        if (Text(schema, keyword) is not { } name) return;
        if (!resource.Anchors.TryAdd(name, pointer) && resource.Anchors[name] != pointer)
        {
            string problem = $"The anchor '{Describe.Short(name)}' is defined twice in '{resource.Uri}'. Rename one.";
            Fail(resource.Document, JsonPointer.Append(pointer, keyword), problem);
        }

        if (keyword == "$dynamicAnchor") resource.DynamicAnchors.Add(name);
    }

    private Vocabularies DialectOf(SchemaDocument document, string pointer, JsonElement schema, Vocabularies inherited)
    {
        if (Text(schema, "$schema") is not { } declared) return inherited;
        string uri = declared.TrimEnd('#');
        if (uri == Metaschemas.Draft202012) return Vocabularies.Standard;

        string place = JsonPointer.Append(pointer, "$schema");
        if (!options.Documents.TryGetValue(uri, out JsonElement metaschema) && !Metaschemas.Documents.TryGetValue(uri, out metaschema))
        {
            Fail(document, place, $"'{Describe.Short(declared)}' is not a dialect that is known here. Write the schema for {Metaschemas.Draft202012}.");
            return inherited;
        }

        if (metaschema.ValueKind != JsonValueKind.Object
            || !JsonPointer.TryStep(metaschema, "$vocabulary", out JsonElement vocabularies)
            || vocabularies.ValueKind != JsonValueKind.Object)
        {
            return Vocabularies.Standard;
        }

        Vocabularies used = Vocabularies.Core;
        foreach (JsonProperty vocabulary in vocabularies.EnumerateObject())
        {
            string name = JsonText.Name(vocabulary);
            if (VocabularyUris.TryParse(name, out Vocabularies known)) used |= known;
            else if (vocabulary.Value.ValueKind != JsonValueKind.True) continue;
            else Fail(document, place, $"The dialect needs the vocabulary '{Describe.Short(name)}', which is not known here.");
        }

        return used;
    }

    private static string? Text(JsonElement schema, string keyword) =>
        schema.ValueKind == JsonValueKind.Object && JsonPointer.TryStep(schema, keyword, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? JsonText.Value(value)
            : null;
}
