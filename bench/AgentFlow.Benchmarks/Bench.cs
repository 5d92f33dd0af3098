using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Steps;
using AgentFlow.Messaging.InProcess;
using AgentFlow.Storage.Files;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Tools;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentFlow.Benchmarks;

/// <summary>An engine on a SQLite file of its own, with the real tools and the real loader.</summary>
internal sealed class Bench : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("af-bench-").FullName;
    private readonly HttpTransport _transport = new(new HttpTransportOptions());
    private readonly SqliteDatabase _database;
    private readonly WorkflowLoader _loader;
    private readonly SqliteCatalogue _catalogue;
    private readonly DefinitionCache _definitions;

    public Bench(EngineOptions? options = null)
    {
        TimeProvider clock = TimeProvider.System;
        var tools = new ToolRegistry(BuiltInTools.Define(_transport, new NoModel(), clock), ToolPolicy.GrantAll);
        _loader = new WorkflowLoader(tools, []);
        _database = SqliteDatabase.Open(DatabasePath);
        _catalogue = new SqliteCatalogue(_database);
        var store = new SqliteRunStore(_database);
        Store = store;
        _definitions = new DefinitionCache(_catalogue, source => _loader.Load(source).Definition!);
        Audit = new SqliteAuditStore(_database);
        Host = new RunHost(
            options ?? new EngineOptions(),
            store,
            _definitions,
            [new SchemaAdmission(), new PermissionAdmission(), new BudgetAdmission()],
            new StepPerformer(clock),
            new InProcessBus(),
            new UlidFactory(clock, CryptographicRandom.Shared),
            clock,
            NullLogger.Instance);
    }

    public string DatabasePath => Path.Combine(_folder, "bench.db");

    public RunHost Host { get; }

    public IRunStore Store { get; }

    public IAuditStore Audit { get; }

    /// <summary>Chains what this bench's runs do.</summary>
    public AuditSequencer Sequencer() => new(
        new AuditOptions(),
        Audit,
        Store,
        _definitions,
        new FileWitness(Path.Combine(_folder, "witness.jsonl")),
        AuditKey.Parse(AuditKey.NewPem()),
        TimeProvider.System,
        NullLogger.Instance);

    public static string Yaml(string name) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "workflows", name + ".yaml"));

    public async Task<WorkflowDefinition> LoadAsync(string name)
    {
        var source = new WorkflowSource(Yaml(name), WorkflowAssets.Empty, name + ".yaml");
        LoadResult loaded = _loader.Load(source);
        WorkflowDefinition definition = loaded.Definition ?? throw new InvalidOperationException(string.Join('\n', loaded.Diagnostics));
        await _catalogue.SaveAsync("default", new StoredWorkflow(definition.Name, definition.Version, definition.Hash, definition.Planner, "", source, 0), default);
        return definition;
    }

    public async ValueTask DisposeAsync()
    {
        await Host.StopAsync(TimeSpan.FromSeconds(10));
        _database.Dispose();
        _transport.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private sealed class NoModel : IModelInvoker
    {
        public ValueTask<ModelAnswer> InvokeAsync(ModelRequest request, CancellationToken cancellationToken) => throw new NotSupportedException("The benchmarks call no model.");
    }
}
