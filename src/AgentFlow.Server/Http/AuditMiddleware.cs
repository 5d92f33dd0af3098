using AgentFlow.Contracts.Errors;

namespace AgentFlow.Server.Http;

/// <summary>
/// Audits what is refused, whoever refuses it, and reads when they are audited. A request that is merely malformed decides
/// nothing and is not noted.
/// </summary>
/// <param name="reads">Whether a tenant's reads are audited.</param>
internal sealed class AuditMiddleware(RequestDelegate next, AuditRecorder recorder, Func<string, CancellationToken, ValueTask<bool>> reads)
{
    private const string Denied = "api.denied";

    public async Task InvokeAsync(HttpContext context)
    {
        var audited = context.GetEndpoint()?.Metadata.GetMetadata<AuditedAction>();
        try
        {
            if (audited is { IsRead: true } && await reads(Tenant.Of(context), context.RequestAborted).ConfigureAwait(false))
            {
                await recorder.AllowAsync(context, Tenant.Of(context), audited.Action, audited.ResourceOf(context)).ConfigureAwait(false);
            }

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

    /// <summary>Somebody who is turned away may have sent anything as their tenant.</summary>
    private static string TenantOf(HttpContext context)
    {
        try
        {
            return Tenant.Of(context);
        }
        catch (ProblemException)
        {
            return Tenant.Default;
        }
    }
}
