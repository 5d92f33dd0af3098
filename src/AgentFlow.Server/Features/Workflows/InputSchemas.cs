using System.Runtime.CompilerServices;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;
using AgentFlow.Expressions.JsonSchema;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Workflows;

/// <summary>Holds inputs against the schemas of their workflows; each schema is compiled once.</summary>
internal sealed class InputSchemas
{
    private readonly ConditionalWeakTable<WorkflowDefinition, JsonSchema> _compiled = [];

    /// <exception cref="ProblemException"><c>INPUT_INVALID</c> with every fault and its place.</exception>
    public void Check(WorkflowDefinition definition, Payload input)
    {
        // A value's first byte tells its kind: the body's reader cut it out without white space.
        if (input.Utf8.Span[0] != '{')
        {
            throw new ProblemException(ErrorCode.InputInvalid, "'input' must be a JSON object.", new ProblemEntry("the input is not an object", Pointer: ""));
        }

        if (definition.InputSchema is null)
        {
            return;
        }

        if (!_compiled.TryGetValue(definition, out JsonSchema? schema))
        {
            schema = Compile(definition);
            _compiled.AddOrUpdate(definition, schema);
        }

        SchemaResult result = schema.Validate(input.Utf8);
        if (!result.Valid)
        {
            throw new ProblemException(
                ErrorCode.InputInvalid,
                $"The input does not fit the schema of '{definition.Name}' {definition.Version}: {result.Errors[0].ToString().TrimEnd('.')}.",
                [.. result.Errors.Select(e => new ProblemEntry(e.Message, Pointer: e.InstanceLocation, Code: Keyword(e.KeywordLocation)))]);
        }
    }

    private static JsonSchema Compile(WorkflowDefinition definition) =>
        JsonSchema.TryCompile(definition.InputSchema!.Value, out JsonSchema? schema, out IReadOnlyList<SchemaError> errors)
            ? schema
            : throw new ProblemException(
                ErrorCode.SchemaInvalid,
                $"The input schema of '{definition.Name}' {definition.Version} is not valid: {errors[0]}",
                [.. errors.Select(e => new ProblemEntry(e.Message, File: definition.Source.Path, Pointer: "/input" + e.Location))]);

    private static string? Keyword(string location) => location.Length == 0 ? null : location[(location.LastIndexOf('/') + 1)..];
}
