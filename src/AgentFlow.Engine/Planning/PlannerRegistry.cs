using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Planning;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Planning;

/// <summary>
/// The planners of one host, immutable. Each registration has an instance of its own, made here, and a planner that
/// throws gives an error without touching the others. Safe for concurrent use.
/// </summary>
public sealed class PlannerRegistry
{
    private readonly Registration[] _registrations;

    private sealed record Registration(string Name, SemanticVersion Version, IPlanner Planner);

    /// <param name="factories">One for each planner; called once, now.</param>
    /// <exception cref="ArgumentException">A planner has no name or no semantic version, or two are the same.</exception>
    public PlannerRegistry(params IEnumerable<Func<IPlanner>> factories)
    {
        ArgumentNullException.ThrowIfNull(factories);
        var registrations = new List<Registration>();
        foreach (Func<IPlanner> create in factories)
        {
            IPlanner planner = create();
            if (string.IsNullOrWhiteSpace(planner.Name)) throw new ArgumentException($"{planner.GetType().Name} has no name.", nameof(factories));
            if (!SemanticVersion.TryParse(planner.Version, out SemanticVersion? version))
            {
                throw new ArgumentException($"Planner '{planner.Name}' has the version '{planner.Version}', which is not semantic (MAJOR.MINOR.PATCH).", nameof(factories));
            }

            if (registrations.Any(r => r.Name == planner.Name && r.Version == version))
            {
                throw new ArgumentException($"Planner '{planner.Name}' {version} is registered twice.", nameof(factories));
            }

            if (registrations.Any(r => ReferenceEquals(r.Planner, planner)))
            {
                throw new ArgumentException($"Planner '{planner.Name}' shares its instance with another registration; create one for each.", nameof(factories));
            }

            registrations.Add(new Registration(planner.Name, version, planner));
        }

        _registrations = [.. registrations.OrderBy(r => r.Name, StringComparer.Ordinal).ThenByDescending(r => r.Version)];
    }

    /// <summary>The planners that need nothing from outside.</summary>
    public static PlannerRegistry BuiltIn() => new(static () => new DeterministicPlanner());

    /// <summary>
    /// Those, and two that ask models: <c>llm</c> whichever provider requests without one go to, and <c>claude</c> Anthropic's.
    /// </summary>
    public static PlannerRegistry BuiltIn(IModelInvoker models) =>
        new(static () => new DeterministicPlanner(), () => new ModelPlanner("llm", null, models), () => new ModelPlanner("claude", "anthropic", models));

    /// <summary>Name and version of each, by name and then from the newest.</summary>
    public IEnumerable<(string Name, SemanticVersion Version)> Planners => _registrations.Select(r => (r.Name, r.Version));

    /// <summary>
    /// Plans with the newest planner of the name that the version allows.
    /// </summary>
    /// <param name="version">A semantic version; <see langword="null"/> takes the newest release, or pre-release where there is no other.</param>
    public async ValueTask<PlannerResult> PlanAsync(
        PlanRequest request, string name, string? version = null, VersionMatch match = VersionMatch.Compatible, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (Find(name, version, match) is not { } planner)
        {
            string known = _registrations.Length == 0 ? "none" : string.Join(", ", Planners.Select(p => $"{p.Name} {p.Version}"));
            return new PlannerResult.Error(PlannerError.Of(
                ErrorCode.PlannerNotFound, $"There is no planner '{name}'{(version is null ? "" : $" for version {version}")}. Registered: {known}."));
        }

        try
        {
            return await planner.Planner.PlanAsync(request, cancellationToken).ConfigureAwait(false) ?? throw new InvalidOperationException("The planner returned null.");
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // Foreign code may throw anything; its text may hold anything too, so only the type's name goes out.
            return new PlannerResult.Error(
                PlannerError.Of(ErrorCode.PlannerFailed, $"Planner '{planner.Name}' {planner.Version} broke down with {e.GetType().Name}."), e);
        }
    }

    private Registration? Find(string name, string? version, VersionMatch match)
    {
        IEnumerable<Registration> named = _registrations.Where(r => r.Name == name);
        if (version is null) return named.OrderBy(r => r.Version.PreRelease.Length > 0).FirstOrDefault();
        return SemanticVersion.TryParse(version, out SemanticVersion? wanted) ? named.FirstOrDefault(r => VersionGate.Allows(wanted, r.Version, match)) : null;
    }
}
