using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Hosting;

namespace AgentFlow.Server.Features.Health;

/// <summary>Whether the process lives, and whether it can do its work.</summary>
internal sealed class HealthEndpoints(RunHost host, IRunStore store, IHostApplicationLifetime lifetime)
{
    public static Task AliveAsync(HttpContext context, CancellationToken cancellationToken) =>
        Reply.JsonAsync(context, StatusCodes.Status200OK, new HealthView("alive"), ServerJson.Default.HealthView);

    public async Task ReadyAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            await Reply.JsonAsync(context, StatusCodes.Status503ServiceUnavailable, new HealthView("stopping"), ServerJson.Default.HealthView).ConfigureAwait(false);
            return;
        }

        // Any row will do; none with this id exists.
        await store.FindAsync(Tenant.Default, default(Ulid), cancellationToken).ConfigureAwait(false);
        if (host.StoreFailure is { } failure)
        {
            throw failure;
        }

        await Reply.JsonAsync(
            context,
            StatusCodes.Status200OK,
            new HealthView("ready", "ok", host.Resident, host.Backlog),
            ServerJson.Default.HealthView).ConfigureAwait(false);
    }
}

/// <param name="Status"><c>alive</c>, <c>ready</c> or <c>stopping</c>.</param>
/// <param name="Store"><c>ok</c> when the store has answered.</param>
/// <param name="ResidentRuns">Runs held in memory now.</param>
/// <param name="Backlog">Writes that wait for the disk.</param>
public sealed record HealthView(string Status, string? Store = null, int? ResidentRuns = null, int? Backlog = null);
