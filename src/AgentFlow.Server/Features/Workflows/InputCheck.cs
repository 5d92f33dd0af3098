using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Workflows;

/// <summary>Holds what callers send against the input schemas of workflows.</summary>
internal static class InputCheck
{
    /// <exception cref="ProblemException"><c>INPUT_INVALID</c> with every fault and its place; <c>SCHEMA_INVALID</c> where nothing can be held against the schema.</exception>
    public static void Check(WorkflowDefinition definition, Payload input)
    {
        // A value's first byte tells its kind: the body's reader cut it out without white space.
        if (input.Utf8.Span[0] != '{')
        {
            throw new ProblemException(ErrorCode.InputInvalid, "'input' must be a JSON object.", new ProblemEntry("the input is not an object", Pointer: ""));
        }

        if (definition.Input.SchemaErrors is [var first, ..] errors)
        {
            throw new ProblemException(
                ErrorCode.SchemaInvalid,
                $"The input schema of '{definition.Name}' {definition.Version} is not valid: {first}",
                [.. errors.Select(e => new ProblemEntry(e.Message, File: definition.Source.Path, Pointer: "/input" + e.Location))]);
        }

        if (definition.Input.Schema?.Validate(input.Utf8) is { Valid: false } result)
        {
            throw new ProblemException(
                ErrorCode.InputInvalid,
                $"The input does not fit the schema of '{definition.Name}' {definition.Version}: {result.Errors[0].ToString().TrimEnd('.')}.",
                [.. result.Errors.Select(e => new ProblemEntry(e.Message, Pointer: e.InstanceLocation, Code: Keyword(e.KeywordLocation)))]);
        }
    }

    private static string? Keyword(string location) => location.Length == 0 ? null : location[(location.LastIndexOf('/') + 1)..];
}
