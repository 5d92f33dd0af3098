using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>
/// A signed token in compact form (RFC 7515, 7.1), taken apart and not believed yet. Reading needs nothing but the text: no
/// file, no connection, no key.
/// </summary>
internal sealed class CompactToken
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    private const int MaxKeyId = 200;

    private static readonly SearchValues<char> Base64UrlCharacters = SearchValues.Create(Alphabet);

    // RFC 9068, 2.1: the media type, or its short form. Compared byte for byte.
    private static readonly string[] AccessTypes = ["at+jwt", "application/at+jwt"];

    // Each would let the sender choose the key, the way it is found, or how the token is read (RFC 7515, 4.1; RFC 7797).
    private static readonly string[] RefusedHeaders = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"];

    private CompactToken(SignatureAlgorithm algorithm, string keyId, JsonElement claims, byte[] signed, byte[] signature) =>
        (Algorithm, KeyId, Claims, Signed, Signature) = (algorithm, keyId, claims, signed, signature);

    public SignatureAlgorithm Algorithm { get; }

    /// <summary>What the sender calls the key. A name to look up among known ones, and nothing else.</summary>
    public string KeyId { get; }

    /// <summary>An object.</summary>
    public JsonElement Claims { get; }

    /// <summary>What the signature is over.</summary>
    public ReadOnlyMemory<byte> Signed { get; }

    public ReadOnlyMemory<byte> Signature { get; }

    /// <param name="text">At most <see cref="TokenValidator.MaxLength"/> characters.</param>
    /// <returns>What is wrong with it, or <see langword="null"/>.</returns>
    public static TokenFault? TryRead(string text, out CompactToken? token)
    {
        token = null;
        int first = text.IndexOf('.', StringComparison.Ordinal);
        int second = text.IndexOf('.', first + 1);
        if (first <= 0 || second <= first || text.IndexOf('.', second + 1) >= 0
            || Decode(text.AsSpan(0, first)) is not { } header
            || Decode(text.AsSpan(first + 1, second - first - 1)) is not { } payload
            || Decode(text.AsSpan(second + 1)) is not { } signature
            || Parse(header) is not { } names
            || Parse(payload) is not { } claims)
        {
            return TokenFault.Malformed;
        }

        foreach (string refused in RefusedHeaders)
        {
            if (names.TryGetProperty(refused, out _))
            {
                return TokenFault.HeaderRefused;
            }
        }

        SignatureAlgorithm? algorithm = names.TryGetProperty("alg", out JsonElement alg) ? SignatureAlgorithms.Parse(alg) : null;
        if (algorithm is null)
        {
            return TokenFault.AlgorithmRefused;
        }

        if (!names.TryGetProperty("typ", out JsonElement typ) || typ.ValueKind != JsonValueKind.String || !AccessTypes.Contains(typ.GetString()))
        {
            return TokenFault.WrongType;
        }

        if (!names.TryGetProperty("kid", out JsonElement kid) || kid.ValueKind != JsonValueKind.String || kid.GetString() is not { Length: > 0 and <= MaxKeyId } keyId)
        {
            return TokenFault.KeyUnknown;
        }

        token = new CompactToken(algorithm.Value, keyId, claims, Encoding.ASCII.GetBytes(text, 0, second), signature);
        return null;
    }

    /// <summary>
    /// Base64url without padding, whitespace or stray bits at its end: one value has one spelling.
    /// </summary>
    private static byte[]? Decode(ReadOnlySpan<char> text)
    {
        if (text.Length % 4 == 1 || text.ContainsAnyExcept(Base64UrlCharacters))
        {
            return null;
        }

        int unused = (text.Length % 4) switch { 2 => 0b1111, 3 => 0b11, _ => 0 };
        return unused != 0 && (Alphabet.IndexOf(text[^1], StringComparison.Ordinal) & unused) != 0 ? null : Base64Url.DecodeFromChars(text);
    }

    private static JsonElement? Parse(byte[] json)
    {
        try
        {
            StrictJson.Check(json);
            JsonElement element = JsonElement.Parse(json);
            return element.ValueKind == JsonValueKind.Object ? element : null;
        }
        catch (Exception e) when (e is ProblemException or JsonException)
        {
            return null;
        }
    }
}
