using AgentFlow.Benchmarks.Stores;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Steps;
using AgentFlow.Messaging.InProcess;
using AgentFlow.Tools;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentFlow.Benchmarks;

/// <summary>An engine on a store of its own, with the real tools and the real loader.</summary>
internal sealed class Bench : IAsyncDisposable
{
    private static readonly Payload Input = Payload.FromText("""{"message":"hello"}""");

    private readonly HttpTransport _transport = new(new HttpTransportOptions());
    private readonly WorkflowLoader _loader;

    private Bench(IBenchStore store, EngineOptions options)
    {
        TimeProvider clock = TimeProvider.System;
        var tools = new ToolRegistry(BuiltInTools.Define(_transport, new NoModel(), clock), ToolPolicy.GrantAll);
        _loader = new WorkflowLoader(tools, []);
        Store = store;
        Runs = new TimedRunStore(store.Runs);
        Host = new RunHost(
            options,
            Runs,
            new DefinitionCache(store.Catalogue, source => _loader.Load(source).Definition!),
            [new SchemaAdmission(), new PermissionAdmission(), new BudgetAdmission()],
            new StepPerformer(clock),
            new InProcessBus(),
            new UlidFactory(clock, CryptographicRandom.Shared),
            clock,
            NullLogger.Instance);
    }

    public RunHost Host { get; }

    public IBenchStore Store { get; }

    /// <summary>The store as the engine sees it.</summary>
    public TimedRunStore Runs { get; }

    public static async Task<Bench> OpenAsync(IStorage storage, EngineOptions? options = null) => new(await storage.OpenAsync(), options ?? new EngineOptions());

    public static string Yaml(string name) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "workflows", name + ".yaml"));

    public static StartRequest Request(WorkflowDefinition definition) => new("default", definition, Input, "bench");

    public async Task<WorkflowDefinition> LoadAsync(string name)
    {
        var source = new WorkflowSource(Yaml(name), WorkflowAssets.Empty, name + ".yaml");
        LoadResult loaded = _loader.Load(source);
        WorkflowDefinition definition = loaded.Definition ?? throw new InvalidOperationException(string.Join('\n', loaded.Diagnostics));
        await Store.Catalogue.SaveAsync("default", new StoredWorkflow(definition.Name, definition.Version, definition.Hash, definition.Planner, "", source, 0), default);
        return definition;
    }

    /// <summary>A run from its start to its end.</summary>
    public async Task<Ulid> ExecuteAsync(WorkflowDefinition definition)
    {
        (StartOutcome start, RunEnd end) = await Host.ExecuteAsync(Request(definition), default);
        return end.Status == RunStatus.Completed ? start.Run : throw new InvalidOperationException(end.ToString());
    }

    /// <summary>The frames that a run of this workflow leaves, in order.</summary>
    public async Task<byte[][]> FramesAsync(WorkflowDefinition definition)
    {
        IReadOnlyList<StoredFrame> frames = await Store.Runs.ReadFramesAsync("default", await ExecuteAsync(definition), 0, 1_000, default);
        return [.. frames.Select(f => f.Data.ToArray())];
    }

    public async ValueTask DisposeAsync()
    {
        await Host.StopAsync(TimeSpan.FromSeconds(10));
        await Store.DisposeAsync();
        _transport.Dispose();
    }

    private sealed class NoModel : IModelInvoker
    {
        public ValueTask<ModelAnswer> InvokeAsync(ModelRequest request, CancellationToken cancellationToken) => throw new NotSupportedException("The benchmarks call no model.");
    }
}
