using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Llm;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Scheduling;

/// <summary>Compiled workflow versions by content hash. A definition never changes, so nothing is ever invalidated.</summary>
public sealed class DefinitionCache(ICatalogue catalogue, Func<WorkflowSource, WorkflowDefinition> compile)
{
    private readonly ConcurrentDictionary<(string Tenant, string Hash), WorkflowDefinition> _byHash = new();
    private readonly ConditionalWeakTable<WorkflowDefinition, string> _toolsHashes = [];

    public void Add(string tenant, WorkflowDefinition definition) => _byHash[(tenant, definition.Hash)] = definition;

    /// <exception cref="RunUnreadableException">The version is not in the catalogue, or does not compile any more.</exception>
    public async ValueTask<WorkflowDefinition> GetAsync(string tenant, string hash, CancellationToken cancellationToken)
    {
        if (_byHash.TryGetValue((tenant, hash), out WorkflowDefinition? known))
        {
            return known;
        }

        StoredWorkflow stored = await catalogue.FindByHashAsync(tenant, hash, cancellationToken).ConfigureAwait(false)
            ?? throw new RunUnreadableException($"Workflow version {hash} is not in the catalogue.", null);
        try
        {
            WorkflowDefinition definition = compile(stored.Source);
            return _byHash.GetOrAdd((tenant, hash), definition);
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
}
