using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Triggers;
using AgentFlow.Server.Features.Workflows;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Triggers;

/// <summary>Keeps what is remembered of triggers in step with the workflows that are stored.</summary>
internal sealed class TriggerBook(ITriggerStore triggers, PublishedWorkflows workflows, TimeProvider clock)
{
    /// <summary>
    /// Notes the triggers of a version that is about to be stored, so that none is forgotten between the two. Those that the version
    /// turns out not to have are dropped when they are due.
    /// </summary>
    /// <exception cref="ProblemException"><c>PERMISSION_DENIED</c>: the caller could not start such runs.</exception>
    public async Task AnnounceAsync(HttpContext context, string tenant, WorkflowDefinition definition, CancellationToken cancellationToken)
    {
        if (definition.Triggers.Count == 0)
        {
            return;
        }

        Principal caller = Caller.Of(context);
        if (caller.StartProblem(definition.Name, definition.Policies.MaxBudgetNanoDollars) is { } problem)
        {
            throw new ProblemException(ErrorCode.PermissionDenied, $"The triggers of '{definition.Name}' start runs for you. {problem}");
        }

        foreach (WorkflowTrigger trigger in definition.Triggers)
        {
            await triggers.AddAsync(Of(tenant, definition, trigger, caller), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Makes them those of the version that was stored, if it is the newest.</summary>
    public async Task FollowAsync(HttpContext context, string tenant, WorkflowDefinition definition, CancellationToken cancellationToken)
    {
        if (definition.Triggers.Count == 0 || (await workflows.Catalogue.FindAsync(tenant, definition.Name, null, cancellationToken).ConfigureAwait(false))?.Hash != definition.Hash)
        {
            return;
        }

        Principal caller = Caller.Of(context);
        foreach (WorkflowTrigger trigger in definition.Triggers)
        {
            TriggerState? known;
            TriggerState wanted;
            do
            {
                known = await triggers.FindAsync(tenant, definition.Name, trigger.Name, cancellationToken).ConfigureAwait(false);
                TriggerState own = Of(tenant, definition, trigger, caller);
                wanted = known is null ? own : known with { Owner = own.Owner, Authority = own.Authority, Schedule = own.Schedule, NextAt = own.Schedule == known.Schedule ? known.NextAt : own.NextAt };
                if (known is null)
                {
                    await triggers.AddAsync(own, cancellationToken).ConfigureAwait(false);
                }
            }
            while (known is not null && wanted != known && !await triggers.ReplaceAsync(wanted, cancellationToken).ConfigureAwait(false));
        }
    }

    private TriggerState Of(string tenant, WorkflowDefinition definition, WorkflowTrigger trigger, Principal caller)
    {
        var state = new TriggerState(tenant, definition.Name, trigger.Name) { Owner = caller.Actor, Authority = caller.Authority() };
        return trigger is CronTrigger cron ? state.Follow(cron, clock.GetUtcNow().ToUnixTimeMilliseconds()) : state;
    }
}
