using System.Text.Json;
using AgentFlow.Contracts.Tools;

namespace AgentFlow.Tools.BuiltIn.Transform;

internal static class TransformContract
{
    public static ToolContract Create() => new()
    {
        Id = "skill.json_transform",
        Version = "1.1.0",
        Description = "Reshapes JSON: extract by JSONPath, pick members, merge (RFC 7386), map and filter arrays. The result is in 'output'.",
        Effects = Effects.None,
        Determinism = Determinism.Full,
        InputSchema = JsonElement.Parse(Input),
        OutputSchema = JsonElement.Parse("""{ "type": "object", "required": ["output"], "properties": { "output": true } }"""),
        ErrorCodes = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["VALIDATION_FAILED"] = "A field of the input is missing, unknown or malformed; the message names it.",
            ["PATH_NOT_FOUND"] = "A path to one value selects nothing and no default is given.",
            ["RESULT_TOO_LARGE"] = "The data, a path or the result needs more than the policy's memory.",
        },
    };

    private const string Input = """
        {
          "type": "object",
          "required": ["operation", "data"],
          "properties": { "operation": { "enum": ["extract", "pick", "merge", "map", "filter"] }, "data": true },
          "oneOf": [
            {
              "properties": { "operation": { "const": "extract" }, "data": true, "path": { "$ref": "#/$defs/path" }, "default": true },
              "required": ["path"],
              "additionalProperties": false
            },
            {
              "properties": {
                "operation": { "const": "pick" },
                "data": { "type": ["object", "array"], "items": { "type": "object" } },
                "fields": { "type": "array", "items": { "type": "string" } }
              },
              "required": ["fields"],
              "additionalProperties": false
            },
            {
              "properties": { "operation": { "const": "merge" }, "data": true, "with": true },
              "required": ["with"],
              "additionalProperties": false
            },
            {
              "properties": {
                "operation": { "const": "map" },
                "data": { "type": "array" },
                "path": { "$ref": "#/$defs/path" },
                "fields": { "type": "object", "additionalProperties": { "$ref": "#/$defs/path" } },
                "default": true
              },
              "oneOf": [{ "required": ["path"] }, { "required": ["fields"] }],
              "additionalProperties": false
            },
            {
              "properties": { "operation": { "const": "filter" }, "data": { "type": "array" }, "where": { "$ref": "#/$defs/condition" } },
              "required": ["where"],
              "additionalProperties": false
            }
          ],
          "$defs": {
            "path": { "type": "string", "pattern": "^\\$", "description": "JSONPath (RFC 9535)" },
            "condition": {
              "type": "object",
              "oneOf": [
                {
                  "properties": {
                    "path": { "$ref": "#/$defs/path", "default": "$" },
                    "op": { "enum": ["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "starts_with", "ends_with", "exists"] },
                    "value": true
                  },
                  "required": ["op"],
                  "additionalProperties": false
                },
                { "properties": { "all": { "$ref": "#/$defs/conditions" } }, "required": ["all"], "additionalProperties": false },
                { "properties": { "any": { "$ref": "#/$defs/conditions" } }, "required": ["any"], "additionalProperties": false },
                { "properties": { "not": { "$ref": "#/$defs/condition" } }, "required": ["not"], "additionalProperties": false }
              ]
            },
            "conditions": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/condition" } }
          }
        }
        """;
}
