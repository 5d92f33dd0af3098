using System.Text.Json;
using AgentFlow.Expressions.JsonSchema;
using Schema = AgentFlow.Expressions.JsonSchema.JsonSchema;

namespace AgentFlow.Expressions.Tests.JsonSchema;

/// <summary>Short forms for tests over JSON texts.</summary>
internal static class Check
{
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = int.MaxValue };

    public static Schema Compile(string schema, JsonSchemaOptions? options = null)
    {
        bool good = Schema.TryCompile(Json(schema), options ?? JsonSchemaOptions.Default, out Schema? compiled, out IReadOnlyList<SchemaError> errors);
        Assert.True(good, string.Join("; ", errors));
        Assert.Empty(errors);
        return compiled!;
    }

    public static SchemaError Refused(string schema, JsonSchemaOptions? options = null)
    {
        Assert.False(Schema.TryCompile(Json(schema), options ?? JsonSchemaOptions.Default, out Schema? compiled, out IReadOnlyList<SchemaError> errors));
        Assert.Null(compiled);
        return errors[0];
    }

    public static bool Valid(string schema, string instance, JsonSchemaOptions? options = null)
    {
        SchemaResult result = Compile(schema, options).Validate(Json(instance));
        Assert.Equal(result.Valid, result.Errors.Count == 0);
        return result.Valid;
    }

    public static SchemaFailure Failure(string schema, string instance, JsonSchemaOptions? options = null)
    {
        SchemaResult result = Compile(schema, options).Validate(Json(instance));
        Assert.False(result.Valid);
        return result.Errors[0];
    }

    public static JsonElement Json(string json) => JsonElement.Parse(json, Deep);
}
