using AgentFlow.Contracts.Errors;

namespace AgentFlow.Server.Http;

/// <summary>
/// Audits what is refused, whoever refuses it. A request that is merely malformed decides nothing and is not noted.
/// </summary>
internal sealed class RefusalAudit(RequestDelegate next, AuditRecorder recorder, AnonymousRefusals anonymous)
{
    /// <summary>What the audit calls a refusal where the endpoint has no name for it.</summary>
    public const string Denied = "api.denied";

    public async Task InvokeAsync(HttpContext context)
    {
        var audited = context.GetEndpoint()?.Metadata.GetMetadata<AuditedAction>();
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (ProblemException e) when (Matters(e.Problem, audited))
        {
            string path = context.Request.Path.Value ?? "";
            string action = audited?.Action ?? Denied;
            string resource = audited?.ResourceOf(context) ?? $"path:{(path.Length <= 200 ? path : path[..200])}";
            if (context.Features.Get<Caller>() is { } caller)
            {
                await recorder.RefuseAsync(context, caller.Principal.Tenant, action, resource, e.Problem).ConfigureAwait(false);
            }
            else
            {
                // The tenant that somebody unknown names has no say: the deployment's own gets it.
                await anonymous.RefuseAsync(context, action, resource, e.Problem).ConfigureAwait(false);
            }

            throw;
        }
    }

    private static bool Matters(Problem problem, AuditedAction? audited) => problem.Status switch
    {
        StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden => true,
        StatusCodes.Status404NotFound => audited is not null,
        StatusCodes.Status409Conflict or StatusCodes.Status429TooManyRequests => audited is { IsRead: false },
        _ => false,
    };
}

/// <summary>Audits reads, where they are audited, once it is known who reads.</summary>
/// <param name="isWanted">Whether a tenant's reads are audited.</param>
internal sealed class ReadAudit(RequestDelegate next, AuditRecorder recorder, Func<string, CancellationToken, ValueTask<bool>> isWanted)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<AuditedAction>() is { IsRead: true } read
            && context.Features.Get<Caller>()?.Principal.Tenant is { } tenant
            && await isWanted(tenant, context.RequestAborted).ConfigureAwait(false))
        {
            await recorder.AllowAsync(context, tenant, read.Action, read.ResourceOf(context)).ConfigureAwait(false);
        }

        await next(context).ConfigureAwait(false);
    }
}
