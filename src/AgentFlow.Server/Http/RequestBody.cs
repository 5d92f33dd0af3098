using System.Buffers;
using System.IO.Pipelines;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Server.Http;

/// <summary>Reads whole bodies, up to the server's limit.</summary>
internal static class RequestBody
{
    /// <summary>Most bytes of one request's body. Kestrel holds it: nothing beyond is read.</summary>
    public const int MaxBytes = 10 * 1024 * 1024;

    public const string Json = "application/json";

    /// <summary>The content type without parameters, lower case; empty when the request states none.</summary>
    public static string MediaType(HttpContext context)
    {
        string type = context.Request.ContentType ?? "";
        int end = type.IndexOf(';', StringComparison.Ordinal);
        return (end < 0 ? type : type[..end]).Trim().ToLowerInvariant();
    }

    public static bool IsJson(string mediaType) =>
        mediaType is Json or MediaTypes.Versioned || (mediaType.StartsWith("application/", StringComparison.Ordinal) && mediaType.EndsWith("+json", StringComparison.Ordinal));

    public static ProblemException Unsupported(string mediaType, string readable) => new(
        ErrorCode.UnsupportedMediaType,
        mediaType.Length == 0 ? $"The request has a body and no Content-Type; send {readable}." : $"The body is '{mediaType}'; send {readable}.");

    /// <summary>The body's bytes, in memory that belongs to the caller.</summary>
    /// <exception cref="BadHttpRequestException">It is larger than allowed, or broken off.</exception>
    public static async ValueTask<ReadOnlyMemory<byte>> ReadAsync(HttpContext context)
    {
        if (context.Request.ContentLength == 0)
        {
            return ReadOnlyMemory<byte>.Empty;
        }

        PipeReader reader = context.Request.BodyReader;
        ReadResult first = await reader.ReadAsync(context.RequestAborted).ConfigureAwait(false);
        if (first.IsCompleted)
        {
            byte[] whole = first.Buffer.ToArray();
            reader.AdvanceTo(first.Buffer.End);
            return whole;
        }

        // What is announced is not yet there: memory grows with what arrives, never with a promise.
        var collected = new ArrayBufferWriter<byte>();
        while (true)
        {
            foreach (ReadOnlyMemory<byte> segment in first.Buffer)
            {
                collected.Write(segment.Span);
            }

            reader.AdvanceTo(first.Buffer.End);
            if (first.IsCompleted)
            {
                return collected.WrittenMemory;
            }

            first = await reader.ReadAsync(context.RequestAborted).ConfigureAwait(false);
        }
    }
}
