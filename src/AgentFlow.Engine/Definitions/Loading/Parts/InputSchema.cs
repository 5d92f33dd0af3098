using System.Text.Json;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Engine.Definitions.Loading.Parts;

/// <summary>Reads the workflow's <c>input</c>: a JSON Schema.</summary>
internal static class InputSchema
{
    public static JsonElement? Read(Fields workflow, Findings findings)
    {
        if (workflow.Entry("input") is not var (key, node))
        {
            return null;
        }

        if (node is not YamlMapping)
        {
            findings.Error(node, DiagnosticCodes.WrongType, $"Expected a JSON Schema, found {node.Describe()}.", "Write a schema: '{ type: object, required: [message] }'.");
            return null;
        }

        int errors = findings.ErrorCount;
        JsonElement schema = YamlJson.ToElement(node, findings);
        if (findings.ErrorCount == errors && !JsonSchema.TryCompile(schema, out _, out IReadOnlyList<SchemaError> problems))
        {
            foreach ((YamlNode place, string problem) in YamlPointer.Places(key, node, problems.Select(p => (p.Location, p.Message))))
            {
                string message = Excerpt.Line(problem).TrimEnd('.');
                findings.Error(place, DiagnosticCodes.InvalidSchema, $"This is not JSON Schema: {message}.", "Write 'input' in JSON Schema, draft 2020-12.");
            }
        }

        return schema;
    }
}
