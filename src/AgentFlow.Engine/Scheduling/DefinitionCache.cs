using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading.Parts;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Llm;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Engine.Scheduling;

/// <summary>Compiled workflow versions by content hash. A definition never changes, so nothing is ever invalidated.</summary>
public sealed class DefinitionCache(ICatalogue catalogue, Func<WorkflowSource, WorkflowDefinition> compile)
{
    private readonly ConcurrentDictionary<(string Tenant, string Hash), WorkflowDefinition> _byHash = new();
    private readonly ConditionalWeakTable<WorkflowDefinition, string> _toolsHashes = [];

    private readonly ConditionalWeakTable<WorkflowDefinition, Func<ReadOnlyMemory<byte>, string?>> _inputs = [];

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

    /// <summary>Says what is wrong with an input of a workflow, or <see langword="null"/>.</summary>
    public string? InputProblem(WorkflowDefinition definition, Payload input) => _inputs.GetValue(definition, static d =>
    {
        if (d.InputSchema is not { } schema)
        {
            return static utf8 => utf8.Span.TrimStart(" \t\r\n"u8) is [(byte)'{', ..] ? null : "it is not an object";
        }

        return JsonSchema.TryCompile(schema, out JsonSchema? compiled, out IReadOnlyList<SchemaError> errors)
            ? utf8 => ToolSchemas.Describe(compiled.Validate(utf8))
            : _ => $"the schema is not valid: {errors[0]}";
    })(input.Utf8);

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
