using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace AgentFlow.Contracts.Json;

/// <summary>
/// The canonical form of JSON (RFC 8785): no white space, members sorted by the UTF-16 code units of their names,
/// numbers as ECMAScript writes the double they denote, strings with the fewest escapes. Two texts that mean the same
/// have the same bytes; the hash of these bytes is the <c>content_hash</c> that cache keys and envelopes build on.
/// Refused: duplicate names, lone surrogates, invalid UTF-8, a byte order mark, numbers beyond the doubles, and nesting
/// deeper than the limit. An integer beyond 2⁵³ is rounded to a double, as the RFC says: pass such ids as strings.
/// </summary>
public static class CanonicalJson
{
    /// <summary>The nesting that is accepted when nothing else is asked for.</summary>
    public const int DefaultMaxDepth = 1000;

    /// <summary>The canonical form of one JSON text.</summary>
    /// <param name="utf8">The whole text, UTF-8, white space around it allowed.</param>
    /// <param name="maxDepth">How many arrays and objects may stand inside one another, from 0.</param>
    /// <exception cref="CanonicalJsonException">The text is not JSON or has no canonical form.</exception>
    public static byte[] Canonicalize(ReadOnlySpan<byte> utf8, int maxDepth = DefaultMaxDepth)
    {
        using var transform = new CanonicalTransform(utf8.Length);
        return transform.Run(utf8, default, maxDepth).ToArray();
    }

    /// <summary>Writes the canonical form to a buffer, in one piece; writes nothing when it throws.</summary>
    /// <inheritdoc cref="Canonicalize(ReadOnlySpan{byte}, int)"/>
    public static void Canonicalize(ReadOnlySpan<byte> utf8, IBufferWriter<byte> destination, int maxDepth = DefaultMaxDepth)
    {
        ArgumentNullException.ThrowIfNull(destination);
        using var transform = new CanonicalTransform(utf8.Length);
        destination.Write(transform.Run(utf8, default, maxDepth));
    }

    /// <summary>The canonical form of an element, also of one that was read with comments or trailing commas allowed.</summary>
    /// <exception cref="CanonicalJsonException">The element has no canonical form.</exception>
    public static byte[] Canonicalize(JsonElement element)
    {
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(element);
        using var transform = new CanonicalTransform(raw.Length);
        return transform.Run(raw, Lenient, DefaultMaxDepth).ToArray();
    }

    /// <summary>The canonical form of an object as its type information serialises it.</summary>
    /// <exception cref="CanonicalJsonException">The object has no canonical form, for example because of a NaN in it.</exception>
    public static byte[] Canonicalize<T>(T value, JsonTypeInfo<T> type)
    {
        using var buffer = new SerializedObject();
        ReadOnlySpan<byte> json = buffer.Write(value, type);
        using var transform = new CanonicalTransform(json.Length);
        return transform.Run(json, default, DefaultMaxDepth).ToArray();
    }

    /// <summary>SHA-256 of the canonical form, 64 lower-case hexadecimal digits.</summary>
    /// <inheritdoc cref="Canonicalize(ReadOnlySpan{byte}, int)"/>
    public static string Hash(ReadOnlySpan<byte> utf8, int maxDepth = DefaultMaxDepth)
    {
        using var transform = new CanonicalTransform(utf8.Length);
        return Digest(transform.Run(utf8, default, maxDepth));
    }

    /// <inheritdoc cref="Hash(ReadOnlySpan{byte}, int)"/>
    /// <exception cref="CanonicalJsonException">The element has no canonical form.</exception>
    public static string Hash(JsonElement element)
    {
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(element);
        using var transform = new CanonicalTransform(raw.Length);
        return Digest(transform.Run(raw, Lenient, DefaultMaxDepth));
    }

    /// <inheritdoc cref="Hash(ReadOnlySpan{byte}, int)"/>
    /// <exception cref="CanonicalJsonException">The object has no canonical form, for example because of a NaN in it.</exception>
    public static string Hash<T>(T value, JsonTypeInfo<T> type)
    {
        using var buffer = new SerializedObject();
        ReadOnlySpan<byte> json = buffer.Write(value, type);
        using var transform = new CanonicalTransform(json.Length);
        return Digest(transform.Run(json, default, DefaultMaxDepth));
    }

    private static JsonReaderOptions Lenient => new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    private static string Digest(ReadOnlySpan<byte> canonical)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(canonical, hash);
        return Convert.ToHexStringLower(hash);
    }

    /// <summary>The pooled JSON text of one object.</summary>
    private sealed class SerializedObject : IBufferWriter<byte>, IDisposable
    {
        private PooledArray<byte> _bytes = new(1024);

        public ReadOnlySpan<byte> Write<T>(T value, JsonTypeInfo<T> type)
        {
            ArgumentNullException.ThrowIfNull(type);
            try
            {
                using var writer = new Utf8JsonWriter(this, new JsonWriterOptions { Encoder = StrictJsonEncoder.Instance });
                JsonSerializer.Serialize(writer, value, type);
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException or JsonException)
            {
                throw new CanonicalJsonException($"{typeof(T).Name} has no canonical JSON form: {e.Message}", e);
            }

            return _bytes.Items;
        }

        public void Advance(int count) => _bytes.Advance(count);

        public Memory<byte> GetMemory(int sizeHint = 0)
        {
            _bytes.Reserve(Math.Max(1, sizeHint));
            return _bytes.Array.AsMemory(_bytes.Count);
        }

        public Span<byte> GetSpan(int sizeHint = 0) => _bytes.Reserve(Math.Max(1, sizeHint));

        public void Dispose() => _bytes.Return();
    }
}
