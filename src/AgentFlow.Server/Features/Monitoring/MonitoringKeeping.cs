using AgentFlow.Contracts.Ids;
using AgentFlow.Server.Features.Activities;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary>Everything that watches in one process, and who carries away what it sees.</summary>
internal sealed class MonitoringKeeping : IAsyncDisposable
{
    private readonly AlertNotifier _notifier;
    private int _isDisposed;

    public MonitoringKeeping(AlertSettings settings, OpenStore store, EndpointLatencies latencies, ActivityHub activity, UlidFactory ids, TimeProvider clock, ILogger log)
    {
        _notifier = new AlertNotifier(settings, activity, clock, log);
        Watch = new AlertWatch(settings, store.Alerts, store.Presence, latencies, _notifier.Tell, ids, clock, log);
    }

    public AlertWatch Watch { get; }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            await Watch.DisposeAsync().ConfigureAwait(false);
            await _notifier.DisposeAsync().ConfigureAwait(false);
        }
    }
}
