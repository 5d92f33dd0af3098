using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>JSON of the bridge: read once and strictly, written as agents expect it.</summary>
internal static class BridgeJson
{
    /// <summary>Arrays and objects that may stand inside one another in a body.</summary>
    public const int MaxDepth = 64;

    /// <summary>Reads a JSON text that every later reader understands alike. In memory that the document gives back when it is disposed.</summary>
    /// <exception cref="JsonException">It is not JSON, or not UTF-8, has a name twice, half of a surrogate pair, or is too deep.</exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> utf8, int maxDepth = MaxDepth)
    {
        if (!Utf8.IsValid(utf8.Span))
        {
            throw new JsonException("the text is not UTF-8");
        }

        // Only what is escaped can be half of a pair, and few bodies escape anything.
        if (utf8.Span.IndexOf("\\u"u8) >= 0)
        {
            try
            {
                StrictJson.Check(utf8);
            }
            catch (ProblemException e)
            {
                throw new JsonException(e.Message);
            }
        }

        return JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = maxDepth, AllowDuplicateProperties = false });
    }

    /// <summary>Writes an object.</summary>
    public static ReadOnlyMemory<byte> Write(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, Reply.WriterOptions))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    /// <summary>A task's error: <c>{code, message}</c>.</summary>
    public static ReadOnlyMemory<byte> Error(string code, string message) => Write(w =>
    {
        w.WriteString("code", code);
        w.WriteString("message", message);
    });
}
