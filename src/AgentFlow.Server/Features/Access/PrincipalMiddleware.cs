using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access;

/// <summary>
/// Finds out who calls, and lets nobody pass who may not. What is refused here is refused before anything was looked up, so
/// that the answer says nothing about what there is.
/// </summary>
internal sealed class PrincipalMiddleware(RequestDelegate next, IIdentity identity)
{
    public async Task InvokeAsync(HttpContext context)
    {
        // What is no endpoint of the server's own is the framework's refusal: 404, 405, 415.
        if (context.GetEndpoint() is RouteEndpoint endpoint)
        {
            AccessRule rule = endpoint.Metadata.GetMetadata<AccessRule>()
                ?? throw new ProblemException(ErrorCode.PermissionDenied, "Nobody may call this address: it does not say who may.");
            if (rule.OpenBecause is null)
            {
                Caller caller = await identity.IdentifyAsync(context).ConfigureAwait(false);
                context.Features.Set(caller);
                Hold(caller.Principal, rule);
            }
        }

        await next(context).ConfigureAwait(false);
    }

    private static void Hold(Principal principal, AccessRule rule)
    {
        if (rule.Permission is { } needed && !principal.May(needed))
        {
            string roles = principal.Roles.Count == 0 ? "none" : string.Join(", ", principal.Roles);
            throw new ProblemException(
                ErrorCode.PermissionDenied,
                $"This needs the permission {needed}, which {principal.Actor} (roles: {roles}) does not have. Ask an administrator of your tenant for a role that grants it.");
        }
    }
}

/// <summary>How a server finds out who calls.</summary>
internal interface IIdentity
{
    /// <exception cref="ProblemException">Nobody knows who calls, or they name a tenant that is not theirs.</exception>
    ValueTask<Caller> IdentifyAsync(HttpContext context);
}

/// <summary>Asks nobody: everybody who reaches the server may do everything, in the tenant that they name.</summary>
internal sealed class OpenIdentity : IIdentity
{
    private static readonly Caller Usual = new(Principal.Open(Tenant.Default));

    public ValueTask<Caller> IdentifyAsync(HttpContext context) =>
        new(Tenant.Named(context) is { } tenant && tenant != Tenant.Default ? new Caller(Principal.Open(tenant)) : Usual);
}
