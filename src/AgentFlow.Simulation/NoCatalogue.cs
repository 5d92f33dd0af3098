using AgentFlow.Engine.Ports;

namespace AgentFlow.Simulation;

/// <summary>Every definition is in the cache.</summary>
internal sealed class NoCatalogue : ICatalogue
{
    public ValueTask<SaveOutcome> SaveAsync(string tenant, StoredWorkflow workflow, CatalogueLimits limits, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<CatalogueCount> CountAsync(string tenant, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<StoredWorkflow?> FindAsync(string tenant, string name, string? version, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<StoredWorkflow?> FindByHashAsync(string tenant, string hash, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<(string Version, string Hash)>> HashesAsync(string tenant, string name, CancellationToken cancellationToken) => new([]);

    public ValueTask<IReadOnlyList<StoredWorkflow>> VersionsAsync(string tenant, string name, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<StoredWorkflow>> ListAsync(string tenant, CancellationToken cancellationToken) => throw new NotSupportedException();
}
