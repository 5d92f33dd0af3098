using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary><c>/auth/token</c>, <c>/auth/revoke</c> and <c>/.well-known/jwks.json</c>.</summary>
internal static class TokensFeature
{
    private const string Tag = "Access";
    private const string Holder = "What is sent proves who sends it.";

    private static readonly ErrorCode[] Body = [ErrorCode.ValidationFailed, ErrorCode.JsonInvalid, ErrorCode.PayloadTooLarge, ErrorCode.UnsupportedMediaType];

    /// <param name="api">The versioned group.</param>
    public static void MapTokens(this WebApplication app, RouteGroupBuilder api, TokenEndpoints tokens, SigningKeyEndpoints keys)
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
        api.MapGet("/access/signing-keys", keys.ListAsync)
            .AuditsRead("signing_key.read", "signing_key")
            .Says("listDeploymentSigningKeys", Tag, "List the keys under which access tokens may be out, newest first")
            .Needs(Permission.TenantsRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor).Gives<PageView<SigningKeyView>>(200, "Keys, without anything that signs.").Gives(304, "Unchanged since the ETag in `If-None-Match`.").Fails();
        api.MapPost("/access/signing-keys/rotate", keys.RotateAsync)
            .Audits("signing_key.rotate", "signing_key")
            .Says("rotateSigningKeys", Tag, "Sign with new keys", "Every process makes itself a new key within 30 seconds. Tokens that are out stay good until they expire.")
            .Needs(Permission.TenantsWrite)
            .TakesBody<EmptyBody>(false).Gives<RotatedKeysView>(200, "The keys that sign nothing any more.").Fails(Body);
        api.MapPost("/access/signing-keys/{id}/retire", keys.RetireAsync)
            .Audits("signing_key.retire", "signing_key")
            .Says("retireSigningKey", Tag, "End a signing key", "Every token under it is void: here at once, in other processes within 30 seconds. Whoever holds a refresh token gets a new one.")
            .Needs(Permission.TenantsWrite)
            .TakesBody<EmptyBody>(false).Gives<SigningKeyView>(200, "The key as it is now.").Fails([ErrorCode.SigningKeyNotFound, .. Body]);
        app.MapGet("/.well-known/jwks.json", tokens.KeysAsync)
            .Says("listSigningKeys", Tag, "The public keys that access tokens are signed with")
            .IsOpenToAnyone("Public keys.")
            .Gives<JwksView>(200, "Keys (RFC 7517).").Gives(304, "Unchanged since the ETag in `If-None-Match`.").Fails();
    }
}
