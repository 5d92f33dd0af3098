using AgentFlow.Engine.Ports;

namespace AgentFlow.Simulation;

/// <summary>Every definition is in the cache.</summary>
/// <param name="published">What steps that are done by other runs find under a name.</param>
internal sealed class NoCatalogue(Func<string, (string Version, string Hash)?>? published = null) : ICatalogue
{
    public ValueTask<SaveOutcome> SaveAsync(string tenant, StoredWorkflow workflow, CatalogueLimits limits, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<CatalogueCount> CountAsync(string tenant, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<StoredWorkflow?> FindAsync(string tenant, string name, string? version, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<StoredWorkflow?> FindByHashAsync(string tenant, string hash, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<(string Version, string Hash)>> HashesAsync(string tenant, string name, CancellationToken cancellationToken) =>
        new(published?.Invoke(name) is { } version ? [version] : []);

    public ValueTask<IReadOnlyList<StoredWorkflow>> VersionsAsync(string tenant, string name, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<IReadOnlyList<StoredWorkflow>> ListAsync(string tenant, CancellationToken cancellationToken) => throw new NotSupportedException();
}
