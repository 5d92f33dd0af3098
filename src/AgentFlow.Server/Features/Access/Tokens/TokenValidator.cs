namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>
/// Says whether a bearer token is believed. Strict: one spelling, two algorithms, keys by name from a dictionary, and all of
/// <c>iss</c>, <c>aud</c>, <c>sub</c>, <c>iat</c> and <c>exp</c> (RFC 9068). A token that was verified once is known again
/// by its hash until it expires, is revoked, or its key is withdrawn. Safe for concurrent calls.
/// </summary>
internal sealed class TokenValidator(IReadOnlyList<ITrustedIssuer> issuers, Revocations revocations, TimeProvider clock)
{
    /// <summary>Most characters of a token.</summary>
    public const int MaxLength = 8 * 1024;

    /// <summary>How far clocks may be apart.</summary>
    public static readonly TimeSpan Leeway = TimeSpan.FromSeconds(30);

    /// <summary>Longest time between a token's issue and its expiry.</summary>
    public static readonly TimeSpan MaxLifetime = TimeSpan.FromHours(24);

    private readonly VerdictCache _known = new();

    public ValueTask<TokenVerdict> ValidateAsync(string bearer, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(bearer);
        if (bearer.Length > MaxLength)
        {
            return new(new TokenVerdict.Refused(TokenFault.TooLarge));
        }

        if (TokenHash.Of(bearer) is not { } hash)
        {
            return new(new TokenVerdict.Refused(TokenFault.Malformed));
        }

        return _known.Find(hash) is { Key.IsWithdrawn: false } known
            ? new(StillStands(known.Verdict))
            : new(VerifyAsync(bearer, hash, cancellationToken));
    }

    /// <summary>Whether what was accepted before is to be accepted now; for whoever holds on to it longer than for a request.</summary>
    public TokenVerdict StillStands(TokenVerdict.Accepted verdict)
    {
        if (clock.GetUtcNow() >= verdict.Expires + Leeway)
        {
            return new TokenVerdict.Refused(TokenFault.Expired);
        }

        return revocations.Refuses(verdict) is { } fault ? new TokenVerdict.Refused(fault) : verdict;
    }

    private async Task<TokenVerdict> VerifyAsync(string bearer, TokenHash hash, CancellationToken cancellationToken)
    {
        if (CompactToken.TryRead(bearer, out CompactToken? token) is { } fault)
        {
            return new TokenVerdict.Refused(fault);
        }

        // The claim only chooses whose keys are looked at; the signature decides.
        string? iss = Claims.Text(token!.Claims, "iss");
        ITrustedIssuer? issuer = issuers.FirstOrDefault(i => i.Issuer == iss);
        if (issuer is null)
        {
            return new TokenVerdict.Refused(TokenFault.IssuerUnknown);
        }

        (VerificationKey? key, TokenFault none) = await issuer.FindKeyAsync(token.KeyId, cancellationToken).ConfigureAwait(false);
        if (key is null)
        {
            return new TokenVerdict.Refused(none);
        }

        if (key.Algorithm != token.Algorithm)
        {
            return new TokenVerdict.Refused(TokenFault.AlgorithmRefused);
        }

        if (!key.Verify(token.Signed.Span, token.Signature.Span))
        {
            return new TokenVerdict.Refused(TokenFault.SignatureWrong);
        }

        if (Judge(token, issuer, out TokenVerdict.Accepted? accepted) is { } refused)
        {
            return new TokenVerdict.Refused(refused);
        }

        _known.Add(hash, new VerdictCache.Entry(accepted!, key));
        return StillStands(accepted!);
    }

    private TokenFault? Judge(CompactToken token, ITrustedIssuer issuer, out TokenVerdict.Accepted? accepted)
    {
        accepted = null;
        if (Claims.Texts(token.Claims, "aud") is not { } audiences || !audiences.Contains(issuer.Audience, StringComparer.Ordinal))
        {
            return TokenFault.AudienceWrong;
        }

        if (Claims.Time(token.Claims, "exp") is not { } expires || Claims.Time(token.Claims, "iat") is not { } issued)
        {
            return TokenFault.ClaimMissing;
        }

        DateTimeOffset now = clock.GetUtcNow();
        if (now >= expires + Leeway)
        {
            return TokenFault.Expired;
        }

        DateTimeOffset? notBefore = Claims.Time(token.Claims, "nbf");
        if (notBefore is null && token.Claims.TryGetProperty("nbf", out _))
        {
            return TokenFault.ClaimMissing;
        }

        if (issued > now + Leeway || notBefore > now + Leeway)
        {
            return TokenFault.NotYetValid;
        }

        if (expires - issued > MaxLifetime)
        {
            return TokenFault.LifetimeTooLong;
        }

        if (issuer.Identify(token.Claims) is not { } identity)
        {
            return TokenFault.ClaimMissing;
        }

        accepted = new TokenVerdict.Accepted(issuer.Issuer, identity.Subject, identity.Tenant, identity.Roles, Claims.Text(token.Claims, "jti") ?? "", identity.Session, identity.IssuedAt ?? issued, expires);
        return null;
    }
}
