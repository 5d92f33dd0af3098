using AgentFlow.Contracts.Ids;

namespace AgentFlow.Engine.Access;

/// <summary>
/// What tokens need to be remembered: families of refresh tokens, what was revoked before its time, and the keys that sign.
/// Refresh tokens are stored as hashes. Times are Unix milliseconds. Safe for concurrent calls, and over processes.
/// </summary>
public interface ITokenStore
{
    /// <summary>Begins a family with its first refresh token.</summary>
    ValueTask AddFamilyAsync(string tenant, TokenFamily family, CancellationToken cancellationToken);

    ValueTask<TokenFamily?> FindFamilyAsync(string tenant, Ulid id, CancellationToken cancellationToken);

    /// <summary>
    /// Exchanges the family's current refresh token for the next one. Presenting any other than the current one means that two
    /// hold the same token: the family is revoked. Of several exchanges of one token at most one succeeds.
    /// </summary>
    /// <param name="presented">SHA-256 of the token that came.</param>
    /// <param name="next">SHA-256 of the one that replaces it.</param>
    ValueTask<RotateOutcome> RotateAsync(string tenant, Ulid id, ReadOnlyMemory<byte> presented, ReadOnlyMemory<byte> next, long now, CancellationToken cancellationToken);

    /// <summary>Ends a family.</summary>
    /// <returns>False when there is none, or it has ended before.</returns>
    ValueTask<bool> RevokeFamilyAsync(string tenant, Ulid id, long now, CancellationToken cancellationToken);

    /// <summary>Ends every family of a subject.</summary>
    /// <param name="subject">A <see cref="Principal.Actor"/>.</param>
    ValueTask RevokeFamiliesAsync(string tenant, string subject, long now, CancellationToken cancellationToken);

    /// <summary>Notes that what was issued to a credential or subject until <see cref="Revocation.At"/> is void.</summary>
    ValueTask RevokeAsync(string tenant, Revocation revocation, CancellationToken cancellationToken);

    /// <summary>Every revocation that still matters at <paramref name="now"/>, of all tenants: each process knows them all.</summary>
    ValueTask<IReadOnlyList<(string Tenant, Revocation Revocation)>> RevocationsAsync(long now, CancellationToken cancellationToken);

    /// <summary>Forgets revocations and families that ended before <paramref name="now"/>, and signing keys that were retired before it.</summary>
    ValueTask ForgetExpiredAsync(long now, CancellationToken cancellationToken);

    /// <summary>Adds a key of the deployment.</summary>
    /// <returns>False when there is one with this id.</returns>
    ValueTask<bool> AddSigningKeyAsync(SigningKey key, CancellationToken cancellationToken);

    /// <summary>All keys of the deployment, newest first.</summary>
    ValueTask<IReadOnlyList<SigningKey>> ListSigningKeysAsync(CancellationToken cancellationToken);

    /// <summary>Lets a key verify until <paramref name="at"/> at the latest. An earlier end stays.</summary>
    /// <returns>False when there is no such key.</returns>
    ValueTask<bool> RetireSigningKeyAsync(string id, long at, CancellationToken cancellationToken);
}

/// <summary>The refresh tokens that replace each other from one login on.</summary>
/// <param name="Subject">Whose, as <see cref="Principal.Actor"/>.</param>
/// <param name="Current">SHA-256 of the token that may be exchanged now.</param>
/// <param name="ExpiresAt">End of the whole family, however often it is exchanged.</param>
public sealed record TokenFamily(Ulid Id, string Subject, ReadOnlyMemory<byte> Current, long CreatedAt, long ExpiresAt, long? RevokedAt = null);

public enum RotateOutcome
{
    Rotated,

    /// <summary>There is no such family in this tenant.</summary>
    Missing,

    /// <summary>It has expired or was revoked before.</summary>
    Ended,

    /// <summary>The token was exchanged before: the family is revoked now.</summary>
    Reused,
}

/// <param name="Key">A credential (<see cref="Principal.Credential"/>) or a subject (<see cref="Principal.Actor"/>).</param>
/// <param name="At">What was issued at or before this time is void.</param>
/// <param name="Until">When everything that it could concern has expired by itself.</param>
public sealed record Revocation(string Key, long At, long Until);

/// <param name="Id">The <c>kid</c>.</param>
/// <param name="Algorithm"><c>ES256</c>.</param>
/// <param name="PublicKey">SubjectPublicKeyInfo, DER.</param>
/// <param name="PrivateKey">PKCS #8 as its writer protects it; empty when it is kept elsewhere.</param>
/// <param name="RetiresAt">After it the key verifies nothing; <see langword="null"/>: not known yet.</param>
public sealed record SigningKey(string Id, string Algorithm, ReadOnlyMemory<byte> PublicKey, ReadOnlyMemory<byte> PrivateKey, long CreatedAt, long? RetiresAt = null);
