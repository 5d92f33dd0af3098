using System.Diagnostics.Metrics;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Planning;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Secrets;
using AgentFlow.Engine.Steps;
using AgentFlow.Messaging.InProcess;
using AgentFlow.Models;
using AgentFlow.Models.Agents;
using AgentFlow.Models.Providers;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Features.Access.Tokens;
using AgentFlow.Server.Features.Activities;
using AgentFlow.Server.Features.Agents;
using AgentFlow.Server.Features.Audit;
using AgentFlow.Server.Features.Bridge;
using AgentFlow.Server.Features.Config;
using AgentFlow.Server.Features.Coordination;
using AgentFlow.Server.Features.Costs;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Features.Health;
using AgentFlow.Server.Features.HumanTasks;
using AgentFlow.Server.Features.Monitoring;
using AgentFlow.Server.Features.Plans;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Features.Secrets;
using AgentFlow.Server.Features.StressTests;
using AgentFlow.Server.Features.StressTests.Chaos;
using AgentFlow.Server.Features.StressTests.Simulation;
using AgentFlow.Server.Features.Tools;
using AgentFlow.Server.Features.Triggers;
using AgentFlow.Server.Features.Workflows;
using AgentFlow.Server.Http;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Tools;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server;

/// <summary>The whole server, put together.</summary>
public static class AgentFlowApp
{
    public const string ApiBase = "/api/v1";

    // Runs that execute elsewhere are seen in the journal only.
    private static readonly TimeSpan SharedPoll = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan AlonePoll = TimeSpan.FromSeconds(3);

