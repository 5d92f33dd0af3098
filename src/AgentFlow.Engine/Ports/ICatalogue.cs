using AgentFlow.Engine.Definitions;

namespace AgentFlow.Engine.Ports;

/// <summary>Workflow versions, as users wrote them. A stored version never changes; the same content under the same version is the same version.</summary>
public interface ICatalogue
{
    /// <summary>Stores a version.</summary>
    /// <param name="limits">How many the tenant may have with this one. Exact, whoever else saves at the same time.</param>
    /// <returns>What was there: nothing, the same content, or another content under this version (then nothing is written).</returns>
    ValueTask<SaveOutcome> SaveAsync(string tenant, StoredWorkflow workflow, CatalogueLimits limits, CancellationToken cancellationToken);

    /// <summary>How many names and versions the tenant has.</summary>
    ValueTask<CatalogueCount> CountAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>One version, or the newest (by semantic version) when <paramref name="version"/> is <see langword="null"/>.</summary>
    ValueTask<StoredWorkflow?> FindAsync(string tenant, string name, string? version, CancellationToken cancellationToken);

    /// <summary>By content hash.</summary>
    ValueTask<StoredWorkflow?> FindByHashAsync(string tenant, string hash, CancellationToken cancellationToken);

    /// <summary>The versions of one workflow with the hashes of their content, in no order; empty when there is none.</summary>
    ValueTask<IReadOnlyList<(string Version, string Hash)>> HashesAsync(string tenant, string name, CancellationToken cancellationToken);

    /// <summary>All versions of one workflow, newest first; empty when there is none.</summary>
    ValueTask<IReadOnlyList<StoredWorkflow>> VersionsAsync(string tenant, string name, CancellationToken cancellationToken);

    /// <summary>The newest version of each workflow, by name.</summary>
    ValueTask<IReadOnlyList<StoredWorkflow>> ListAsync(string tenant, CancellationToken cancellationToken);
}

public static class UnlimitedCatalogue
{
    /// <summary>Stores a version, however many the tenant has.</summary>
    public static ValueTask<SaveOutcome> SaveAsync(this ICatalogue catalogue, string tenant, StoredWorkflow workflow, CancellationToken cancellationToken) =>
        catalogue.SaveAsync(tenant, workflow, CatalogueLimits.None, cancellationToken);
}

public enum SaveOutcome
{
    Created,
    Unchanged,
    Conflict,

    /// <summary>The tenant may have no further name: nothing was written.</summary>
    TooManyNames,

    /// <summary>The tenant may have no further version: nothing was written.</summary>
    TooManyVersions,
}

/// <param name="Names"><see langword="null"/>: any number.</param>
/// <param name="Versions">Of all names together; <see langword="null"/>: any number.</param>
public readonly record struct CatalogueLimits(long? Names = null, long? Versions = null)
{
    public static CatalogueLimits None => default;

    /// <summary>Why one more is too many; <see langword="null"/> when it is not.</summary>
    /// <param name="isNewName">Whether the workflow has no version yet.</param>
    public SaveOutcome? Refusal(CatalogueCount count, bool isNewName) =>
        isNewName && count.Names >= Names ? SaveOutcome.TooManyNames
        : count.Versions >= Versions ? SaveOutcome.TooManyVersions
        : null;
}

public readonly record struct CatalogueCount(long Names, long Versions);

/// <param name="CreatedAt">Unix milliseconds.</param>
public sealed record StoredWorkflow(string Name, string Version, string Hash, string Planner, string Description, WorkflowSource Source, long CreatedAt);
