using System.Text.Json;

namespace AgentFlow.Expressions.JsonSchema.Compilation;

/// <summary>One JSON document that holds schemas.</summary>
internal sealed class SchemaDocument(string uri, JsonElement root)
{
    public string Uri { get; } = uri;

    public JsonElement Root { get; } = root;

    /// <summary>The resources in it, by where they stand.</summary>
    public Dictionary<string, SchemaResource> Resources { get; } = new(StringComparer.Ordinal);

    /// <summary>The pointers of all schemas in it that have been looked at for identifiers.</summary>
    public HashSet<string> Scanned { get; } = new(StringComparer.Ordinal);
}

/// <summary>A schema with an identity of its own (Core 4.3.5): a document's root, or a subschema with an <c>$id</c>.</summary>
internal sealed class SchemaResource(string uri, SchemaDocument document, string pointer, JsonElement element, Vocabularies vocabularies)
{
    /// <summary>The base of relative references, without fragment.</summary>
    public string Uri { get; } = uri;

    public SchemaDocument Document { get; } = document;

    /// <summary>Where it stands in its document.</summary>
    public string Pointer { get; } = pointer;

    public JsonElement Element { get; } = element;

    public Vocabularies Vocabularies { get; } = vocabularies;

    /// <summary>Pointers of the schemas behind plain-name fragments, dynamic ones included.</summary>
    public Dictionary<string, string> Anchors { get; } = new(StringComparer.Ordinal);

    public HashSet<string> DynamicAnchors { get; } = new(StringComparer.Ordinal);

    /// <summary>The compiled schemas behind dynamic anchors that some <c>$dynamicRef</c> asks for.</summary>
    public Dictionary<string, SchemaNode> DynamicNodes { get; } = new(StringComparer.Ordinal);
}
