using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Messaging.InProcess;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Features.StressTests.Live;
using AgentFlow.Server.Features.Workflows;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.StressTests;

/// <summary>What stress tests are made of, put together.</summary>
internal sealed class StressTestParts(
    IStressTestStore store, IAgentStore agents, IHumanTaskStore tasks, RunHost host, PublishedWorkflows workflows, DefinitionCache definitions, RunReader reader, TenantQuotas quotas, InProcessBus bus, TimeProvider clock, ILogger log)
    : IHostedService, IAsyncDisposable
{
    private readonly StressEvents _events = new(clock);
    private StressTestRunner? _runner;
    private RunTelling? _telling;

    private StressTestRunner Runner => _runner ??= new StressTestRunner(store, host, workflows, definitions, reader, quotas, _events, clock, log);

    public void Map(IEndpointRouteBuilder api, AuditRecorder audit, UlidFactory ids, IHostApplicationLifetime lifetime)
    {
        var fleets = new StressFleets(agents, host.Agents, quotas, _events, clock);
        api.MapStressTests(
            new SubmissionEndpoints(store, Runner, fleets, host, quotas, _events, audit, ids, clock),
            new ResultEndpoints(store, Runner),
            new DashboardEndpoints(store, agents, tasks, Runner, fleets, clock),
            new StressEventsEndpoint(_events, lifetime, clock));
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _telling = new RunTelling(bus, _events, reader, Runner.FindByRun);
        _telling.Begin();
        return Runner.StartAsync(cancellationToken);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await Runner.StopAsync(cancellationToken).ConfigureAwait(false);
        await DisposeAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (_telling is { } telling)
        {
            _telling = null;
            await telling.DisposeAsync().ConfigureAwait(false);
        }

        _runner?.Dispose();
    }
}
