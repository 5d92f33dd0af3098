using System.Runtime.CompilerServices;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Scheduling;

/// <summary>Which compiled versions stay in memory. The catalogue has a version for every hash.</summary>
public class DefinitionCacheTests
{
    private const string Tenant = "default";
    private const int MostKept = 3;

    private readonly List<string> _compiled = [];
    private readonly DefinitionCache _cache;

    public DefinitionCacheTests() => _cache = new DefinitionCache(new AnyHash(), Compile, MostKept);

    [Fact]
    public async Task Get_MoreThanAreKept_ForgetsWhatWasUsedLongestAgo()
    {
        await UseAsync("a", "b", "c", "a", "d");
        Assert.Equal(["a", "b", "c", "d"], _compiled);
        Collect();
        await UseAsync("a", "c", "d");
        Assert.Equal(["a", "b", "c", "d"], _compiled);
        await UseAsync("b");
        Assert.Equal(["a", "b", "c", "d", "b"], _compiled);
    }

    [Fact]
    public async Task Get_ForgottenAndHeldBySomebody_IsTheSame()
    {
        WorkflowDefinition held = await _cache.GetAsync(Tenant, "a", CancellationToken.None);
        await UseAsync("b", "c", "d", "e");
        Collect();
        Assert.Same(held, await _cache.GetAsync(Tenant, "a", CancellationToken.None));
        // It counts among those that are kept again, as the one that was used last.
        await UseAsync("f", "g");
        Assert.Single(_compiled, "a");
        GC.KeepAlive(held);
    }

    [Fact]
    public async Task Add_KnownHash_TakesItsPlace()
    {
        await UseAsync("a");
        WorkflowDefinition other = Compile(new WorkflowSource("a", WorkflowAssets.Empty));
        _cache.Add(Tenant, other);
        Assert.Same(other, await _cache.GetAsync(Tenant, "a", CancellationToken.None));
    }

    [Fact]
    public async Task Get_ByManyAtOnce_GivesOne()
    {
        WorkflowDefinition[] got = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(async () => await _cache.GetAsync(Tenant, $"{i % 7}", CancellationToken.None))));
        Assert.Equal(7, got.Distinct().Count());
    }

    // What is asked for here is on nobody's stack afterwards.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task UseAsync(params string[] hashes)
    {
        foreach (string hash in hashes)
        {
            await _cache.GetAsync(Tenant, hash, CancellationToken.None);
        }
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }

    private WorkflowDefinition Compile(WorkflowSource source)
    {
        lock (_compiled)
        {
            _compiled.Add(source.Yaml);
        }

        return new WorkflowDefinition(Graph("g", new Step(Call("a")))) { Name = source.Yaml, Version = "1.0.0", Hash = source.Yaml, Planner = "dag", Source = source };
    }

    private sealed class AnyHash : ICatalogue
    {
        public ValueTask<StoredWorkflow?> FindByHashAsync(string tenant, string hash, CancellationToken cancellationToken) =>
            new(new StoredWorkflow(hash, "1.0.0", hash, "dag", "", new WorkflowSource(hash, WorkflowAssets.Empty), 0));

        public ValueTask<SaveOutcome> SaveAsync(string tenant, StoredWorkflow workflow, CatalogueLimits limits, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<CatalogueCount> CountAsync(string tenant, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<StoredWorkflow?> FindAsync(string tenant, string name, string? version, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<IReadOnlyList<(string Version, string Hash)>> HashesAsync(string tenant, string name, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<IReadOnlyList<StoredWorkflow>> VersionsAsync(string tenant, string name, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<IReadOnlyList<StoredWorkflow>> ListAsync(string tenant, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
