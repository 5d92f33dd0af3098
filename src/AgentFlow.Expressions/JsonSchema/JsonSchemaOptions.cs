using System.Text.Json;

namespace AgentFlow.Expressions.JsonSchema;

/// <summary>How a schema is compiled and applied.</summary>
public sealed record JsonSchemaOptions
{
    public static JsonSchemaOptions Default { get; } = new();

    /// <summary>Whether <c>format</c> is checked. Default false: it is an annotation, as the standard wants it.</summary>
    public bool AssertFormat { get; init; }

    /// <summary>Errors after which validation stops looking for more, from 1. Default 100.</summary>
    public int MaxErrors { get; init; } = 100;

    /// <summary>
    /// Documents that references may lead to, by absolute URI without fragment. Nothing is ever fetched. The metaschemas of
    /// draft 2020-12 are known without being here.
    /// </summary>
    public IReadOnlyDictionary<string, JsonElement> Documents { get; init; } = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
}
