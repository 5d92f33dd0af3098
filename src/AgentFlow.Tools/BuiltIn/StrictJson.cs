using System.Text.Json;
using System.Text.Unicode;

namespace AgentFlow.Tools.BuiltIn;

/// <summary>Parses JSON that every later reader will also accept.</summary>
internal static class StrictJson
{
    // The serializer's and the journal's readers stop at 64.
    public const int MaxDepth = 64;

    /// <exception cref="JsonException">
    /// Not UTF-8, not JSON, nested too deeply, a name that stands twice in one object, or half of a surrogate pair.
    /// </exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> utf8, int maxDepth = MaxDepth)
    {
        if (!Utf8.IsValid(utf8.Span))
            throw new JsonException("it is not UTF-8");
        // A name that stands twice would make the result depend on who reads it.
        JsonDocument document = JsonDocument.Parse(utf8, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = maxDepth });
        if (HalfPair(utf8.Span) is not { } at)
            return document;
        document.Dispose();
        throw new JsonException($"the text at byte {at} holds half of a surrogate pair");
    }

    // "\ud800" alone is grammatical JSON that no string can hold: reading it would throw anywhere later.
    private static long? HalfPair(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IndexOf("\\u"u8) < 0)
            return null;
        var reader = new Utf8JsonReader(utf8);
        while (reader.Read())
        {
            if (!reader.ValueIsEscaped)
                continue;
            try
            {
                _ = reader.GetString();
            }
            catch (InvalidOperationException)
            {
                return reader.TokenStartIndex;
            }
        }

        return null;
    }
}
