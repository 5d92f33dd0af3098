using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Llm;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Scheduling;

/// <summary>
/// Compiled workflow versions by content hash. A definition never changes, so nothing is ever invalidated; those that were used last
/// are kept (<see cref="MostKept"/>), others are forgotten once nobody holds them. As long as anybody does (a run, an estimate), it is
/// the one that everybody gets. Safe for concurrent use.
/// </summary>
/// <param name="mostKept">Versions that are kept although nobody holds them.</param>
public sealed class DefinitionCache(ICatalogue catalogue, Func<WorkflowSource, WorkflowDefinition> compile, int mostKept = DefinitionCache.MostKept)
{
    /// <summary>The shipped templates take 70 to 400 KiB each when they are compiled: so many take at most some 100 MB.</summary>
    public const int MostKept = 256;

    private readonly ConcurrentDictionary<(string Tenant, string Hash), Entry> _byHash = new();
    private readonly Lock _gate = new();
    private long _uses;
    private readonly ConditionalWeakTable<WorkflowDefinition, string> _toolsHashes = [];

    /// <summary>The highest published version that fits; otherwise why there is none, in words for the workflow's author.</summary>
    /// <exception cref="RunUnreadableException">It does not compile any more.</exception>
    public async ValueTask<(WorkflowDefinition? Definition, string? Problem)> FindAsync(string tenant, string name, VersionRange range, CancellationToken cancellationToken)
    {
        IReadOnlyList<(string Version, string Hash)> published = await catalogue.HashesAsync(tenant, name, cancellationToken).ConfigureAwait(false);
        if (published.Count == 0)
        {
            return (null, $"There is no workflow '{name}'. Publish it, or correct the name.");
        }

        var versions = published.Select(p => (Version: SemanticVersion.Parse(p.Version), p.Hash)).ToList();
        return range.Best(versions.Select(v => v.Version)) is { } best
            ? (await GetAsync(tenant, versions.First(v => v.Version == best).Hash, cancellationToken).ConfigureAwait(false), null)
            : (null, $"No version of workflow '{name}' fits '{range}': there is {string.Join(", ", versions.OrderByDescending(v => v.Version).Take(5).Select(v => v.Version))}{(versions.Count > 5 ? ", …" : "")}. Publish one that does, or widen the range.");
    }

    /// <summary>Makes a version known that was compiled elsewhere, in the place of what was known under its hash.</summary>
    public void Add(string tenant, WorkflowDefinition definition)
    {
        lock (_gate)
        {
            Keep((tenant, definition.Hash), definition);
        }
    }

    /// <exception cref="RunUnreadableException">The version is not in the catalogue, or does not compile any more.</exception>
    public async ValueTask<WorkflowDefinition> GetAsync(string tenant, string hash, CancellationToken cancellationToken)
    {
        if (Known((tenant, hash)) is { } known)
        {
            return known;
        }

        StoredWorkflow stored = await catalogue.FindByHashAsync(tenant, hash, cancellationToken).ConfigureAwait(false)
            ?? throw new RunUnreadableException($"Workflow version {hash} is not in the catalogue.", null);
        try
        {
            WorkflowDefinition definition = compile(stored.Source);
            lock (_gate)
            {
                // Somebody else may have compiled it meanwhile.
                return Known((tenant, hash)) ?? Keep((tenant, hash), definition);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new RunUnreadableException($"Workflow {stored.Name} {stored.Version} does not compile any more: {e.Message}", e);
        }
    }

    /// <summary>Hex SHA-256 over id and version of every tool contract that the definition calls or lets a plan call, in ordinal order.</summary>
    public string ToolsHash(WorkflowDefinition definition) => _toolsHashes.GetValue(definition, static d =>
    {
        IEnumerable<string> called = d.Nodes.OfType<CallNode>().Select(c => $"{c.Tool.Contract.Id}@{c.Tool.Contract.Version}");
        IEnumerable<string> allowed = d.Nodes.OfType<LlmNode>().SelectMany(n => n.Calls.Values).Select(c => $"{c.Skill.Id}@{c.Version}");
        IEnumerable<string> contracts = called.Concat(allowed).Distinct().Order(StringComparer.Ordinal);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', contracts))));
    });

    private WorkflowDefinition? Known((string Tenant, string Hash) key)
    {
        if (!_byHash.TryGetValue(key, out Entry? entry) || entry.Definition is not { } definition)
        {
            return null;
        }

        entry.Used = Interlocked.Increment(ref _uses);
        if (!entry.IsKept)
        {
            lock (_gate)
            {
                Keep(key, definition);
            }
        }

        return definition;
    }

    /// <summary>Keeps a definition, and lets go what was used longest ago. Under the lock.</summary>
    private WorkflowDefinition Keep((string Tenant, string Hash) key, WorkflowDefinition definition)
    {
        if (_byHash.TryGetValue(key, out Entry? known) && known.Definition == definition)
        {
            known.Keep(definition);
        }
        else
        {
            _byHash[key] = new Entry(definition, Interlocked.Increment(ref _uses));
        }

        List<Entry> kept = [];
        foreach ((var at, Entry entry) in _byHash)
        {
            if (entry.IsKept)
            {
                kept.Add(entry);
            }
            else if (entry.Definition is null)
            {
                _byHash.TryRemove(at, out _);
            }
        }

        if (kept.Count > mostKept)
        {
            kept.MinBy(e => e.Used)!.LetGo();
        }

        return definition;
    }

    private sealed class Entry(WorkflowDefinition definition, long used)
    {
        private readonly WeakReference<WorkflowDefinition> _anybodys = new(definition);
        private volatile WorkflowDefinition? _kept = definition;

        /// <summary><see langword="null"/>: nobody holds it any more.</summary>
        public WorkflowDefinition? Definition => _kept ?? (_anybodys.TryGetTarget(out WorkflowDefinition? held) ? held : null);

        public bool IsKept => _kept is not null;

        /// <summary>Greater than that of all that were used before.</summary>
        public long Used { get; set; } = used;

        public void Keep(WorkflowDefinition definition) => _kept = definition;

        public void LetGo() => _kept = null;
    }
}
