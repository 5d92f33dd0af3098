using System.Globalization;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access.Limits;

/// <summary>
/// Counts the requests of each caller and of each tenant, in this process. Endpoints that are open to anyone are not counted:
/// nobody is asked there whom to count.
/// </summary>
/// <param name="callers">Counts the requests of each caller, but for the areas.</param>
/// <param name="tenants">Counts all requests of each tenant.</param>
/// <param name="areas">Addresses whose callers are counted apart from the rest.</param>
internal sealed class RateLimitMiddleware(RequestDelegate next, RateLimiter? callers, RateLimiter? tenants, IReadOnlyList<RatedArea> areas)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (context.Features.Get<Caller>()?.Principal is { } principal)
        {
            // The tenant first: what it has not got, none of its callers loses.
            RateAnswer? tenant = tenants?.Take(principal.Tenant);
            RateAnswer? caller = tenant is { IsAllowed: false } ? null : CallersOf(context)?.Take(CallerKey(principal));
            if (tenant is { IsAllowed: false } all)
            {
                throw new RateLimitedException(all, "Your tenant sends more requests than it may.");
            }

            if (caller is { IsAllowed: false } own)
            {
                throw new RateLimitedException(own, "You send more requests than you may.");
            }

            if ((tenant, caller) is ({ } a, { } b))
            {
                Show(context, a.Remaining < b.Remaining ? a : b);
            }
            else if ((tenant ?? caller) is { } only)
            {
                Show(context, only);
            }
        }

        return next(context);
    }

    /// <summary>Writes what is left as <c>X-RateLimit-*</c>; the reset in seconds.</summary>
    public static void Show(HttpContext context, RateAnswer answer)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers["X-RateLimit-Limit"] = answer.Limit.ToString(CultureInfo.InvariantCulture);
        headers["X-RateLimit-Remaining"] = answer.Remaining.ToString(CultureInfo.InvariantCulture);
        headers["X-RateLimit-Reset"] = RateLimitedException.Seconds(answer.Reset).ToString(CultureInfo.InvariantCulture);
    }

    private RateLimiter? CallersOf(HttpContext context)
    {
        foreach (RatedArea area in areas)
        {
            if (area.Has(context.Request.Path))
            {
                return area.Callers;
            }
        }

        return callers;
    }

    // A user's keys share the user's rate: more keys are not more requests.
    private static string CallerKey(Principal principal) => $"{principal.Tenant}/{(principal.Owner is { } owner ? Principal.ActorOf(PrincipalKind.User, owner) : principal.Actor)}";
}
