namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>What became of a bearer token.</summary>
internal abstract record TokenVerdict
{
    private TokenVerdict()
    {
    }

    /// <summary>The token is genuine, meant for this server, in time and not revoked.</summary>
    /// <param name="Issuer">Who signed it.</param>
    /// <param name="Subject">A user's id; with a foreign issuer <c>oidc:</c> and its <c>sub</c>, so that no two issuers can mean the same user.</param>
    /// <param name="TokenId">Unique per issuer; empty when a foreign issuer gives none.</param>
    /// <param name="Session">What all tokens of one login have in common; <see langword="null"/>: nothing.</param>
    /// <param name="IssuedAt">As the issuer says.</param>
    /// <param name="Expires">As the issuer says, to the second; the token is taken <see cref="TokenValidator.Leeway"/> longer.</param>
    public sealed record Accepted(
        string Issuer,
        string Subject,
        string Tenant,
        IReadOnlyList<string> Roles,
        string TokenId,
        string? Session,
        DateTimeOffset IssuedAt,
        DateTimeOffset Expires) : TokenVerdict
    {
        /// <summary>The credential, as revocations name it: the login where there is one, otherwise the token.</summary>
        public string Credential => Session is { } session ? Revocations.SessionKey(session) : Revocations.TokenKey(TokenId);
    }

    public sealed record Refused(TokenFault Fault) : TokenVerdict
    {
        /// <summary>What the caller is told. Only what its holder can act on is distinguished: the rest would help a forger.</summary>
        public string Detail => Fault switch
        {
            TokenFault.Expired => "The token has expired; get a new one.",
            TokenFault.Revoked => "The token has been revoked; log in again.",
            TokenFault.NotYetValid => "The token is not valid yet; compare the clocks of this server and of the issuer.",
            TokenFault.KeysUnavailable => "The keys of the token's issuer cannot be read at the moment; try again.",
            TokenFault.RevocationsUnknown => "The store did not answer for so long that nobody knows which tokens were revoked; try again.",
            TokenFault.TooLarge => $"The token has more than {TokenValidator.MaxLength} characters.",
            _ => "The token is not valid here.",
        };
    }
}

/// <summary>Why a token was refused. For logs and tests; a caller sees <see cref="TokenVerdict.Refused.Detail"/>.</summary>
internal enum TokenFault
{
    /// <summary>Not three parts of canonical base64url with JSON objects whose names stand once.</summary>
    Malformed,

    /// <summary>Longer than <see cref="TokenValidator.MaxLength"/>.</summary>
    TooLarge,

    /// <summary><c>typ</c> is not that of an access token.</summary>
    WrongType,

    /// <summary><c>alg</c> is neither ES256 nor RS256, or not the key's.</summary>
    AlgorithmRefused,

    /// <summary>The header brings or points to a key, or demands an extension.</summary>
    HeaderRefused,

    IssuerUnknown,

    KeyUnknown,

    SignatureWrong,

    AudienceWrong,

    Expired,

    /// <summary><c>nbf</c> or <c>iat</c> lies in the future.</summary>
    NotYetValid,

    /// <summary>It lives longer than <see cref="TokenValidator.MaxLifetime"/>, for which revocations are kept.</summary>
    LifetimeTooLong,

    /// <summary>A claim that is needed is missing or has an impossible value.</summary>
    ClaimMissing,

    Revoked,

    /// <summary>The issuer's keys could not be fetched.</summary>
    KeysUnavailable,

    /// <summary>The store did not tell for too long what has been revoked.</summary>
    RevocationsUnknown,
}
