using AgentFlow.Engine.Definitions;

namespace AgentFlow.Engine.Ports;

/// <summary>Workflow versions, as users wrote them. A stored version never changes; the same content under the same version is the same version.</summary>
public interface ICatalogue
{
    /// <summary>Stores a version.</summary>
    /// <returns>What was there: nothing, the same content, or another content under this version (then nothing is written).</returns>
    ValueTask<SaveOutcome> SaveAsync(string tenant, StoredWorkflow workflow, CancellationToken cancellationToken);

    /// <summary>One version, or the newest (by semantic version) when <paramref name="version"/> is <see langword="null"/>.</summary>
    ValueTask<StoredWorkflow?> FindAsync(string tenant, string name, string? version, CancellationToken cancellationToken);

    /// <summary>By content hash.</summary>
    ValueTask<StoredWorkflow?> FindByHashAsync(string tenant, string hash, CancellationToken cancellationToken);

    /// <summary>All versions of one workflow, newest first; empty when there is none.</summary>
    ValueTask<IReadOnlyList<StoredWorkflow>> VersionsAsync(string tenant, string name, CancellationToken cancellationToken);

    /// <summary>The newest version of each workflow, by name.</summary>
    ValueTask<IReadOnlyList<StoredWorkflow>> ListAsync(string tenant, CancellationToken cancellationToken);
}

public enum SaveOutcome
{
    Created,
    Unchanged,
    Conflict,
}

/// <param name="CreatedAt">Unix milliseconds.</param>
public sealed record StoredWorkflow(string Name, string Version, string Hash, string Planner, string Description, WorkflowSource Source, long CreatedAt);
