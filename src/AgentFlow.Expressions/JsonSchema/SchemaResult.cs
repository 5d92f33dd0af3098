using System.Text.Json.Serialization;

namespace AgentFlow.Expressions.JsonSchema;

/// <summary>What is wrong with a schema itself.</summary>
/// <param name="Location">JSON pointer into the schema, behind the document's URI and <c>#</c> when it is not the root document.</param>
/// <param name="Message">What is wrong and what to write instead.</param>
public sealed record SchemaError(
    [property: JsonPropertyName("location")] string Location,
    [property: JsonPropertyName("message")] string Message)
{
    public override string ToString() => Location.Length == 0 ? Message : $"{Location}: {Message}";
}

/// <summary>Whether an instance is valid, and if not, why.</summary>
/// <param name="Errors">
/// Empty when valid. In the order of evaluation, at most <see cref="JsonSchemaOptions.MaxErrors"/>. Where none of several
/// alternatives matches, the error of the whole is followed by those of the alternative that came nearest.
/// </param>
public sealed record SchemaResult(
    [property: JsonPropertyName("valid")] bool Valid,
    [property: JsonPropertyName("errors")] IReadOnlyList<SchemaFailure> Errors)
{
    internal static SchemaResult Success { get; } = new(true, []);
}

/// <summary>One place of an instance that one keyword refuses.</summary>
/// <param name="InstanceLocation">JSON pointer into the instance; empty for the whole.</param>
/// <param name="KeywordLocation">The way through the schema to the keyword, references included, as a JSON pointer.</param>
/// <param name="Message">What was expected and what was found.</param>
public sealed record SchemaFailure(
    [property: JsonPropertyName("instance_location")] string InstanceLocation,
    [property: JsonPropertyName("keyword_location")] string KeywordLocation,
    [property: JsonPropertyName("message")] string Message)
{
    public override string ToString() => InstanceLocation.Length == 0 ? Message : $"{InstanceLocation}: {Message}";
}