    /// <summary>
    /// Builds a server, opening its store. Start it with <c>StartAsync</c> or <c>RunAsync</c>, and dispose it in any case:
    /// that gives the store free.
    /// </summary>
    /// <exception cref="DatabaseLockedException">Another process has the database open.</exception>
    /// <exception cref="SqliteException">The file is no database, or the disk refuses.</exception>
    /// <exception cref="StoreUnavailableException">PostgreSQL does not answer or refuses.</exception>
    /// <exception cref="OptionsException">The options would let strangers in, or the audit key or the file of secrets cannot be used.</exception>
    /// <exception cref="ToolConfigurationException"><see cref="ServerOptions.HttpAllow"/> is malformed.</exception>
    public static async Task<WebApplication> BuildAsync(ServerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        if ((options.AccessProblem() ?? options.TlsProblem()) is { } exposed)
        {
            throw new OptionsException([$"{options.Listen}: {exposed}"]);
        }

        TimeProvider clock = options.Clock;
        var mask = new SecretMask();
        LogLevel level = options.LogLevel;
        ILoggerFactory logs = new MaskedLogs(Logs.To(() => level), mask);
        ILogger log = logs.CreateLogger("AgentFlow");

        var ids = new UlidFactory(clock, CryptographicRandom.Shared);
        var transport = new HttpTransport(new HttpTransportOptions { Allow = options.HttpAllow });
        var providers = new ModelProviders(options.Models, clock);
        var models = new ModelInvoker(providers);
        var custom = new CustomAgentKind(options.AgentTypes, ids, clock);

        var secrets = new SecretKeeping(options.Secrets, options.Store, mask, clock, log);
        var traces = new MaskedTraces(mask);
        OpenStore opened;
        try
        {
            opened = await OpenStore.OpenAsync(options, log, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            secrets.Dispose();
            traces.Dispose();
            throw;
        }

        var activity = new ActivityHub(clock);
        var bridge = new BridgeParts(options, opened, mask, activity, clock, logs.CreateLogger("AgentFlow.Bridge"));
        var tools = new ToolRegistry([.. BuiltInTools.Define(transport, models, clock), bridge.Tool.Define(), .. SimulatedTools.Define()], ToolPolicy.GrantAll);
        var simulated = new SimulatedWorld();
        var policy = new PolicySeam();
        var desk = new HumanTaskDesk(opened.HumanTasks, ids, clock) { Changed = HumanTaskKeeping.Telling(activity) };
        var loader = new WorkflowLoader(tools, [new HumanAgentKind(desk), new LlmAgentKind(models), new RagAgentKind(), new ToolAgentKind(tools), custom, new RemoteAgentKind(bridge.Tool), new SimulatedAgentKind(tools, simulated)], new PlanCache(options.Models.Fingerprint));
        IRunStore store = opened.Runs;
        ICatalogue catalogue = opened.Catalogue;
        var definitions = new DefinitionCache(catalogue, source => Compile(loader, source));
        var bus = new InProcessBus();
        var costs = new CostKeeping(bus, definitions, opened.Costs, clock, log);
        var host = new RunHost(
            new EngineOptions
            {
                Executes = options.Executes && options.Mode != ProcessMode.Control,
                MaxAttempts = options.MaxSteps,
                MaxQueued = options.MaxQueued,
            },
            store,
            definitions,
            [new SchemaAdmission(), new PermissionAdmission(), new BudgetAdmission(), new ApprovalAdmission(), policy],
            new StepPerformer(clock, secrets, mask),
            bus,
            ids,
            clock,
            log)
        {
            Desk = desk,
            Approver = policy,
            Agents = new AgentPolicies(opened.Agents, clock),
        };
        simulated.Host = host;
        var config = new ConfigBook(opened.Config, options, clock, log, changed =>
        {
            level = changed.LogLevel;
            host.MaxQueued = changed.MaxQueued;
        });
        activity.Watching = new RunActivity(bus, activity).Watch;
        var recorder = new AuditRecorder(host, mask, clock, log, options.Audit.IsOn, new AuditActivity(activity).Tell);

        var principals = new Principals(opened.Access, clock);
        var tokens = new TokenParts(options, opened.Tokens, ids, clock, logs.CreateLogger("AgentFlow.Access"));
        bool asks = options.Access == AccessMode.Required && options.Mode != ProcessMode.Data;
        IIdentity identity = options.Access == AccessMode.Required ? new BearerIdentity(principals, tokens.Validator) : new OpenIdentity();

        var quotas = new TenantQuotas(opened.Quotas, options.Quotas, options.Store.IsShared, clock, logs.CreateLogger("AgentFlow.Access"));
        var workflows = new PublishedWorkflows(catalogue, definitions, loader, clock, isShared: options.Store.IsShared);
        var starts = new TriggerStarts(workflows, host, config, quotas, mask);
        var people = new HumanTaskKeeping(opened.HumanTasks, desk, host, clock, log);
        var reader = new RunReader(store, definitions);
        var stress = new StressTestParts(opened.StressTests, opened.Agents, opened.HumanTasks, host, workflows, definitions, reader, quotas, bus, clock, logs.CreateLogger("AgentFlow.StressTests"));
        var latencies = new EndpointLatencies(clock);
        MonitoringKeeping? monitoring = null;
        AuditKeeping? audit = null;
        HostedEngine? engine = null;
        WebApplication app;
        try
        {
            if (asks)
            {
                await FirstAdmin.EnsureAsync(opened.Access, ids, clock, options.Credentials, cancellationToken).ConfigureAwait(false);
            }

            // Processes that only execute leave the chaining to those that serve, which have the key.
            audit = options.Audit.IsOn && options.Mode != ProcessMode.Data ? new AuditKeeping(options, opened, definitions, clock, log) : null;
            // Those that only execute serve no agents, and have no alerts of their own.
            monitoring = options.Mode != ProcessMode.Data ? new MonitoringKeeping(options.Alerts, opened, latencies, activity, ids, clock, log) : null;
            engine = new HostedEngine(host, custom, providers, transport, opened, audit, config, secrets, traces, activity, monitoring, costs, log, options.ShutdownTimeout);
            app = WebHost.Build(options, logs, engine, [.. asks ? [tokens.Upkeep] : Array.Empty<IHostedService>(), .. bridge.Upkeep(host, secrets, transport), people, .. options.Mode == ProcessMode.Data ? Array.Empty<IHostedService>() : [stress, new ScheduleKeeping(opened.Triggers, starts, clock, log)]], identity, recorder, config, latencies, clock);
        }
        catch
        {
            tokens.Dispose();
            bridge.Dispose();
            engine ??= new HostedEngine(host, custom, providers, transport, opened, audit, config, secrets, traces, activity, monitoring, costs, log, options.ShutdownTimeout);
            await engine.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        // Answers under way may take their time; runs are handed over meanwhile.
        app.Lifetime.ApplicationStopping.Register(host.Drain);
        app.Lifetime.ApplicationStopped.Register(tokens.Dispose);
        app.Lifetime.ApplicationStopped.Register(bridge.Dispose);
        bridge.ListensAt(app);
        app.MapHealth(new HealthEndpoints(host, store, app.Lifetime));
        app.MapBridgeHealth(new Health(latencies, opened.Presence, clock));
        ServerMeter.Create(app.Services.GetRequiredService<IMeterFactory>(), host, activity, monitoring?.Watch);
        var metrics = new PrometheusMetrics(app.Services.GetRequiredService<IMeterFactory>());
        app.Lifetime.ApplicationStopped.Register(metrics.Dispose);
        app.MapPrometheus(metrics);
        if (Telemetry.Begin(options.Given) is { } telemetry)
        {
            app.Lifetime.ApplicationStopped.Register(telemetry.Dispose);
        }

        if (options.Mode == ProcessMode.Data)
        {
            app.RequireRules();
            WebHost.Announce(app, options, log);
            return app;
        }

        var streams = new RunStreams(reader, bus, clock) { PollInterval = options.Store.IsShared ? SharedPoll : AlonePoll };
        RouteGroupBuilder api = app.MapGroup(ApiBase);
        api.MapWorkflows(new WorkflowEndpoints(workflows, definitions, quotas, recorder, new TriggerBook(opened.Triggers, workflows, clock)), new ExecuteEndpoint(host, workflows, reader, recorder, config, quotas, costs, mask, app.Lifetime), new RunEndpoints(reader));
        api.MapRuns(new RunEndpoints(reader), new CommandEndpoints(host, reader, ids, recorder, mask), new PlanModifier(host, reader, ids, recorder, mask, clock), new StreamEndpoint(reader, streams, app.Lifetime, clock));
        api.MapCosts(new EstimateEndpoints(costs, workflows, reader));
        api.MapHumanTasks(new HumanTaskEndpoints(opened.HumanTasks, desk, people, recorder, mask, clock));
        api.MapTriggers(new ScheduleEndpoints(opened.Triggers, starts, recorder, clock), new WebhookEndpoint(opened.Triggers, starts, secrets, recorder, clock));
        api.MapCoordination(new CoordinationEndpoints(store));
        api.MapTools(new ToolEndpoints(tools));
        api.MapPlans(new PlanEndpoints(PlannerRegistry.BuiltIn(models), tools, log));
        var passwords = new PasswordLogin(opened.Access);
        app.Lifetime.ApplicationStopped.Register(passwords.Dispose);
        api.MapAccess(
            new UserEndpoints(principals, passwords, recorder, ids, clock, new Logouts(opened.Tokens, tokens.Revocations, clock).EndAsync),
            new RoleEndpoints(principals, recorder),
            new KeyEndpoints(principals, recorder, ids, clock),
            new TenantEndpoints(principals, passwords, recorder, ids, clock),
            new QuotaEndpoints(quotas, opened.Access, catalogue, recorder));
        api.MapAlerts(new AlertEndpoints(monitoring!.Watch, opened.Alerts, options.Alerts, recorder, ids, clock));
        api.MapLatencies(latencies);
        api.MapActivity(new ActivityEndpoint(activity, app.Lifetime, clock));
        app.MapTokens(api, new TokenEndpoints(passwords, principals, opened.Tokens, tokens.Issuer, tokens.Keys, tokens.Revocations, tokens.Validator, recorder, clock, options.Tokens.RefreshLifetime), new SigningKeyEndpoints(tokens.Keys, recorder));
        api.MapAudit(new AuditEndpoints(opened.Audit, audit?.Inspector, recorder));
        var agentActivity = new AgentActivity(activity);
        api.MapAgents(new Features.Agents.AgentEndpoints(opened.Agents, opened.Metrics, recorder, agentActivity, clock, quotas), new AgentImport(opened.Agents, recorder, agentActivity, clock, quotas));
        api.MapMetrics(new MetricEndpoints(opened.Agents, opened.Metrics, agentActivity, ids, clock));
        api.MapEvents(new EventEndpoints(opened.Agents, opened.Audit, audit?.Inspector, recorder, agentActivity, clock));
        api.MapConfig(new ConfigEndpoints(config, recorder, app.Lifetime));
        stress.Map(api, recorder, ids, app.Lifetime);
        api.MapSecrets(new SecretEndpoints(secrets, recorder, clock));
        app.MapBridge(bridge, workflows, host, secrets, transport, config, recorder, ids, quotas);
        app.MapDocs();
        app.RequireRules();
        WebHost.Announce(app, options, log);
        return app;
    }

    /// <summary>A stored version compiled before; what stops it now goes to whoever needs it.</summary>
    private static WorkflowDefinition Compile(WorkflowLoader loader, WorkflowSource source)
    {
        LoadResult loaded = loader.Load(source, isStored: true);
        return loaded.Definition ?? throw new FormatException(loaded.Diagnostics.First(d => d.IsError).ToString());
    }
}
