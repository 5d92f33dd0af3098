using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using AgentFlow.Contracts.Ids;

namespace AgentFlow.Engine.Access;

/// <summary>
/// The text of an API key: <c>afk_TENANT.ID.SECRET</c>. The secret is 256 random bits in base64url; only its SHA-256 is stored,
/// which for a secret of that size is as good as a slow hash. The tenant stands in the text, so that no lookup crosses tenants;
/// the prefix lets scanners of source code find a key that leaked.
/// </summary>
public sealed record ApiKeyText
{
    public const string Prefix = "afk_";

    private const int SecretBytes = 32;
    private const int MaxLength = 160;

    private ApiKeyText(string tenant, Ulid id, byte[] hash) => (Tenant, Id, Hash) = (tenant, id, hash);

    public string Tenant { get; }

    public Ulid Id { get; }

    /// <summary>SHA-256 of the secret.</summary>
    public ReadOnlyMemory<byte> Hash { get; }

    /// <summary>A new key.</summary>
    /// <param name="text">What its owner is shown, once.</param>
    public static ApiKeyText Create(string tenant, Ulid id, out string text)
    {
        string secret = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));
        text = $"{Prefix}{tenant}.{id}.{secret}";
        return new ApiKeyText(tenant, id, SHA256.HashData(Encoding.ASCII.GetBytes(secret)));
    }

    /// <summary>Whether a bearer's text claims to be a key of this kind.</summary>
    public static bool Claims(string text) => text.StartsWith(Prefix, StringComparison.Ordinal);

    public static bool TryParse(string text, [NotNullWhen(true)] out ApiKeyText? key)
    {
        key = null;
        if (text.Length > MaxLength || !Claims(text))
        {
            return false;
        }

        string[] parts = text[Prefix.Length..].Split('.');
        if (parts.Length != 3 || !TenantName.IsValid(parts[0]) || !Ulid.TryParse(parts[1], out Ulid id) || !Base64Url.IsValid(parts[2], out int bytes) || bytes != SecretBytes)
        {
            return false;
        }

        key = new ApiKeyText(parts[0], id, SHA256.HashData(Encoding.ASCII.GetBytes(parts[2])));
        return true;
    }

    /// <summary>Compares in constant time.</summary>
    public bool Matches(ReadOnlyMemory<byte> stored) => CryptographicOperations.FixedTimeEquals(Hash.Span, stored.Span);
}
