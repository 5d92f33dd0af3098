namespace AgentFlow.Engine.Ports;

/// <summary>What tenants have set, by version: each change makes one, and nothing is ever overwritten.</summary>
public interface IConfigStore
{
    /// <summary>What holds now; version 0 when nothing was ever set.</summary>
    ValueTask<ConfigState> ReadAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Adds a version. Durable when it returns.</summary>
    /// <returns>False when the tenant has that version already: nothing was written.</returns>
    ValueTask<bool> AppendAsync(string tenant, ConfigVersion version, CancellationToken cancellationToken);

    /// <summary>Versions below <paramref name="before"/>, newest first.</summary>
    ValueTask<IReadOnlyList<ConfigVersion>> HistoryAsync(string tenant, long before, int max, CancellationToken cancellationToken);

    /// <summary>The newest version of every tenant that has one.</summary>
    ValueTask<IReadOnlyDictionary<string, long>> VersionsAsync(CancellationToken cancellationToken);
}

/// <param name="Values">By setting and, where one workflow alone is meant, its name; an empty workflow means all.</param>
public sealed record ConfigState(long Version, IReadOnlyDictionary<ConfigKey, string> Values)
{
    public static ConfigState Empty { get; } = new(0, new Dictionary<ConfigKey, string>());
}

/// <param name="Setting">Its name in the environment, <c>AF_…</c>.</param>
public readonly record struct ConfigKey(string Setting, string Workflow);

/// <summary>One change of one or more values.</summary>
/// <param name="Version">From 1 without gaps.</param>
/// <param name="At">Unix milliseconds.</param>
/// <param name="RollbackTo">The version whose values hold again; <see langword="null"/> for an ordinary change.</param>
public sealed record ConfigVersion(long Version, long At, string Actor, long? RollbackTo, IReadOnlyList<ConfigChange> Changes);

/// <param name="From"><see langword="null"/>: it was not set.</param>
/// <param name="To"><see langword="null"/>: it is not set any more.</param>
public sealed record ConfigChange(ConfigKey Key, string? From, string? To);
