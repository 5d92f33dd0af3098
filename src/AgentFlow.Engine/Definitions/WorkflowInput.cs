using System.Text.Json;
using AgentFlow.Engine.Definitions.Loading.Parts;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Engine.Definitions;

/// <summary>What the input of a workflow's runs has to be; the schema is compiled here, once. Safe for concurrent use.</summary>
public sealed class WorkflowInput
{
    /// <param name="schema"><see langword="null"/> takes any object.</param>
    internal WorkflowInput(JsonElement? schema)
    {
        if (schema is { } written)
        {
            _ = JsonSchema.TryCompile(written, out JsonSchema? compiled, out IReadOnlyList<SchemaError> errors);
            (Schema, SchemaErrors) = (compiled, errors);
        }
    }

    /// <summary><see langword="null"/> when any object will do, and when the schema is wrong.</summary>
    public JsonSchema? Schema { get; }

    /// <summary>What is wrong with the schema itself: then no input can be held against it.</summary>
    public IReadOnlyList<SchemaError> SchemaErrors { get; } = [];

    /// <summary>Says in one line what is wrong with an input, UTF-8 JSON; <see langword="null"/>: nothing.</summary>
    public string? Problem(ReadOnlyMemory<byte> input) =>
        Schema is not null ? ToolSchemas.Describe(Schema.Validate(input))
        : SchemaErrors.Count > 0 ? $"the schema is not valid: {SchemaErrors[0]}"
        : input.Span.TrimStart(" \t\r\n"u8) is [(byte)'{', ..] ? null : "it is not an object";
}
