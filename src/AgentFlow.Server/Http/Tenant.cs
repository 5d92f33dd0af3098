using AgentFlow.Engine.Access;
using Microsoft.Extensions.Primitives;

namespace AgentFlow.Server.Http;

/// <summary>
/// The tenant of a request: the caller's. Where nobody is asked who they are, the <c>X-Tenant-ID</c> header names it, and
/// <see cref="Default"/> is meant without one.
/// </summary>
internal static class Tenant
{
    public const string Header = "X-Tenant-ID";

    public const string Default = TenantName.Default;

    /// <summary>What a tenant's name looks like, as a regular expression.</summary>
    public const string Pattern = TenantName.Pattern;

    public static string Of(HttpContext context) => Caller.Of(context).Tenant;

    /// <summary>The tenant that the header names; <see langword="null"/> without one.</summary>
    /// <exception cref="ProblemException">The header stands twice, or its value is no tenant's name.</exception>
    public static string? Named(HttpContext context)
    {
        StringValues values = context.Request.Headers[Header];
        return values.Count switch
        {
            0 => null,
            1 when TenantName.IsValid(values[0]!) => values[0]!,
            1 => throw ProblemException.Parameter(Header, $"must match {Pattern}", "Use 1 to 63 lower-case letters, digits, '_' and '-', beginning with a letter or digit."),
            _ => throw ProblemException.Parameter(Header, "stands more than once", "Send it once."),
        };
    }
}
