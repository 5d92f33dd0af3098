using System.Text;
using System.Text.Encodings.Web;

namespace AgentFlow.Contracts.Json;

/// <summary>
/// Lets every character through unescaped that JSON allows, and refuses lone surrogates, for which the encoders of the
/// base library write U+FFFD without a word: two different strings would then have the same canonical form.
/// </summary>
internal sealed class StrictJsonEncoder : JavaScriptEncoder
{
    private StrictJsonEncoder()
    {
    }

    public static StrictJsonEncoder Instance { get; } = new();

    public override int MaxOutputCharactersPerInputCharacter => 6;

    public override bool WillEncode(int unicodeScalar) => unicodeScalar is < 0x20 or '"' or '\\';

    /// <exception cref="CanonicalJsonException">The text has a lone surrogate.</exception>
    public override unsafe int FindFirstCharacterToEncode(char* text, int textLength)
    {
        var remaining = new ReadOnlySpan<char>(text, textLength);
        int first = remaining.IndexOfAny(MustEscape);
        int surrogate = remaining.IndexOfAnyInRange('\uD800', '\uDFFF');
        for (int at = surrogate; at >= 0 && at < textLength; at++)
        {
            if (!char.IsSurrogate(text[at])) continue;
            if (!char.IsHighSurrogate(text[at]) || at + 1 == textLength || !char.IsLowSurrogate(text[at + 1]))
            {
                throw new CanonicalJsonException(
                    $"A string has the lone surrogate U+{(int)text[at]:X4} at index {at}; JSON text cannot carry it. Repair the string.", null!);
            }

            at++;
        }

        return first;
    }

    public override unsafe bool TryEncodeUnicodeScalar(int unicodeScalar, char* buffer, int bufferLength, out int numberOfCharactersWritten)
    {
        numberOfCharactersWritten = 0;
        var destination = new Span<char>(buffer, bufferLength);
        if (!WillEncode(unicodeScalar)) return new Rune(unicodeScalar).TryEncodeToUtf16(destination, out numberOfCharactersWritten);
        if (destination.Length < 6) return false;
        numberOfCharactersWritten = 6;
        return destination.TryWrite($"\\u{unicodeScalar:x4}", out _);
    }

    private static readonly System.Buffers.SearchValues<char> MustEscape =
        System.Buffers.SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(c => (char)c), '"', '\\']);
}
