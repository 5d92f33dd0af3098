using System.Collections.Concurrent;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Server.Features.Workflows;

/// <summary>The stored workflow versions, ready to run: by name and version, or the newest of a name.</summary>
/// <param name="isShared">Other processes save versions too: which one is the newest is asked each time.</param>
internal sealed class PublishedWorkflows(ICatalogue catalogue, DefinitionCache definitions, WorkflowLoader loader, TimeProvider clock, bool isShared)
{
    // Hashes, not definitions: how many of those are kept is for the cache to say.
    private readonly ConcurrentDictionary<(string Tenant, string Name, string Version), string> _versions = new();
    private readonly ConcurrentDictionary<(string Tenant, string Name), string> _newest = new();
    private readonly Lock _gate = new();
    private long _saves;

    public ICatalogue Catalogue => catalogue;

    /// <summary>Compiles a source without storing it.</summary>
    public LoadResult Check(WorkflowSource source) => loader.Load(source);

    /// <summary>As <see cref="Check"/>, and warns of workflows that it calls and that there are not.</summary>
    public async ValueTask<LoadResult> CheckAsync(string tenant, WorkflowSource source, CancellationToken cancellationToken)
    {
        LoadResult loaded = Check(source);
        var missing = new List<Diagnostic>();
        foreach (IGrouping<string, WorkflowReference> called in loaded.Workflows.GroupBy(w => w.Name, StringComparer.Ordinal))
        {
            IReadOnlyList<(string Version, string Hash)> published = await catalogue.HashesAsync(tenant, called.Key, cancellationToken).ConfigureAwait(false);
            // A workflow may call itself: this very version is there once it is stored.
            SemanticVersion[] versions = [.. published.Select(p => p.Version).Concat(called.Key == loaded.Definition?.Name ? [loaded.Definition.Version] : []).Distinct(StringComparer.Ordinal).Select(SemanticVersion.Parse)];
            missing.AddRange(called.Select(c => c.Missing(versions)).OfType<Diagnostic>());
        }

        return missing.Count == 0 ? loaded : loaded with { Diagnostics = [.. loaded.Diagnostics.Concat(missing).OrderBy(d => d.Line).ThenBy(d => d.Column)] };
    }

    /// <summary>Stores a compiled version, unless another content stands under it or the tenant may have no more.</summary>
    public async ValueTask<(SaveOutcome Outcome, StoredWorkflow Stored)> SaveAsync(string tenant, WorkflowDefinition definition, CatalogueLimits limits, CancellationToken cancellationToken)
    {
        var stored = new StoredWorkflow(
            definition.Name,
            definition.Version,
            definition.Hash,
            definition.Planner,
            definition.Description,
            definition.Source,
            clock.GetUtcNow().ToUnixTimeMilliseconds());
        SaveOutcome outcome = await catalogue.SaveAsync(tenant, stored, limits, cancellationToken).ConfigureAwait(false);
        if (outcome == SaveOutcome.Created)
        {
            lock (_gate)
            {
                _saves++;
                _newest.TryRemove((tenant, definition.Name), out _);
            }
        }
        else if (outcome == SaveOutcome.Unchanged)
        {
            stored = await catalogue.FindAsync(tenant, definition.Name, definition.Version, cancellationToken).ConfigureAwait(false) ?? stored;
        }

        return (outcome, stored);
    }

    /// <summary>A version, compiled; the newest when none is named; <see langword="null"/> when the tenant has none.</summary>
    /// <exception cref="RunUnreadableException">It does not compile in this build.</exception>
    public ValueTask<WorkflowDefinition?> FindAsync(string tenant, string name, string? version, CancellationToken cancellationToken)
    {
        bool known = version is null
            ? _newest.TryGetValue((tenant, name), out string? hash)
            : _versions.TryGetValue((tenant, name, version), out hash);
        return known ? GetAsync(tenant, hash!, cancellationToken) : LoadAsync(tenant, name, version, cancellationToken);
    }

    private async ValueTask<WorkflowDefinition?> GetAsync(string tenant, string hash, CancellationToken cancellationToken) => await definitions.GetAsync(tenant, hash, cancellationToken).ConfigureAwait(false);

    private async ValueTask<WorkflowDefinition?> LoadAsync(string tenant, string name, string? version, CancellationToken cancellationToken)
    {
        long before = Interlocked.Read(ref _saves);
        if (await catalogue.FindAsync(tenant, name, version, cancellationToken).ConfigureAwait(false) is not { } stored)
        {
            return null;
        }

        WorkflowDefinition definition = await definitions.GetAsync(tenant, stored.Hash, cancellationToken).ConfigureAwait(false);
        _versions[(tenant, name, stored.Version)] = stored.Hash;
        lock (_gate)
        {
            // What was read may have been overtaken by a save in the meantime.
            if (version is null && !isShared && before == _saves)
            {
                _newest[(tenant, name)] = stored.Hash;
            }
        }

        return definition;
    }
}
