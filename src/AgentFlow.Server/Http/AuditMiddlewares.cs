using AgentFlow.Contracts.Errors;

namespace AgentFlow.Server.Http;

/// <summary>
/// Audits what is refused, whoever refuses it. A request that is merely malformed decides nothing and is not noted.
/// </summary>
internal sealed class RefusalAudit(RequestDelegate next, AuditRecorder recorder)
{
    private const string Denied = "api.denied";

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
            await recorder.RefuseAsync(
                context,
                TenantOf(context),
                audited?.Action ?? Denied,
                audited?.ResourceOf(context) ?? $"path:{(path.Length <= 200 ? path : path[..200])}",
                e.Problem).ConfigureAwait(false);
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

    /// <summary>Whose audit it belongs to: that of the caller's tenant. Of somebody unknown, the tenant that they name has no say.</summary>
    private static string TenantOf(HttpContext context) => context.Features.Get<Caller>()?.Principal.Tenant ?? Tenant.Default;
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
