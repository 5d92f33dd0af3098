using System.Text.Json;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>Somebody whose tokens are believed: this deployment itself, or an OpenID provider.</summary>
internal interface ITrustedIssuer
{
    /// <summary>The <c>iss</c> of its tokens, compared byte for byte.</summary>
    string Issuer { get; }

    /// <summary>What must be among the <c>aud</c> of its tokens.</summary>
    string Audience { get; }

    /// <summary>The key of that name. May read the store or the provider's published set, at a bounded rate.</summary>
    /// <returns>The key, or why there is none: <see cref="TokenFault.KeyUnknown"/> or <see cref="TokenFault.KeysUnavailable"/>.</returns>
    ValueTask<(VerificationKey? Key, TokenFault Fault)> FindKeyAsync(string keyId, CancellationToken cancellationToken);

    /// <summary>Who the claims of a genuine token speak of.</summary>
    /// <returns><see langword="null"/> when they do not say.</returns>
    TokenIdentity? Identify(JsonElement claims);
}

/// <param name="Session"><see cref="TokenVerdict.Accepted.Session"/>.</param>
/// <param name="IssuedAt">To the millisecond, where the issuer tells it more exactly than <c>iat</c> does.</param>
internal sealed record TokenIdentity(string Subject, string Tenant, IReadOnlyList<string> Roles, string? Session = null, DateTimeOffset? IssuedAt = null);
