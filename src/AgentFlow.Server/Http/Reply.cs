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

    /// <summary>Writes a value as JSON.</summary>
    public static async Task JsonAsync<T>(HttpContext context, int status, T value, JsonTypeInfo<T> type)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = MediaTypes.ForJson(context);
        await using (var writer = new Utf8JsonWriter(context.Response.BodyWriter, WriterOptions))
        {
            JsonSerializer.Serialize(writer, value, type);
        }
    }

    /// <summary>
    /// Writes a value as JSON under a strong ETag over the bytes, or 304 without a body when the caller has them already.
    /// </summary>
    public static Task TaggedJsonAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, WriterOptions))
        {
            JsonSerializer.Serialize(writer, value, type);
        }

        return TaggedAsync(context, MediaTypes.ForJson(context), buffer.WrittenMemory);
    }

    /// <inheritdoc cref="TaggedJsonAsync"/>
    public static Task TaggedAsync(HttpContext context, string contentType, ReadOnlyMemory<byte> content)
    {
        string tag = Tag(content.Span);
        HttpResponse response = context.Response;
        response.Headers.ETag = tag;
        response.Headers.CacheControl = "no-cache";
        // The same address answers differently to another tenant or Accept.
        response.Headers.Vary = "Accept, X-Tenant-ID";
        if (Matches(context.Request.Headers.IfNoneMatch, tag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        response.ContentType = contentType;
        response.ContentLength = content.Length;
        return response.BodyWriter.WriteAsync(content, context.RequestAborted).AsTask();
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
