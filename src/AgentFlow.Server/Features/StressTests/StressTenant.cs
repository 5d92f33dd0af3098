using AgentFlow.Engine.Access;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.StressTests;

/// <summary>
/// The tenant of a stress test's request. Callers that are known have their own. Where nobody is asked who they are, real clients submit
/// with the header and ask for results without: a write without it is <see cref="Default"/>'s, and a read by id finds any tenant's.
/// </summary>
internal static class StressTenant
{
    public const string Default = "stress-test-tenant";

    public static string OfWrite(HttpContext context) => IsNameless(context) ? Default : Tenant.Of(context);

    /// <summary><see langword="null"/>: whichever has it.</summary>
    public static string? OfReadById(HttpContext context) => IsNameless(context) ? null : Tenant.Of(context);

    /// <summary>For events; <see langword="null"/>: those of every tenant.</summary>
    public static string? OfWatch(HttpContext context) => OfReadById(context);

    private static bool IsNameless(HttpContext context) => Caller.Of(context).Kind == PrincipalKind.BuiltIn && Tenant.Named(context) is null;
}
