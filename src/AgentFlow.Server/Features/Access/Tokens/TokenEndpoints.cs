using System.Security.Cryptography;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access.Limits;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>Logging in, staying so, and logging out.</summary>
internal sealed class TokenEndpoints(
    PasswordLogin passwords,
    Principals principals,
    ITokenStore store,
    OwnIssuer issuer,
    SigningKeys keys,
    Revocations revocations,
    TokenValidator validator,
    AuditRecorder audit,
    TimeProvider clock,
    TimeSpan refreshLifetime)
{
    private const int MaxText = 1024;
    private const string Bearer = "Bearer";

    // Whoever guesses passwords gets ten a minute per name, in each process.
    private readonly RateLimiter _attempts = new(new RateLimit(10, 1 / 6.0), clock, capacity: 65_536);

    public async Task IssueAsync(HttpContext context, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string? grant = body.Text("grant_type", MaxText);
        string tenant = body.Text("tenant", MaxText) ?? TenantName.Default;
        string? name = body.Text("username", MaxText);
        string? password = body.Text("password", MaxText);
        string? refresh = body.Text("refresh_token", MaxText);
        switch (grant)
        {
            case "password":
                Require(body, "username", name);
                Require(body, "password", password);
                body.End();
                await AnswerAsync(context, await LogInAsync(context, tenant, name!, password!, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
                return;
            case "refresh_token":
                Require(body, "refresh_token", refresh);
                body.End();
                await AnswerAsync(context, await ExchangeAsync(refresh!, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
                return;
            default:
                body.Fault("grant_type", "'grant_type' must be password or refresh_token", "password goes with username and password, refresh_token with refresh_token.");
                body.End();
                return;
        }
    }

    /// <summary>Whoever holds a token may end it (RFC 7009, 2); of one that is none of ours nothing is said.</summary>
    public async Task RevokeAsync(HttpContext context, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string? token = body.Text("token", TokenValidator.MaxLength);
        Require(body, "token", token);
        body.End();
        if (RefreshToken.TryParse(token!, out RefreshToken? refresh))
        {
            // Only the holder of a token knows its family.
            if (await store.FindFamilyAsync(refresh.Tenant, refresh.Family, cancellationToken).ConfigureAwait(false) is { } family)
            {
                await audit.AllowAsync(context, refresh.Tenant, "auth.logout", family.Subject).ConfigureAwait(false);
                await EndFamilyAsync(refresh, cancellationToken).ConfigureAwait(false);
            }
        }
        else if (await validator.ValidateAsync(token!, cancellationToken).ConfigureAwait(false) is TokenVerdict.Accepted { TokenId.Length: > 0 } accepted)
        {
            await audit.AllowAsync(context, accepted.Tenant, "auth.logout", Principal.ActorOf(PrincipalKind.User, accepted.Subject)).ConfigureAwait(false);
            await revocations.AddAsync(accepted.Tenant, Void(Revocations.TokenKey(accepted.TokenId)), cancellationToken).ConfigureAwait(false);
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary>The public keys of this deployment (RFC 7517), for others who want to check its tokens.</summary>
    public async Task KeysAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var list = new List<JwkView>();
        foreach (SigningKey key in await keys.PublishedAsync(cancellationToken).ConfigureAwait(false))
        {
            using var ec = ECDsa.Create();
            ec.ImportSubjectPublicKeyInfo(key.PublicKey.Span, out _);
            ECPoint point = ec.ExportParameters(false).Q;
            list.Add(new JwkView("EC", "P-256", key.Id, "sig", key.Algorithm, System.Buffers.Text.Base64Url.EncodeToString(point.X), System.Buffers.Text.Base64Url.EncodeToString(point.Y)));
        }

        await Reply.TaggedJsonAsync(context, new JwksView(list), ServerJson.Default.JwksView).ConfigureAwait(false);
    }

    private async ValueTask<TokenView> LogInAsync(HttpContext context, string tenant, string name, string password, CancellationToken cancellationToken)
    {
        RateAnswer attempt = _attempts.Take($"{tenant}/{name}");
        if (!attempt.IsAllowed)
        {
            throw new RateLimitedException(attempt, "Too many tries to log in under this name.");
        }

        UserAccount user = await passwords.TryAsync(tenant, name, password, cancellationToken).ConfigureAwait(false)
            ?? throw new ProblemException(ErrorCode.Unauthenticated, "There is no such user with this password.");
        await audit.AllowAsync(context, tenant, "auth.login", $"user:{user.Name}").ConfigureAwait(false);
        DateTimeOffset now = clock.GetUtcNow();
        RefreshToken refresh = RefreshToken.Begin(tenant, now);
        DateTimeOffset expires = now + refreshLifetime;
        await store.AddFamilyAsync(
            tenant,
            new TokenFamily(refresh.Family, Principal.ActorOf(PrincipalKind.User, user.Id.ToString()), refresh.Hash, now.ToUnixTimeMilliseconds(), expires.ToUnixTimeMilliseconds()),
            cancellationToken).ConfigureAwait(false);
        return await ViewAsync(refresh, user.Id, user.Roles, expires, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<TokenView> ExchangeAsync(string text, CancellationToken cancellationToken)
    {
        if (!RefreshToken.TryParse(text, out RefreshToken? presented))
        {
            throw Refused();
        }

        // Before the exchange: a token that was exchanged and whose answer could not be given would be lost.
        TokenFamily? family = await store.FindFamilyAsync(presented.Tenant, presented.Family, cancellationToken).ConfigureAwait(false);
        if (family is null || !Ulid.TryParse(family.Subject[(family.Subject.IndexOf(':', StringComparison.Ordinal) + 1)..], out Ulid id))
        {
            throw Refused();
        }

        Principal? user = await principals.FindUserAsync(presented.Tenant, id, cancellationToken).ConfigureAwait(false);
        RefreshToken next = presented.Next();
        RotateOutcome outcome = await store.RotateAsync(presented.Tenant, presented.Family, presented.Hash, next.Hash, clock.GetUtcNow().ToUnixTimeMilliseconds(), cancellationToken).ConfigureAwait(false);
        if (outcome == RotateOutcome.Reused || (outcome == RotateOutcome.Rotated && user is null))
        {
            await EndFamilyAsync(presented, cancellationToken).ConfigureAwait(false);
        }

        return outcome switch
        {
            RotateOutcome.Rotated when user is not null => await ViewAsync(next, id, user.Roles, DateTimeOffset.FromUnixTimeMilliseconds(family.ExpiresAt), cancellationToken).ConfigureAwait(false),
            RotateOutcome.Reused => throw new ProblemException(ErrorCode.Unauthenticated, "The refresh token was exchanged before, so that two hold it: the whole login is ended. Log in again."),
            _ => throw Refused(),
        };
    }

    private async ValueTask<TokenView> ViewAsync(RefreshToken refresh, Ulid user, IReadOnlyList<string> roles, DateTimeOffset refreshExpires, CancellationToken cancellationToken)
    {
        IssuedToken access = await issuer.IssueAsync(refresh.Tenant, user.ToString(), roles, refresh.Session, cancellationToken).ConfigureAwait(false);
        return new TokenView(access.Text, Bearer, (long)access.ExpiresIn.TotalSeconds, refresh.Text, (long)(refreshExpires - clock.GetUtcNow()).TotalSeconds);
    }

    private async ValueTask EndFamilyAsync(RefreshToken token, CancellationToken cancellationToken)
    {
        await store.RevokeFamilyAsync(token.Tenant, token.Family, clock.GetUtcNow().ToUnixTimeMilliseconds(), cancellationToken).ConfigureAwait(false);
        await revocations.AddAsync(token.Tenant, Void(Revocations.SessionKey(token.Session)), cancellationToken).ConfigureAwait(false);
    }

    private Revocation Void(string key)
    {
        DateTimeOffset now = clock.GetUtcNow();
        return new Revocation(key, now.ToUnixTimeMilliseconds(), (now + TokenValidator.MaxLifetime + TokenValidator.Leeway).ToUnixTimeMilliseconds());
    }

    private static Task AnswerAsync(HttpContext context, TokenView view)
    {
        context.Response.Headers.CacheControl = "no-store";
        return Reply.JsonAsync(context, StatusCodes.Status200OK, view, ServerJson.Default.TokenView);
    }

    private static void Require(JsonBody body, string name, string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            body.Fault(name, $"'{name}' is missing");
        }
    }

    private static ProblemException Refused() => new(ErrorCode.Unauthenticated, "The refresh token is not valid, has expired or was revoked. Log in again.");
}

/// <summary>What a login gives.</summary>
/// <param name="AccessToken">For <c>Authorization: Bearer</c>.</param>
/// <param name="TokenType"><c>Bearer</c>.</param>
/// <param name="ExpiresIn">Seconds.</param>
/// <param name="RefreshToken">Good for one exchange.</param>
/// <param name="RefreshExpiresIn">Seconds until one has to log in again, however often the token is exchanged.</param>
public sealed record TokenView(string AccessToken, string TokenType, long ExpiresIn, string RefreshToken, long RefreshExpiresIn)
{
    // Records print their members; a log must not.
    public override string ToString() => nameof(TokenView);
}

/// <param name="Keys">Newest first.</param>
public sealed record JwksView(IReadOnlyList<JwkView> Keys);

/// <summary>A public key (RFC 7517).</summary>
public sealed record JwkView(string Kty, string Crv, string Kid, string Use, string Alg, string X, string Y);

internal sealed record TokenBody
{
    /// <summary><c>password</c> or <c>refresh_token</c>.</summary>
    public required string GrantType { get; init; }

    /// <summary>With <c>password</c>. Default: <c>default</c>.</summary>
    public string? Tenant { get; init; }

    /// <summary>With <c>password</c>.</summary>
    public string? Username { get; init; }

    /// <summary>With <c>password</c>.</summary>
    public string? Password { get; init; }

    /// <summary>With <c>refresh_token</c>.</summary>
    public string? RefreshToken { get; init; }
}

internal sealed record RevokeBody
{
    /// <summary>A refresh token, which ends its login, or an access token.</summary>
    public required string Token { get; init; }
}
