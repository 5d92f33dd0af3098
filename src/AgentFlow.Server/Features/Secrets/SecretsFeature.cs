using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Secrets;

/// <summary>The addresses under <c>/secrets</c>.</summary>
internal static class SecretsFeature
{
    private const string Tag = "Secrets";
    private const string Unchanged = "Unchanged since the ETag in `If-None-Match`.";
    private static readonly ErrorCode[] Writing =
        [ErrorCode.SecretNotFound, ErrorCode.SecretUnavailable, ErrorCode.SecretReadOnly, ErrorCode.AuditUnavailable, ErrorCode.ValidationFailed, ErrorCode.JsonInvalid, ErrorCode.PayloadTooLarge, ErrorCode.UnsupportedMediaType];

    public static void MapSecrets(this IEndpointRouteBuilder api, SecretEndpoints secrets)
    {
        api.MapGet("/secrets", secrets.ListAsync)
            .Says("listSecrets", Tag, "List the secrets of a tenant", "Names, age and schedule; values are never answered.")
            .Needs(Permission.SecretsRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor, new ParameterNote("sort", "string", "The order.") { Words = ["name", "-name"], Default = "name" })
            .Gives<PageView<SecretView>>(200, "Secrets by name.").Gives(304, Unchanged)
            .AuditsRead("secret.read", "secret").Fails(ErrorCode.SecretUnavailable);
        api.MapGet("/secrets/{id}", secrets.GetAsync)
            .Says("getSecret", Tag, "Read about a secret")
            .Needs(Permission.SecretsRead)
            .Gives<SecretView>(200, "The secret without its value.").Gives(304, Unchanged)
            .AuditsRead("secret.read", "secret").Fails(ErrorCode.SecretNotFound, ErrorCode.SecretUnavailable);
        api.MapPut("/secrets/{id}", secrets.SetAsync)
            .Says("setSecret", Tag, "Add a secret, or give it another value", "It is kept where it is already, else in the first place of `AF_SECRETS` that takes secrets.")
            .Needs(Permission.SecretsWrite)
            .TakesBody<SecretBody>(true)
            .Gives<SecretView>(201, "Added.").Gives<SecretView>(200, "Replaced.")
            .Audits("secret.set", "secret").Fails(Writing);
        api.MapPost("/secrets/{id}/rotate", secrets.RotateAsync)
            .Says("rotateSecret", Tag, "Give a secret that exists another value")
            .Needs(Permission.SecretsWrite)
            .TakesBody<SecretBody>(true)
            .Gives<SecretView>(200, "Replaced; its schedule begins anew.")
            .Audits("secret.rotate", "secret").Fails(Writing);
        api.MapDelete("/secrets/{id}", secrets.RemoveAsync)
            .Says("removeSecret", Tag, "Remove a secret")
            .Needs(Permission.SecretsWrite)
            .Gives(204, "It is gone.")
            .Audits("secret.remove", "secret").Fails(ErrorCode.SecretNotFound, ErrorCode.SecretUnavailable, ErrorCode.SecretReadOnly, ErrorCode.AuditUnavailable);
    }
}
