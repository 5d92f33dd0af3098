using AgentFlow.Contracts.Errors;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary><c>/auth/token</c>, <c>/auth/revoke</c> and <c>/.well-known/jwks.json</c>.</summary>
internal static class TokensFeature
{
    private const string Tag = "Access";
    private const string Holder = "What is sent proves who sends it.";

    private static readonly ErrorCode[] Body = [ErrorCode.ValidationFailed, ErrorCode.JsonInvalid, ErrorCode.PayloadTooLarge, ErrorCode.UnsupportedMediaType];

    /// <param name="api">The versioned group.</param>
    public static void MapTokens(this WebApplication app, RouteGroupBuilder api, TokenEndpoints tokens)
    {
        api.MapPost("/auth/token", tokens.IssueAsync)
            .Says("issueToken", Tag, "Log in, or stay so", "`password` gives a short-lived access token and a refresh token; `refresh_token` exchanges the latter for two new ones. A refresh token that comes twice ends its login.")
            .IsOpenToAnyone(Holder)
            .Audits("auth.login", "user")
            .TakesBody<TokenBody>(true).Gives<TokenView>(200, "Tokens; they are never shown again.").Fails([.. Body, ErrorCode.Unauthenticated, ErrorCode.RateLimited]);
        api.MapPost("/auth/revoke", tokens.RevokeAsync)
            .Says("revokeToken", Tag, "Log out", "A refresh token ends its login with all access tokens from it; an access token ends alone. Takes effect within 30 seconds in every process, open streams included.")
            .IsOpenToAnyone(Holder)
            .Audits("auth.logout", "user")
            .TakesBody<RevokeBody>(true).Gives(204, "Void now, whatever it was before.").Fails(Body);
        app.MapGet("/.well-known/jwks.json", tokens.KeysAsync)
            .Says("listSigningKeys", Tag, "The public keys that access tokens are signed with")
            .IsOpenToAnyone("Public keys.")
            .Gives<JwksView>(200, "Keys (RFC 7517).").Gives(304, "Unchanged since the ETag in `If-None-Match`.").Fails();
    }
}
