using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Simulation;

/// <summary>A catalogue whose definitions are all in the cache.</summary>
/// <param name="published">What steps may name.</param>
internal sealed class CachedCatalogue(IReadOnlyList<WorkflowDefinition> published) : ICatalogue
{
    public ValueTask<SaveOutcome> SaveAsync(string tenant, StoredWorkflow workflow, CatalogueLimits limits, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<CatalogueCount> CountAsync(string tenant, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<StoredWorkflow?> FindAsync(string tenant, string name, string? version, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<StoredWorkflow?> FindByHashAsync(string tenant, string hash, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<(string Version, string Hash)>> HashesAsync(string tenant, string name, CancellationToken cancellationToken) =>
        new([.. published.Where(d => d.Name == name).Select(d => (d.Version, d.Hash))]);

    public ValueTask<IReadOnlyList<StoredWorkflow>> VersionsAsync(string tenant, string name, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<StoredWorkflow>> ListAsync(string tenant, CancellationToken cancellationToken) => throw new NotSupportedException();
}
