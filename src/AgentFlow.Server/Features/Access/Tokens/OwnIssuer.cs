using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>This deployment's own access tokens: JWTs by the profile of RFC 9068, signed with ES256.</summary>
internal sealed class OwnIssuer(SigningKeys keys, UlidFactory ids, TimeProvider clock, TimeSpan lifetime) : ITrustedIssuer
{
    // The same in every process of a deployment, whatever names it is reached under; other deployments have other keys.
    private const string Name = "agentflow";

    public string Issuer => Name;

    public string Audience => Name;

    /// <summary>A new access token.</summary>
    /// <param name="user">Whose; a user's id.</param>
    /// <param name="session">What all tokens of the login have in common.</param>
    public async ValueTask<IssuedToken> IssueAsync(string tenant, string user, IReadOnlyList<string> roles, string session, CancellationToken cancellationToken)
    {
        // The id's time is the token's: iat tells seconds only, and a login right after a revocation must not fall under it.
        Ulid id = ids.Create();
        DateTimeOffset issued = DateTimeOffset.FromUnixTimeMilliseconds(id.UnixMilliseconds);
        DateTimeOffset expires = issued + lifetime;
        (byte[] signed, byte[] signature) = await keys.SignAsync(
            keyId =>
            {
                byte[] header = Json(writer =>
                {
                    writer.WriteString("alg"u8, nameof(SignatureAlgorithm.ES256));
                    writer.WriteString("typ"u8, "at+jwt"u8);
                    writer.WriteString("kid"u8, keyId);
                });
                byte[] claims = Json(writer =>
                {
                    writer.WriteString("iss"u8, Name);
                    writer.WriteString("aud"u8, Name);
                    writer.WriteString("sub"u8, user);
                    writer.WriteString("client_id"u8, Name);
                    writer.WriteString("jti"u8, id.ToString());
                    writer.WriteNumber("iat"u8, issued.ToUnixTimeSeconds());
                    writer.WriteNumber("nbf"u8, issued.ToUnixTimeSeconds());
                    writer.WriteNumber("exp"u8, expires.ToUnixTimeSeconds());
                    writer.WriteString("tenant"u8, tenant);
                    writer.WriteString("sid"u8, session);
                    writer.WriteStartArray("roles"u8);
                    foreach (string role in roles)
                    {
                        writer.WriteStringValue(role);
                    }

                    writer.WriteEndArray();
                });
                return Encoding.ASCII.GetBytes($"{Base64Url.EncodeToString(header)}.{Base64Url.EncodeToString(claims)}");
            },
            cancellationToken).ConfigureAwait(false);
        return new IssuedToken($"{Encoding.ASCII.GetString(signed)}.{Base64Url.EncodeToString(signature)}", expires - clock.GetUtcNow());
    }

    public async ValueTask<(VerificationKey? Key, TokenFault Fault)> FindKeyAsync(string keyId, CancellationToken cancellationToken) =>
        (await keys.FindAsync(keyId, cancellationToken).ConfigureAwait(false), TokenFault.KeyUnknown);

    public TokenIdentity? Identify(JsonElement claims) =>
        Claims.Text(claims, "sub") is { } user
        && Claims.Text(claims, "tenant") is { } tenant && TenantName.IsValid(tenant)
        && Claims.Text(claims, "sid") is { } session
        && Ulid.TryParse(Claims.Text(claims, "jti"), out Ulid id)
        && claims.TryGetProperty("roles", out JsonElement list) && Claims.Texts(list) is { } roles
            ? new TokenIdentity(user, tenant, roles, session, DateTimeOffset.FromUnixTimeMilliseconds(id.UnixMilliseconds))
            : null;

    private static byte[] Json(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}

/// <param name="ExpiresIn">From now.</param>
internal sealed record IssuedToken(string Text, TimeSpan ExpiresIn);
