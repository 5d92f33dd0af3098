using AgentFlow.Farm.Platform;

namespace AgentFlow.Farm.Http;

/// <summary>
/// Which platforms callers may have tested. Whoever may name an address makes this machine send requests to it, so a FARM
/// that others can reach tests only what its operator named.
/// </summary>
/// <param name="allowed">Hosts, each with a port or for all ports; <see langword="null"/>: any.</param>
public sealed class TargetRule(IReadOnlyCollection<string>? allowed)
{
    /// <returns>Why not; <see langword="null"/> when the target may be tested.</returns>
    public string? Refuses(Target target)
    {
        ArgumentNullException.ThrowIfNull(target);
        return allowed is null || allowed.Any(a => a.Equals(target.Address.Host, StringComparison.OrdinalIgnoreCase) || a.Equals(target.Address.Authority, StringComparison.OrdinalIgnoreCase))
            ? null
            : $"target_url names {target.Address.Authority}, which this FARM may not test. Its operator allows targets with --allow-target.";
    }
}
