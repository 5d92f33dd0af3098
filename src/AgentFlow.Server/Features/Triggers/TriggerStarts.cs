using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Secrets;
using AgentFlow.Engine.Triggers;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Features.Config;
using AgentFlow.Server.Features.Workflows;

namespace AgentFlow.Server.Features.Triggers;

/// <summary>Starts the runs of triggers, each under a key of its own, with the limits that hold for every run of the tenant.</summary>
internal sealed class TriggerStarts(PublishedWorkflows workflows, RunHost host, ConfigBook config, TenantQuotas quotas, SecretMask mask)
{
    /// <summary>The newest version of a trigger's workflow, and what it says of the trigger; <see langword="null"/> when there is none, or it does not have it.</summary>
    /// <exception cref="RunUnreadableException">It does not compile in this build.</exception>
    public async ValueTask<(WorkflowDefinition Definition, T Trigger)?> FindAsync<T>(string tenant, string workflow, string name, CancellationToken cancellationToken)
        where T : WorkflowTrigger =>
        await workflows.FindAsync(tenant, workflow, null, cancellationToken).ConfigureAwait(false) is { } definition && definition.Triggers.OfType<T>().FirstOrDefault(t => t.Name == name) is { } trigger
            ? (definition, trigger)
            : null;

    /// <summary>Whether the tenant takes new runs of a workflow.</summary>
    public async ValueTask<bool> TakesRunsAsync(string tenant, string workflow, CancellationToken cancellationToken) =>
        (await config.OfAsync(tenant, cancellationToken).ConfigureAwait(false)).Switch("AF_ACCEPT_RUNS", workflow) is not false;

    /// <param name="key">Names the occasion: the same one gives the same run.</param>
    /// <param name="by">The actor.</param>
    public async Task<StartOutcome> StartAsync(TriggerState trigger, WorkflowDefinition definition, Payload input, string key, string by, string? traceId, CancellationToken cancellationToken)
    {
        await quotas.RequireStorageAsync(trigger.Tenant, cancellationToken).ConfigureAwait(false);
        long? maxRuns = await quotas.MaxRunsAsync(trigger.Tenant, cancellationToken).ConfigureAwait(false);
        var request = new StartRequest(trigger.Tenant, definition, new Payload(mask.Json(input.Utf8)), by, traceId, key) { Authority = trigger.Authority, MaxRuns = maxRuns };
        return await host.StartAsync(request, cancellationToken).ConfigureAwait(false);
    }
}
