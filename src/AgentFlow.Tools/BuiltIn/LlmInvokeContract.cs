using System.Text.Json;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Access;

namespace AgentFlow.Tools.BuiltIn;

internal static class LlmInvokeContract
{
    public static ToolContract Create() => new()
    {
        Id = "skill.llm_invoke",
        Version = "1.1.0",
        Description = "Asks a language model once. With response_schema the answer is parsed into 'json'.",
        Permissions = [Permission.NetworkHttp.Name],
        Timeout = TimeSpan.FromMinutes(2),
        Idempotency = Idempotency.Natural,
        // 2 cents: 1,000 tokens of answer and 1,500 of prompt at the price of today's large models.
        MaxCostNanoDollars = 20_000_000,
        InputSchema = JsonElement.Parse(Input),
        OutputSchema = JsonElement.Parse(Output),
        ErrorCodes = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["VALIDATION_FAILED"] = "A field of the input is missing, unknown or malformed; the message names it.",
            ["MODEL_ANSWER_INVALID"] = "response_schema was given and the answer is no JSON.",
            ["STEP_TIMEOUT"] = "The time limit passed.",
        },
    };

    private const string Input = """
        {
          "type": "object",
          "required": ["prompt"],
          "properties": {
            "prompt": { "type": "string", "minLength": 1 },
            "system": { "type": "string" },
            "model": {
              "type": "object",
              "description": "absent parts take the host's defaults",
              "properties": {
                "provider": { "type": "string", "minLength": 1 },
                "model": { "type": "string", "minLength": 1 },
                "temperature": { "type": "number", "minimum": 0, "maximum": 2 }
              },
              "additionalProperties": false
            },
            "max_tokens": { "type": "integer", "minimum": 1, "maximum": 1000000 },
            "response_schema": { "type": ["object", "boolean"], "description": "JSON Schema of the answer" }
          },
          "additionalProperties": false
        }
        """;

    private const string Output = """
        {
          "type": "object",
          "required": ["text", "provider", "model", "input_tokens", "output_tokens"],
          "properties": {
            "text": { "type": "string" },
            "json": { "description": "the parsed answer; only with response_schema" },
            "provider": { "type": "string" },
            "model": { "type": "string" },
            "input_tokens": { "type": "integer", "minimum": 0 },
            "output_tokens": { "type": "integer", "minimum": 0 }
          }
        }
        """;
}
