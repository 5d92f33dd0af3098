using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Models.Providers;
using AgentFlow.Server.Features.Activities;
using AgentFlow.Server.Features.Audit;
using AgentFlow.Server.Features.Config;
using AgentFlow.Server.Features.Costs;
using AgentFlow.Server.Features.Monitoring;
using AgentFlow.Server.Features.Secrets;
using AgentFlow.Tools;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server;

/// <summary>
/// The life of everything behind the endpoints. The web host starts it before it listens and stops it after the last
/// answer; disposing lets go of the database whether or not it was ever started.
/// </summary>
internal sealed partial class HostedEngine(
    RunHost host,
    CustomAgentKind agents,
    ModelProviders models,
    HttpTransport transport,
    OpenStore store,
    AuditKeeping? audit,
    ConfigBook config,
    SecretKeeping secrets,
    MaskedTraces traces,
    ActivityHub activity,
    MonitoringKeeping? monitoring,
    CostKeeping costs,
    ILogger log,
    TimeSpan grace) : IHostedService, IAsyncDisposable
{
    private static readonly TimeSpan HandOverTime = TimeSpan.FromSeconds(5);

    public OpenStore Store => store;

    public ActivityHub Activity => activity;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await host.OpenAsync(cancellationToken).ConfigureAwait(false);
        audit?.Begin();
        monitoring?.Watch.Begin();
        costs.Begin();
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await host.StopAsync(grace).ConfigureAwait(false);
        if (audit is not null)
        {
            try
            {
                await audit.StopAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // Whoever comes next chains what is left.
                ChainLeft(log);
            }
        }

        await costs.DisposeAsync().ConfigureAwait(false);
        // They would go on asking a store that is given back.
        if (monitoring is not null)
        {
            await monitoring.DisposeAsync().ConfigureAwait(false);
        }

        await config.DisposeAsync().ConfigureAwait(false);
        // However long the rest has taken: without it others wait for the lease to run out.
        using var limit = new CancellationTokenSource(HandOverTime);
        try
        {
            await Store.HandOverAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Whoever shares the store takes over when the lease has run out.
            HandOverFailed(log, e.Message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync().ConfigureAwait(false);
        await costs.DisposeAsync().ConfigureAwait(false);
        if (audit is not null)
        {
            await audit.DisposeAsync().ConfigureAwait(false);
        }

        if (monitoring is not null)
        {
            await monitoring.DisposeAsync().ConfigureAwait(false);
        }

        await config.DisposeAsync().ConfigureAwait(false);
        await agents.DisposeAsync().ConfigureAwait(false);
        models.Dispose();
        secrets.Dispose();
        traces.Dispose();
        activity.Dispose();
        transport.Dispose();
        await Store.DisposeAsync().ConfigureAwait(false);
    }

    [LoggerMessage(2, LogLevel.Warning, "The audit of this process was not chained to its end in the time to stop; the next process does that")]
    private static partial void ChainLeft(ILogger logger);

    [LoggerMessage(1, LogLevel.Warning, "The runs of this process were not handed over; others continue them when its lease has run out. {Reason}")]
    private static partial void HandOverFailed(ILogger logger, string reason);
}
