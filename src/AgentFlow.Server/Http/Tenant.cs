using Microsoft.Extensions.Primitives;

namespace AgentFlow.Server.Http;

/// <summary>The tenant of a request: the <c>X-Tenant-ID</c> header, or <see cref="Default"/> without one.</summary>
internal static class Tenant
{
    public const string Header = "X-Tenant-ID";

    public const string Default = "default";

    /// <summary>What a tenant's name looks like, as a regular expression.</summary>
    public const string Pattern = "^[a-z0-9][a-z0-9_-]{0,62}$";

    private const int MaxLength = 63;

    /// <exception cref="ProblemException">The header stands twice, or its value is no tenant's name.</exception>
    public static string Of(HttpContext context)
    {
        StringValues values = context.Request.Headers[Header];
        return values.Count switch
        {
            0 => Default,
            1 when IsName(values[0]!) => values[0]!,
            1 => throw ProblemException.Parameter(Header, $"must match {Pattern}", "Use 1 to 63 lower-case letters, digits, '_' and '-', beginning with a letter or digit."),
            _ => throw ProblemException.Parameter(Header, "stands more than once", "Send it once."),
        };
    }

    private static bool IsName(string text)
    {
        if (text.Length is 0 or > MaxLength || text[0] is '_' or '-')
        {
            return false;
        }

        foreach (char c in text)
        {
            if (c is not ((>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' or '-'))
            {
                return false;
            }
        }

        return true;
    }
}
