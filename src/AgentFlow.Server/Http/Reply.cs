using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Net.Http.Headers;

namespace AgentFlow.Server.Http;

/// <summary>Writes answers.</summary>
internal static class Reply
{
    // What leaves as application/json is never read as HTML; the long escapes of the default encoder only cost bytes.
    internal static readonly JsonWriterOptions WriterOptions = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    // Answers are built in one piece, so that they have a length; most are small, and the buffer is used again.
    private const int KeptBuffer = 64 * 1024;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _buffer;

    /// <summary>Writes a value as JSON.</summary>
    public static Task JsonAsync<T>(HttpContext context, int status, T value, JsonTypeInfo<T> type)
    {
        ArrayBufferWriter<byte> buffer = Serialize(value, type);
        HttpResponse response = context.Response;
        response.StatusCode = status;
        response.ContentType = MediaTypes.ForJson(context);
        response.ContentLength = buffer.WrittenCount;
        response.BodyWriter.Write(buffer.WrittenSpan);
        return response.BodyWriter.FlushAsync(context.RequestAborted).AsTask();
    }

    /// <summary>
    /// Writes a value as JSON under a strong ETag over the bytes, or 304 without a body when the caller has them already.
    /// </summary>
    public static Task TaggedJsonAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type) =>
        TaggedAsync(context, MediaTypes.ForJson(context), Serialize(value, type).WrittenSpan);

    /// <summary>Whether the caller wants to change a value only as they know it, and knows another one (<c>If-Match</c>, RFC 9110, 13.1.1).</summary>
    public static bool IsOutdated<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        Microsoft.Extensions.Primitives.StringValues ifMatch = context.Request.Headers.IfMatch;
        return ifMatch.Count > 0
            && !(EntityTagHeaderValue.TryParseList(ifMatch, out IList<EntityTagHeaderValue>? tags)
                && tags.Any(t => t.Tag == "*" || (!t.IsWeak && t.Tag == Tag(Serialize(value, type).WrittenSpan))));
    }

    /// <inheritdoc cref="TaggedJsonAsync"/>
    public static Task TaggedAsync(HttpContext context, string contentType, ReadOnlySpan<byte> content)
    {
        string tag = Tag(content);
        HttpResponse response = context.Response;
        response.Headers.ETag = tag;
        response.Headers.CacheControl = "no-cache";
        // The same address answers differently to another caller, tenant or Accept.
        response.Headers.Vary = "Accept, Authorization, X-Tenant-ID";
        if (Matches(context.Request.Headers.IfNoneMatch, tag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        response.ContentType = contentType;
        response.ContentLength = content.Length;
        response.BodyWriter.Write(content);
        return response.BodyWriter.FlushAsync(context.RequestAborted).AsTask();
    }

    /// <summary>The value's JSON, in a buffer that the thread's next answer overwrites.</summary>
    private static ArrayBufferWriter<byte> Serialize<T>(T value, JsonTypeInfo<T> type)
    {
        ArrayBufferWriter<byte> buffer = _buffer ?? new ArrayBufferWriter<byte>(4096);
        buffer.ResetWrittenCount();
        using (var writer = new Utf8JsonWriter(buffer, WriterOptions))
        {
            JsonSerializer.Serialize(writer, value, type);
        }

        _buffer = buffer.Capacity <= KeptBuffer ? buffer : null;
        return buffer;
    }

    private static string Tag(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(content, hash);
        return $"\"{Convert.ToHexStringLower(hash[..16])}\"";
    }

    private static bool Matches(Microsoft.Extensions.Primitives.StringValues ifNoneMatch, string tag)
    {
        if (ifNoneMatch.Count == 0 || !EntityTagHeaderValue.TryParseList(ifNoneMatch, out IList<EntityTagHeaderValue>? tags))
        {
            return false;
        }

        // If-None-Match compares weakly (RFC 9110, 13.1.2): a cache may have weakened the tag.
        return tags.Any(t => t.Tag == "*" || t.Tag == tag);
    }
}
