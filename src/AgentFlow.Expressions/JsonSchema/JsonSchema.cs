using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Compilation;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema;

/// <summary>
/// A compiled JSON Schema of draft 2020-12: compile once, validate often, from any thread. All vocabularies are there;
/// <c>format</c> and <c>content…</c> are annotations unless <see cref="JsonSchemaOptions.AssertFormat"/> asks for more.
/// References are resolved among the schema itself, the registered documents and the standard metaschemas; nothing is
/// fetched. No instance makes validation throw, recurse without end, or take time out of proportion to its size.
/// </summary>
public sealed class JsonSchema
{
    private const int MaxInstanceDepth = 1000;
    private const long BaseSteps = 5_000_000;
    private const long StepsPerByte = 64;

    private static readonly Lazy<JsonSchema> Metaschema = new(() =>
    {
        TryCompile(Metaschemas.Documents[Metaschemas.Draft202012], JsonSchemaOptions.Default, checks: false, out JsonSchema? schema, out _);
        return schema!;
    });

    private readonly SchemaNode _root;
    private readonly int _maxErrors;

    private JsonSchema(SchemaNode root, int maxErrors) => (_root, _maxErrors) = (root, maxErrors);

    /// <inheritdoc cref="TryCompile(JsonElement, JsonSchemaOptions, out JsonSchema?, out IReadOnlyList{SchemaError})"/>
    public static bool TryCompile(JsonElement schema, [NotNullWhen(true)] out JsonSchema? compiled, out IReadOnlyList<SchemaError> errors) =>
        TryCompile(schema, JsonSchemaOptions.Default, out compiled, out errors);

    /// <summary>
    /// Checks a schema against its metaschema and compiles it. The element's document may be disposed afterwards.
    /// </summary>
    /// <param name="errors">Empty when the schema is good; else everything that is wrong with it, at most 100 entries.</param>
    public static bool TryCompile(
        JsonElement schema, JsonSchemaOptions options, [NotNullWhen(true)] out JsonSchema? compiled, out IReadOnlyList<SchemaError> errors)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxErrors, 1);
        return TryCompile(schema, options, checks: true, out compiled, out errors);
    }

    private static bool TryCompile(
        JsonElement schema, JsonSchemaOptions options, bool checks, [NotNullWhen(true)] out JsonSchema? compiled, out IReadOnlyList<SchemaError> errors)
    {
        compiled = null;
        if (!SubschemaKeywords.IsSchema(schema))
        {
            string found = schema.ValueKind == JsonValueKind.Undefined ? "nothing" : Describe.Value(schema);
            errors = [new SchemaError("", $"A schema is an object, true or false; found {found}.")];
            return false;
        }

        var set = new SchemaSet(options);
        SchemaResource root = set.AddDocument(SchemaSet.DefaultBase, schema.Clone());
        SchemaNode node = set.NodeAt(root, "", root.Element);
        if (checks) Check(set, root.Document);
        if (set.Errors.Count == 0)
        {
            var compiler = new SchemaCompiler(options, set);
            compiler.Run();
            if (set.Errors.Count == 0) compiler.RefuseLoops();
            foreach (SchemaDocument document in set.Documents.Where(d => checks && d != root.Document)) Check(set, document);
        }

        errors = set.Errors;
        if (errors.Count == 0) compiled = new JsonSchema(node, options.MaxErrors);
        return compiled is not null;
    }

    /// <summary>Validates one instance.</summary>
    /// <exception cref="ArgumentException">The element is undefined.</exception>
    public SchemaResult Validate(JsonElement instance)
    {
        if (instance.ValueKind == JsonValueKind.Undefined) throw new ArgumentException("There is no instance: the element is undefined.", nameof(instance));
        try
        {
            long steps = BaseSteps + (StepsPerByte * JsonMarshal.GetRawUtf8Value(instance).Length);
            if (_root.Evaluate(instance, new Evaluation(steps, _maxErrors), null)) return SchemaResult.Success;

            var second = new Evaluation(steps, _maxErrors);
            second.StartCollecting();
            _root.Evaluate(instance, second, null);
            return new SchemaResult(false, second.Failures);
        }
        catch (EvaluationAbortedException e)
        {
            return Refuse(e.Message);
        }
    }

    /// <summary>Validates one JSON text. A text that is not JSON, has a name twice in an object, or is nested deeper than 1000 levels is invalid.</summary>
    public SchemaResult Validate(ReadOnlyMemory<byte> utf8)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(
                utf8, new JsonDocumentOptions { MaxDepth = MaxInstanceDepth, AllowDuplicateProperties = false });
            return Validate(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a name with a lone surrogate, which cannot be told from other names.
            return Refuse($"Not JSON: {e.Message}");
        }
    }

    private static SchemaResult Refuse(string message) => new(false, [new SchemaFailure("", "", message)]);

    /// <summary>Holds a document against the metaschema, so that a misspelt value is found wherever it stands.</summary>
    private static void Check(SchemaSet set, SchemaDocument document)
    {
        if (Metaschemas.Documents.ContainsKey(document.Uri)) return;
        foreach (SchemaFailure failure in Metaschema.Value.Validate(document.Root).Errors)
        {
            set.Fail(document, failure.InstanceLocation, failure.Message);
        }
    }
}
