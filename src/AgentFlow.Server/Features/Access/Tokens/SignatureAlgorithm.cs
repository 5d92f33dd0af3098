using System.Text.Json;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>The algorithms that tokens may be signed with (RFC 7518, 3.1): asymmetric ones only, so that whoever verifies cannot sign.</summary>
internal enum SignatureAlgorithm
{
    /// <summary>ECDSA on P-256 with SHA-256.</summary>
    ES256,

    /// <summary>RSASSA-PKCS1-v1_5 with SHA-256.</summary>
    RS256,
}

internal static class SignatureAlgorithms
{
    /// <summary>Compares the bytes as they stand: no case, no escapes, no blanks.</summary>
    /// <returns><see langword="null"/> for everything that is not on the list.</returns>
    public static SignatureAlgorithm? Parse(JsonElement name) => name.GetRawText() switch
    {
        "\"ES256\"" => SignatureAlgorithm.ES256,
        "\"RS256\"" => SignatureAlgorithm.RS256,
        _ => null,
    };
}
