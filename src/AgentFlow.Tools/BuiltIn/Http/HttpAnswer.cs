using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Tools.BuiltIn.Http;

/// <summary>One complete response, within its limits.</summary>
/// <param name="Headers">By lower-case name, in ordinal order; several values of one name are joined by <c>", "</c>.</param>
/// <param name="Body">After decompression.</param>
internal sealed record HttpAnswer(int Status, SortedDictionary<string, string> Headers, ReadOnlyMemory<byte> Body)
{
    private const int LongestExcerpt = 200;

    // The output nests the body two levels deeper, with its place in a run's state.
    private const int MaxBodyDepth = StrictJson.MaxDepth - 4;

    /// <summary>SHA-256, lower-case hex, of the lines <c>name: value\n</c> in the headers' order.</summary>
    public string HeadersHash => Hex(Encoding.UTF8.GetBytes(string.Concat(Headers.Select(h => $"{h.Key}: {h.Value}\n"))));

    /// <summary>SHA-256, lower-case hex, of the body's bytes.</summary>
    public string BodyHash => Hex(Body.Span);

    /// <summary>The wait that the other side asks for; <see langword="null"/> when it asks for none.</summary>
    public TimeSpan? RetryAfter(DateTimeOffset now)
    {
        if (!Headers.TryGetValue("retry-after", out string? text))
            return null;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds))
            return TimeSpan.FromSeconds(seconds);
        return DateTimeOffset.TryParseExact(text, "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset date)
            ? TimeSpan.FromTicks(Math.Max(0, (date - now).Ticks))
            : null;
    }

    /// <summary>The beginning of the body for a message, on one line; empty when it is no text.</summary>
    public string Excerpt()
    {
        string text = Decode() ?? "";
        text = text.Length <= LongestExcerpt ? text : text[..LongestExcerpt] + "…";
        return string.Concat(text.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? ' ' : c)).Trim();
    }

    public void Write(Utf8JsonWriter writer, long latencyMilliseconds)
    {
        writer.WriteStartObject();
        writer.WriteNumber("status_code", Status);
        writer.WriteStartObject("headers");
        foreach ((string name, string value) in Headers)
            writer.WriteString(name, value);
        writer.WriteEndObject();
        writer.WriteString("headers_hash", HeadersHash);
        WriteBody(writer);
        writer.WriteString("body_hash", BodyHash);
        writer.WriteNumber("latency_ms", latencyMilliseconds);
        writer.WriteEndObject();
    }

    private void WriteBody(Utf8JsonWriter writer)
    {
        using JsonDocument? json = ParseJson();
        string encoding;
        if (json is not null)
        {
            writer.WritePropertyName("body");
            json.WriteTo(writer);
            encoding = "json";
        }
        else if (Decode() is { } text)
        {
            writer.WriteString("body", text);
            encoding = "text";
        }
        else
        {
            writer.WriteBase64String("body", Body.Span);
            encoding = "base64";
        }

        writer.WriteString("body_encoding", encoding);
    }

    private JsonDocument? ParseJson()
    {
        (string type, _) = ContentType();
        if (type is not ("application/json" or "text/json") && !type.EndsWith("+json", StringComparison.Ordinal))
            return null;
        ReadOnlyMemory<byte> body = Body.Span.StartsWith("\uFEFF"u8) ? Body[3..] : Body;
        try
        {
            return StrictJson.Parse(body, MaxBodyDepth);
        }
        catch (JsonException)
        {
            // What says JSON and is none is still an answer: its text, and body_encoding says so.
            return null;
        }
    }

    /// <summary>The body as text; <see langword="null"/> when its type or its bytes say otherwise.</summary>
    private string? Decode()
    {
        (string type, string charset) = ContentType();
        bool textual = type.Length == 0
            || type.StartsWith("text/", StringComparison.Ordinal)
            || type.EndsWith("+json", StringComparison.Ordinal)
            || type.EndsWith("+xml", StringComparison.Ordinal)
            || type is "application/json" or "application/xml" or "application/javascript" or "application/x-ndjson" or "application/x-www-form-urlencoded" or "application/yaml";
        if (!textual)
            return null;
        try
        {
            return Encoding.GetEncoding(charset, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback).GetString(Body.Span).TrimStart('\uFEFF');
        }
        catch (ArgumentException)
        {
            // An unknown charset, or bytes that are not in it (DecoderFallbackException is one of these).
            return null;
        }
    }

    private (string Type, string Charset) ContentType()
    {
        string[] parts = Headers.GetValueOrDefault("content-type", "").Split(';', StringSplitOptions.TrimEntries);
        string? charset = parts.Skip(1).FirstOrDefault(p => p.StartsWith("charset=", StringComparison.OrdinalIgnoreCase));
        return (parts[0].ToLowerInvariant(), charset?["charset=".Length..].Trim('"') ?? "utf-8");
    }

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
