using AgentFlow.Benchmarks.Stores;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Audit;
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

/// <summary>An engine of one process, with the real tools and the real loader.</summary>
internal sealed class Bench : IAsyncDisposable
{
    private static readonly Payload Input = Payload.FromText("""{"message":"hello"}""");

    private readonly HttpTransport _transport = new(new HttpTransportOptions());
    private readonly WorkflowLoader _loader;
    private readonly DefinitionCache _definitions;
    private readonly OpenedStore _store;
    private readonly IPlace? _place;

    private Bench(IPlace? place, OpenedStore store, EngineOptions options, IBus bus)
    {
        TimeProvider clock = TimeProvider.System;
        var tools = new ToolRegistry(BuiltInTools.Define(_transport, new NoModel(), clock), ToolPolicy.GrantAll);
        _loader = new WorkflowLoader(tools, []);
        _definitions = new DefinitionCache(store.Catalogue, source => _loader.Load(source).Definition!);
        _place = place;
        _store = store;
        Host = new RunHost(
            options,
            store.Runs,
            _definitions,
            [new SchemaAdmission(), new PermissionAdmission(), new BudgetAdmission()],
            new StepPerformer(clock),
            bus,
            new UlidFactory(clock, CryptographicRandom.Shared),
            clock,
            NullLogger.Instance);
    }

    public RunHost Host { get; }

    public IRunStore Runs => _store.Runs;

    public IAuditStore Audit => _store.Audit;

    /// <summary>An engine on an empty store of its own.</summary>
    public static async Task<Bench> OpenAsync(IStorage storage)
    {
        IPlace place = await storage.CreateAsync();
        var bench = new Bench(place, await OpenedStore.OpenAsync(place.Address), new EngineOptions(), new InProcessBus());
        await bench.Host.OpenAsync(default);
        return bench;
    }

    /// <summary>An engine on a store that others have or had open too. Nothing happens before <see cref="RunHost.OpenAsync"/>.</summary>
    public static async Task<Bench> AttachAsync(string address, EngineOptions options, IBus? bus = null) =>
        new(null, await OpenedStore.OpenAsync(address), options, bus ?? new InProcessBus());

    /// <summary>Chains what this engine's runs do.</summary>
    public AuditSequencer Sequencer(IAuditWitness witness) => new(
        new AuditOptions(), Audit, Runs, _definitions, witness, AuditKey.Parse(AuditKey.NewPem()), TimeProvider.System, NullLogger.Instance);

    public static string Yaml(string name) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "workflows", name + ".yaml"));

    public static StartRequest Request(WorkflowDefinition definition) => new("default", definition, Input, "bench");

    /// <summary>Makes a definition known that was built here, so that its runs can be taken over.</summary>
    public void Add(WorkflowDefinition definition) => _definitions.Add("default", definition);

    public async Task<WorkflowDefinition> LoadAsync(string name)
    {
        var source = new WorkflowSource(Yaml(name), WorkflowAssets.Empty, name + ".yaml");
        LoadResult loaded = _loader.Load(source);
        WorkflowDefinition definition = loaded.Definition ?? throw new InvalidOperationException(string.Join('\n', loaded.Diagnostics));
        await _store.Catalogue.SaveAsync("default", new StoredWorkflow(definition.Name, definition.Version, definition.Hash, definition.Planner, "", source, 0), default);
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
        IReadOnlyList<StoredFrame> frames = await Runs.ReadFramesAsync("default", await ExecuteAsync(definition), 0, 1_000, default);
        return [.. frames.Select(f => f.Data.ToArray())];
    }

    /// <inheritdoc cref="IPlace.BytesAsync"/>
    public Task<long> BytesAsync() => _place!.BytesAsync();

    public async ValueTask DisposeAsync()
    {
        await Host.StopAsync(TimeSpan.FromSeconds(10));
        await _store.DisposeAsync();
        _transport.Dispose();
        if (_place is not null)
        {
            await _place.DisposeAsync();
        }
    }

    private sealed class NoModel : IModelInvoker
    {
        public ValueTask<ModelAnswer> InvokeAsync(ModelRequest request, CancellationToken cancellationToken) => throw new NotSupportedException("The benchmarks call no model.");
    }
}
