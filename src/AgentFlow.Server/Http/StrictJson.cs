using System.Text.Json;
using System.Text.Unicode;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Server.Http;

/// <summary>
/// Checks that a text is JSON which every later reader understands alike: UTF-8, no name twice in one object, no half of
/// a surrogate pair, no deeper than <see cref="MaxDepth"/>. Needs at most about twice the text's size in memory, whatever
/// the text is.
/// </summary>
internal static class StrictJson
{
    /// <summary>Arrays and objects that may stand inside one another.</summary>
    public const int MaxDepth = 256;

    /// <exception cref="ProblemException"><c>JSON_INVALID</c> with line and column.</exception>
    public static void Check(ReadOnlyMemory<byte> text)
    {
        ReadOnlySpan<byte> utf8 = text.Span;
        if (!Utf8.IsValid(utf8))
        {
            throw Invalid(utf8, FirstInvalid(utf8), "these bytes are not UTF-8", "Encode the text as UTF-8.");
        }

        if (utf8.StartsWith("\uFEFF"u8))
        {
            throw Invalid(utf8, 0, "the text begins with a byte order mark", "Save it without one.");
        }

        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = MaxDepth });
        var names = new NameLedger(text);
        try
        {
            while (reader.Read())
            {
                Visit(ref reader, names, utf8);
            }
        }
        catch (JsonException e)
        {
            throw At((int)(e.LineNumber ?? 0) + 1, Column(utf8, e.LineNumber ?? 0, e.BytePositionInLine ?? 0), Reason(e.Message), null);
        }
    }

    private static void Visit(ref Utf8JsonReader reader, NameLedger names, ReadOnlySpan<byte> utf8)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                names.Open();
                break;
            case JsonTokenType.EndObject when names.Close() is { } duplicate:
                throw Duplicate(utf8, duplicate);
            case JsonTokenType.PropertyName:
                RefuseHalfPair(ref reader, utf8);
                if (names.Add(ref reader) is { } second)
                {
                    throw Duplicate(utf8, second);
                }

                break;
            case JsonTokenType.String:
                RefuseHalfPair(ref reader, utf8);
                break;
        }
    }

    // "\ud800" alone is grammatical JSON that no string can hold: reading it would throw anywhere later.
    private static void RefuseHalfPair(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8)
    {
        if (!reader.ValueIsEscaped)
        {
            return;
        }

        try
        {
            _ = reader.GetString();
        }
        catch (InvalidOperationException)
        {
            throw Invalid(utf8, (int)reader.TokenStartIndex, "this string holds half of a surrogate pair", "Write both halves, or the character itself.");
        }
    }

    private static ProblemException Duplicate(ReadOnlySpan<byte> utf8, int offset)
    {
        var reader = new Utf8JsonReader(utf8[offset..], isFinalBlock: false, default);
        reader.Read();
        string name = reader.GetString()!;
        return Invalid(utf8, offset, $"the name '{(name.Length <= 60 ? name : name[..60] + "…")}' stands twice in one object", "Keep one of them.");
    }

    private static ProblemException Invalid(ReadOnlySpan<byte> utf8, int offset, string what, string remedy)
    {
        int line = utf8[..offset].Count((byte)'\n');
        int start = utf8[..offset].LastIndexOf((byte)'\n') + 1;
        return At(line + 1, Characters(utf8[start..offset]) + 1, what, remedy);
    }

    private static ProblemException At(int line, int column, string what, string? remedy) =>
        new(ErrorCode.JsonInvalid, $"Line {line}, column {column}: {what}.", new ProblemEntry(what, Line: line, Column: column, Remedy: remedy));

    private static int Column(ReadOnlySpan<byte> utf8, long line, long bytesInLine)
    {
        for (; line > 0; line--)
        {
            utf8 = utf8[(utf8.IndexOf((byte)'\n') + 1)..];
        }

        return Characters(utf8[..(int)Math.Min(bytesInLine, utf8.Length)]) + 1;
    }

    /// <summary>Code points that begin in the bytes.</summary>
    private static int Characters(ReadOnlySpan<byte> utf8)
    {
        int count = 0;
        foreach (byte b in utf8)
        {
            count += (b & 0xC0) == 0x80 ? 0 : 1;
        }

        return count;
    }

    private static int FirstInvalid(ReadOnlySpan<byte> utf8)
    {
        int offset = 0;
        while (System.Text.Rune.DecodeFromUtf8(utf8[offset..], out _, out int consumed) == System.Buffers.OperationStatus.Done)
        {
            offset += consumed;
        }

        return offset;
    }

    /// <summary>The library's text without the position that it appends; the answer states that in its own terms.</summary>
    private static string Reason(string message)
    {
        int end = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return (end < 0 ? message : message[..end]).TrimEnd('.');
    }
}
