using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Server.Features.Access.Tokens;

namespace AgentFlow.Server.Tests.Features.Access.Tokens;

/// <summary>Makes tokens, good and bad, by hand.</summary>
internal static class Forge
{
    public static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));

    public static string Decode(string part) => Encoding.UTF8.GetString(Base64Url.DecodeFromChars(part));

    /// <param name="sign">Signs the two parts.</param>
    public static string Token(string header, string claims, Func<byte[], byte[]> sign)
    {
        string signed = $"{Encode(header)}.{Encode(claims)}";
        return $"{signed}.{Base64Url.EncodeToString(sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    public static string Header(string alg, string kid, string typ = "at+jwt", string? more = null) => $$"""{"alg":"{{alg}}","typ":"{{typ}}","kid":{{JsonSerializer.Serialize(kid)}}{{(more is null ? "" : "," + more)}}}""";

    public static byte[] Sign(this ECDsa key, byte[] data) => key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    public static byte[] Sign(this RSA key, byte[] data) => key.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

    /// <summary>Claims that a validator would take, changed.</summary>
    public static string Claims(DateTimeOffset now, string issuer, string audience, Action<JsonObject>? change = null)
    {
        long at = now.ToUnixTimeSeconds();
        var claims = new JsonObject
        {
            ["iss"] = issuer,
            ["aud"] = audience,
            ["sub"] = "somebody",
            ["jti"] = "1",
            ["iat"] = at,
            ["nbf"] = at,
            ["exp"] = at + 600,
            ["roles"] = new JsonArray("operator"),
        };
        change?.Invoke(claims);
        return claims.ToJsonString();
    }

    /// <summary>A public set's entry for a key.</summary>
    public static JsonObject Jwk(AsymmetricAlgorithm key, string kid)
    {
        if (key is RSA rsa)
        {
            RSAParameters p = rsa.ExportParameters(false);
            return new JsonObject { ["kty"] = "RSA", ["kid"] = kid, ["use"] = "sig", ["alg"] = "RS256", ["n"] = Base64Url.EncodeToString(p.Modulus), ["e"] = Base64Url.EncodeToString(p.Exponent) };
        }

        ECParameters ec = ((ECDsa)key).ExportParameters(false);
        return new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["kid"] = kid, ["use"] = "sig", ["alg"] = "ES256", ["x"] = Base64Url.EncodeToString(ec.Q.X), ["y"] = Base64Url.EncodeToString(ec.Q.Y) };
    }

    public static VerificationKey Public(AsymmetricAlgorithm key, string kid) => VerificationKey.OfJwk(JsonElement.Parse(Jwk(key, kid).ToJsonString()))!;
}
