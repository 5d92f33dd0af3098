using System.Security.Cryptography;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Secrets;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Features.Bridge.Tokens;
using AgentFlow.Server.Features.Config;
using AgentFlow.Server.Features.Workflows;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>Makes a run of one step of what an operator wants of a remote agent. Nothing but runs ever sends a task.</summary>
internal sealed class TaskDispatch(BridgeSettings settings, AgentChoice choice, IBridgeTaskStore tasks, PublishedWorkflows workflows, RunHost host, ConfigBook config, AuditRecorder audit, SecretMask mask, TimeProvider clock, TenantQuotas quotas)
{
    /// <summary>The workflow of such runs; every tenant gets it with its first one.</summary>
    public const string Workflow = "bridge-dispatch";

    private const string Version = "1.0.0";

    private const string Source = $$"""
        language: 1
        name: {{Workflow}}
        version: {{Version}}
        description: One task for a remote agent. Published by the Agent Bridge with a tenant's first dispatch.
        planner: dag
        steps:
          - id: task
            tool: {{RemoteAgentTool.Id}}
            input: "${input}"
        output: "${steps.task.output}"
        """;

    /// <summary>Starts the run and says what it is known by. The task is durable when it returns.</summary>
    /// <param name="idempotencyKey">Whoever uses it again gets the same task; <see langword="null"/>: nobody does.</param>
    /// <exception cref="ProblemException">Nobody can do it, or the caller may not ask for it.</exception>
    public async Task<BridgeTask> StartAsync(HttpContext context, TaskWish wish, string action, string? idempotencyKey, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        if (!settings.IsOn)
        {
            throw new ProblemException(ErrorCode.AuthError, AgentTokens.NoSecret);
        }

        IReadOnlyList<RegisteredAgent> candidates = await choice.CandidatesAsync(tenant, wish.Action, wish.Agent, cancellationToken).ConfigureAwait(false);
        if (candidates.Count == 0)
        {
            throw new ProblemException(ErrorCode.AgentNotFound, wish.Agent is null
                ? $"No agent has the capability '{wish.Action}'. GET /orchestrator/agents lists the agents; one that has it must register."
                : $"There is no agent '{wish.Agent}'. GET /orchestrator/agents lists them.");
        }

        WorkflowDefinition definition = await DefinitionAsync(tenant, cancellationToken).ConfigureAwait(false);
        Principal caller = Caller.Of(context);
        if (caller.StartProblem(definition.Name, definition.Policies.MaxBudgetNanoDollars) is { } problem)
        {
            throw new ProblemException(ErrorCode.PermissionDenied, problem);
        }

        TenantConfig current = await config.OfAsync(tenant, cancellationToken).ConfigureAwait(false);
        if (current.Switch("AF_ACCEPT_RUNS", definition.Name) is false)
        {
            throw new ProblemException(ErrorCode.RunsNotAccepted, "The setting accept_runs is off: no task was dispatched.");
        }

        // What a key stands for is the wish, before it gets an id.
        string requestHash = idempotencyKey is null ? "" : Convert.ToHexStringLower(SHA256.HashData(wish.Write().Span));
        Guid id = idempotencyKey is null ? Guid.NewGuid() : TaskWish.IdOf($"key/{tenant}/{idempotencyKey}");
        string traceId = wish.TraceId ?? (idempotencyKey is null ? Guid.NewGuid() : TaskWish.IdOf($"trace/{tenant}/{idempotencyKey}")).ToString("D", null);
        TaskWish complete = wish with { Id = id, TraceId = traceId };
        await quotas.RequireStorageAsync(tenant, cancellationToken).ConfigureAwait(false);
        long? maxRuns = await quotas.MaxRunsAsync(tenant, cancellationToken).ConfigureAwait(false);
        await audit.AllowAsync(context, tenant, action, $"task:{id:D}", d => d.Text("action"u8, wish.Action).Text("agent"u8, wish.Agent ?? "")).ConfigureAwait(false);
        var input = new Payload(mask.Json(complete.Write()));
        StartOutcome start = await host.StartAsync(
            new StartRequest(tenant, definition, input, caller.Actor, traceId, idempotencyKey, requestHash) { Authority = caller.Authority(), MaxRuns = maxRuns }, cancellationToken).ConfigureAwait(false);
        if (!start.IsNew && start.RequestHash != requestHash)
        {
            throw new ProblemException(ErrorCode.IdempotencyKeyReused, $"The {IdempotencyKeys.Header} was used for another request. Use a new key for a new task.");
        }

        // The run's step would add it; whoever asks for it before that finds it too.
        BridgeTask task = await tasks.AddAsync(
            tenant,
            new BridgeTask(id, start.Run, wish.Action, TaskWish.Read(input.Utf8).Payload)
            {
                Tenant = tenant,
                Agent = candidates[0].Id,
                RequestedBy = wish.RequestedBy ?? caller.Actor,
                TraceId = traceId,
                Resources = wish.Resources,
                ReplayOf = wish.ReplayOf,
                CreatedAt = clock.GetUtcNow().ToUnixTimeMilliseconds(),
            },
            cancellationToken).ConfigureAwait(false);
        // Where the step was first it names no agent before it has taken one: until then the best candidate is the answer.
        return task.Agent.Length > 0 ? task : task with { Agent = candidates[0].Id };
    }

    private async ValueTask<WorkflowDefinition> DefinitionAsync(string tenant, CancellationToken cancellationToken)
    {
        if (await workflows.FindAsync(tenant, Workflow, Version, cancellationToken).ConfigureAwait(false) is { } known)
        {
            return known;
        }

        LoadResult loaded = workflows.Check(new WorkflowSource(Source, WorkflowAssets.Empty, $"{Workflow}.yaml"));
        WorkflowDefinition definition = loaded.Definition ?? throw new InvalidOperationException($"The bridge's own workflow does not load: {loaded.Diagnostics.First(d => d.IsError)}");
        await workflows.SaveAsync(tenant, definition, CatalogueLimits.None, cancellationToken).ConfigureAwait(false);
        return await workflows.FindAsync(tenant, Workflow, Version, cancellationToken).ConfigureAwait(false) ?? definition;
    }
}
