using System.Text.Json;
using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Definitions.Loading.Parts;

/// <summary>Reads the workflow's <c>input</c>: a JSON Schema.</summary>
internal static class InputSchema
{
    public static JsonElement? Read(YamlNode node, Findings findings)
    {
        if (node is not YamlMapping)
        {
            findings.Error(node, DiagnosticCodes.WrongType, $"Expected a JSON Schema, found {node.Describe()}.", "Write a schema: '{ type: object, required: [message] }'.");
            return null;
        }

        return YamlJson.ToElement(node, findings);
    }
}
