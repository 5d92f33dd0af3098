using System.Text.Json;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Access;

namespace AgentFlow.Tools.BuiltIn.Http;

internal static class HttpCallContract
{
    public static ToolContract Create() => new()
    {
        Id = "skill.http_call",
        Version = "1.1.0",
        Description =
            "Sends one HTTP request to a public host. Answers below 500 other than 408, 425 and 429 are results, whatever their "
            + "status_code; the rest are retryable failures.",
        Permissions = [Permission.NetworkHttp.Name],
        // What changes something carries the step's Idempotency-Key.
        Idempotency = Idempotency.Key,
        // The input's timeout_ms (default 30 s) decides; this only has to admit its largest value.
        Timeout = TimeSpan.FromMinutes(5),
        InputSchema = JsonElement.Parse(Input),
        OutputSchema = JsonElement.Parse(Output),
        ErrorCodes = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["VALIDATION_FAILED"] = "A field of the input is missing, unknown or malformed; the message names it.",
            ["NETWORK_BLOCKED"] = "The host, its address or a redirect is outside what the policies allow.",
            ["HOST_NOT_FOUND"] = "The host name does not resolve.",
            ["CONNECT_FAILED"] = "No connection came about; nothing was sent.",
            ["TLS_FAILED"] = "The TLS handshake or the certificate's check failed.",
            ["TOO_MANY_REDIRECTS"] = "More than 5 redirects in a row.",
            ["RESPONSE_TOO_LARGE"] = "Headers or body exceed their limits.",
            ["BAD_RESPONSE"] = "The connection broke after the request was sent, or the response is malformed.",
            ["UPSTREAM_ERROR"] = "The other side answered 408, 425, 429 or 5xx, after all retries of the input.",
            ["STEP_TIMEOUT"] = "The time limit passed, retries and reading included.",
        },
    };

    private const string Input = """
        {
          "type": "object",
          "required": ["url"],
          "properties": {
            "method": { "enum": ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"], "default": "GET" },
            "url": { "type": "string", "maxLength": 16384, "description": "http or https, without user information" },
            "headers": {
              "type": "object",
              "maxProperties": 100,
              "additionalProperties": { "type": "string" },
              "description": "Content-* is sent only with a body"
            },
            "params": { "type": "object", "description": "appended to the query; arrays repeat the name, null leaves it out" },
            "body": { "description": "a string is sent as text, anything else as JSON" },
            "timeout_ms": { "type": "integer", "minimum": 100, "maximum": 300000, "default": 30000 },
            "idempotency_key": {
              "type": "string",
              "minLength": 1,
              "maxLength": 255,
              "description": "sent as Idempotency-Key; POST, PUT, PATCH and DELETE take the step's own key when it is absent"
            },
            "retry_config": {
              "type": "object",
              "description": "retries on 429, 502, 503, 504 and failed connections; absent: one attempt",
              "properties": {
                "max_attempts": { "type": "integer", "minimum": 1, "maximum": 10, "default": 3 },
                "base_ms": { "type": "integer", "minimum": 1, "maximum": 60000, "default": 200 },
                "max_ms": { "type": "integer", "minimum": 1, "maximum": 300000, "default": 5000 },
                "jitter": { "type": "number", "minimum": 0, "maximum": 1, "default": 0.2 }
              },
              "additionalProperties": false
            }
          },
          "additionalProperties": false
        }
        """;

    private const string Output = """
        {
          "type": "object",
          "required": ["status_code", "headers", "headers_hash", "body", "body_encoding", "body_hash", "latency_ms"],
          "properties": {
            "status_code": { "type": "integer", "minimum": 100, "maximum": 999, "examples": [200] },
            "headers": { "type": "object", "additionalProperties": { "type": "string" } },
            "headers_hash": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
            "body": { "description": "parsed when it is JSON, else text, else base64" },
            "body_encoding": { "enum": ["json", "text", "base64"] },
            "body_hash": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
            "latency_ms": { "type": "integer", "minimum": 0 }
          }
        }
        """;
}
