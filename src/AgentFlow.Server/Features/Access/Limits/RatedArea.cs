namespace AgentFlow.Server.Features.Access.Limits;

/// <summary>Addresses whose callers have a rate of their own: what they send there costs them nothing elsewhere, and the other way round.</summary>
/// <param name="Callers"><see langword="null"/>: as many as they like.</param>
/// <param name="Beginnings">How the addresses begin. Routing takes no notice of case, and neither does this.</param>
internal sealed record RatedArea(RateLimiter? Callers, params string[] Beginnings)
{
    /// <summary>The Agent Bridge's addresses.</summary>
    public static readonly string[] Bridge = ["/orchestrator"];

    /// <summary>The stress tests' addresses and their dashboard's.</summary>
    public static readonly string[] StressTests = [AgentFlowApp.ApiBase + "/stress-test", AgentFlowApp.ApiBase + "/aoa"];

    public bool Has(PathString path)
    {
        foreach (string beginning in Beginnings)
        {
            if (path.Value is { } text && text.StartsWith(beginning, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>The rate of an area's callers.</summary>
/// <param name="Limit"><see langword="null"/>: as many as they like.</param>
public readonly record struct AreaRate(RateLimit? Limit);
