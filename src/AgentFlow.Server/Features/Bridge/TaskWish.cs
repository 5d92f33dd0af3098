using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Bridge;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>What a step asks of a remote agent: the input of <see cref="RemoteAgentTool"/>.</summary>
/// <param name="Payload">UTF-8 JSON.</param>
/// <param name="Agent">The only agent that may do it; <see langword="null"/>: any that can.</param>
/// <param name="Id">The task's id; <see langword="null"/>: it follows from the step.</param>
internal sealed record TaskWish(string Action, ReadOnlyMemory<byte> Payload, string? Agent, string? RequestedBy, BridgeResources Resources, Guid? Id, string? TraceId, Guid? ReplayOf)
{
    // RFC 9562, 5.5 wants one for each purpose.
    private static readonly Guid Namespace = new("6f0b8a52-6d0e-5e0d-9b6e-0c1d7f6a2b11");

    /// <summary>The input schema.</summary>
    public static JsonElement Schema { get; } = JsonElement.Parse("""
        {
          "type": "object",
          "required": ["action", "payload"],
          "additionalProperties": false,
          "properties": {
            "action": { "type": "string", "minLength": 1, "maxLength": 200 },
            "payload": true,
            "agent_id": { "type": "string", "minLength": 1, "maxLength": 128 },
            "requested_by": { "type": "string", "maxLength": 200 },
            "resources": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "priority": { "type": "integer", "minimum": 1, "maximum": 10 },
                "timeout_ms": { "type": "integer", "minimum": 1, "maximum": 604800000 },
                "retry": { "type": "integer", "minimum": 0, "maximum": 100 }
              }
            },
            "task_id": { "type": "string", "format": "uuid" },
            "trace_id": { "type": "string", "format": "uuid" },
            "replay_of": { "type": "string", "format": "uuid" }
          }
        }
        """u8);

    /// <summary>Reads an input that fits <see cref="Schema"/>.</summary>
    public static TaskWish Read(ReadOnlyMemory<byte> input)
    {
        JsonElement json = JsonElement.Parse(input.Span, new JsonDocumentOptions { MaxDepth = 512 });
        return new TaskWish(
            json.GetProperty("action").GetString()!,
            Encoding.UTF8.GetBytes(json.GetProperty("payload").GetRawText()),
            Text(json, "agent_id"),
            Text(json, "requested_by"),
            json.TryGetProperty("resources", out JsonElement resources) ? ReadResources(resources) : new BridgeResources(),
            IdAt(json, "task_id"),
            Text(json, "trace_id"),
            IdAt(json, "replay_of"));
    }

    /// <summary>The wish as such an input.</summary>
    public ReadOnlyMemory<byte> Write() => BridgeJson.Write(w =>
    {
        w.WriteString("action"u8, Action);
        w.WritePropertyName("payload"u8);
        w.WriteRawValue(Payload.Span, skipInputValidation: true);
        if (Agent is not null)
        {
            w.WriteString("agent_id"u8, Agent);
        }

        if (RequestedBy is not null)
        {
            w.WriteString("requested_by"u8, RequestedBy);
        }

        if (Resources != new BridgeResources())
        {
            WriteResources(w, Resources);
        }

        if (Id is { } id)
        {
            w.WriteString("task_id"u8, id);
        }

        if (TraceId is not null)
        {
            w.WriteString("trace_id"u8, TraceId);
        }

        if (ReplayOf is { } of)
        {
            w.WriteString("replay_of"u8, of);
        }
    });

    /// <summary>The UUID that a name always has (RFC 9562, version 5).</summary>
    public static Guid IdOf(string name)
    {
        Span<byte> hashed = stackalloc byte[16 + Encoding.UTF8.GetMaxByteCount(name.Length)];
        Namespace.TryWriteBytes(hashed, bigEndian: true, out _);
        int length = 16 + Encoding.UTF8.GetBytes(name, hashed[16..]);
        Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
#pragma warning disable CA5350 // The version's algorithm; nothing is kept secret or authentic by it.
        SHA1.HashData(hashed[..length], hash);
#pragma warning restore CA5350
        hash[6] = (byte)((hash[6] & 0x0F) | 0x50);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }

    public static void WriteResources(Utf8JsonWriter writer, BridgeResources resources)
    {
        writer.WriteStartObject("resources"u8);
        if (resources.Priority is { } priority)
        {
            writer.WriteNumber("priority"u8, priority);
        }

        if (resources.TimeoutMs is { } timeout)
        {
            writer.WriteNumber("timeout_ms"u8, timeout);
        }

        if (resources.Retry is { } retry)
        {
            writer.WriteNumber("retry"u8, retry);
        }

        writer.WriteEndObject();
    }

    private static BridgeResources ReadResources(JsonElement json) => new(
        json.TryGetProperty("priority", out JsonElement priority) ? priority.GetInt32() : null,
        json.TryGetProperty("timeout_ms", out JsonElement timeout) ? timeout.GetInt64() : null,
        json.TryGetProperty("retry", out JsonElement retry) ? retry.GetInt32() : null);

    private static string? Text(JsonElement json, string name) => json.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;

    private static Guid? IdAt(JsonElement json, string name) => Guid.TryParse(Text(json, name), out Guid id) ? id : null;
}
