using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Models.Providers;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Tools;
using Microsoft.Extensions.Hosting;

namespace AgentFlow.Server;

/// <summary>
/// The life of everything behind the endpoints. The web host starts it before it listens and stops it after the last
/// answer; disposing lets go of the database whether or not it was ever started.
/// </summary>
internal sealed class HostedEngine(
    RunHost host,
    CustomAgentKind agents,
    ModelProviders models,
    HttpTransport transport,
    SqliteDatabase database,
    TimeSpan grace) : IHostedService, IAsyncDisposable
{
    public Task StartAsync(CancellationToken cancellationToken) => host.OpenAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => host.StopAsync(grace);

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync().ConfigureAwait(false);
        await agents.DisposeAsync().ConfigureAwait(false);
        models.Dispose();
        transport.Dispose();
        database.Dispose();
    }
}
