using AgentFlow.Engine.Access;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access;

/// <summary>Tells callers who they are here.</summary>
internal static class WhoAmIEndpoint
{
    public static Task HandleAsync(HttpContext context, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        return Reply.JsonAsync(context, StatusCodes.Status200OK, WhoAmIView.Of(Caller.Of(context)), ServerJson.Default.WhoAmIView);
    }
}

/// <summary>Who sends a request, and what they may do.</summary>
/// <param name="Actor">What journals and audits call them.</param>
/// <param name="Kind"><c>built_in</c> (nobody was asked), <c>user</c> or <c>api_key</c>.</param>
/// <param name="Permissions">What may be done, narrowing included.</param>
/// <param name="ExpiresAt">When the credentials of this request end; <see langword="null"/>: never.</param>
public sealed record WhoAmIView(string Actor, string Kind, string Name, string Tenant, IReadOnlyList<string> Roles, IReadOnlyList<string> Permissions, DateTimeOffset? ExpiresAt)
{
    internal static WhoAmIView Of(Principal principal) => new(
        principal.Actor,
        principal.Kind switch
        {
            PrincipalKind.BuiltIn => "built_in",
            PrincipalKind.User => "user",
            PrincipalKind.ApiKey => "api_key",
            PrincipalKind.Agent => "agent",
            _ => "run",
        },
        principal.Name,
        principal.Tenant,
        principal.Roles,
        principal.Permissions.Names,
        principal.ExpiresAt is { } at ? UnixTime.Of(at) : null);
}
