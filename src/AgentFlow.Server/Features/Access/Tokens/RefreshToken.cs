using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>
/// The text of a refresh token: <c>afr_TENANT.FAMILY.SECRET</c>, the secret 256 random bits in base64url of which only the
/// SHA-256 is stored. It is no JWT, so that nothing can mistake it for an access token. The family's id is told to nobody but
/// the token's holder, because whoever knows it can end the family by presenting a wrong secret.
/// </summary>
internal sealed record RefreshToken
{
    public const string Prefix = "afr_";

    private const int SecretBytes = 32;
    private const int MaxLength = 160;

    private RefreshToken(string tenant, Ulid family, string secret) =>
        (Tenant, Family, Text, Hash) = (tenant, family, $"{Prefix}{tenant}.{family}.{secret}", SHA256.HashData(Encoding.ASCII.GetBytes(secret)));

    public string Tenant { get; }

    public Ulid Family { get; }

    /// <summary>What its holder keeps.</summary>
    public string Text { get; }

    /// <summary>SHA-256 of the secret.</summary>
    public ReadOnlyMemory<byte> Hash { get; }

    /// <summary>How access tokens name the family, from which its id cannot be found.</summary>
    public string Session => SessionOf(Family);

    /// <summary>The first token of a new family.</summary>
    public static RefreshToken Begin(string tenant, DateTimeOffset now)
    {
        // Ids from the factory follow each other: the family's could be found from those given out after it.
        Span<byte> random = stackalloc byte[sizeof(ushort) + sizeof(ulong)];
        RandomNumberGenerator.Fill(random);
        var family = new Ulid(now.ToUnixTimeMilliseconds(), BitConverter.ToUInt16(random), BitConverter.ToUInt64(random[sizeof(ushort)..]));
        return new RefreshToken(tenant, family, NewSecret());
    }

    /// <summary>The token that replaces this one.</summary>
    public RefreshToken Next() => new(Tenant, Family, NewSecret());

    public static bool TryParse(string text, [NotNullWhen(true)] out RefreshToken? token)
    {
        token = null;
        if (text.Length > MaxLength || !text.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        string[] parts = text[Prefix.Length..].Split('.');
        if (parts.Length != 3 || !TenantName.IsValid(parts[0]) || !Ulid.TryParse(parts[1], out Ulid family) || !Base64Url.IsValid(parts[2], out int bytes) || bytes != SecretBytes)
        {
            return false;
        }

        token = new RefreshToken(parts[0], family, parts[2]);
        return true;
    }

    private static string NewSecret() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));

    private static string SessionOf(Ulid family) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes($"session {family}")).AsSpan(0, 16));

    // Records print their members; a log must not.
    public override string ToString() => $"{Prefix}{Tenant}.…";
}
